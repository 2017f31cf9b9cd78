/** A store of its own for a test, quick to give up and to try again. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Clock, systemClock } from '#base';
import { openFileTransport } from '../file-transport.ts';
import { type HttpOptions, openHttpTransport } from '../http/http-transport.ts';
import { openDatastore } from '../open-datastore.ts';
import type { Datastore, DatastoreOptions, Held, StoreEvent } from '../port.ts';

export interface TestStore extends Datastore {
  readonly events: StoreEvent[];
}

export function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-data-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Mounts something at a new directory, and takes it away before anything below it could be removed.
 * Null where that takes more rights. `options` go before the place in the words of mount(8).
 */
export function mountFor(t: TestContext, options: readonly string[]): string | null {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-mount-'));
  try {
    execFileSync('mount', [...options, directory], { stdio: 'ignore' });
  } catch {
    rmdirSync(directory);
    return null;
  }
  t.after(() => {
    execFileSync('umount', ['--lazy', directory]);
    rmdirSync(directory);
  });
  return directory;
}

export interface StoreWish extends Partial<Omit<DatastoreOptions, 'transports' | 'onEvent'>> {
  readonly http?: Partial<HttpOptions>;
}

/** Closed at the end of the test. */
export async function openStore(t: TestContext, wish: StoreWish = {}): Promise<TestStore> {
  const { http, ...options } = wish;
  const clock: Clock = options.clock ?? systemClock;
  const events: StoreEvent[] = [];
  const onEvent = (event: StoreEvent) => void events.push(event);
  const random = options.random ?? Math.random;
  const proxies = { http: [], https: [], none: [] };
  const common = { proxies, credentials: null, userAgent: 'windrow-test', clock, random, onEvent };
  const store = await openDatastore({
    directory: options.directory ?? directoryFor(t),
    limits: { leastFreeBytes: 0 },
    ...options,
    fetching: {
      tries: 3,
      backoffFromMs: 1,
      backoffToMs: 5,
      slowBytesPerSecond: 1,
      slowMs: 20_000,
      ...options.fetching,
    },
    transports: [openHttpTransport({ ...common, ...http }), openFileTransport()],
    clock,
    random,
    onEvent,
  });
  t.after(() => store.close());
  return Object.assign(store, { events });
}

/** The bytes of a held file, which is given back. */
export async function readHeld(held: Held): Promise<Buffer> {
  const bytes = readFileSync(held.path);
  await held.release();
  return bytes;
}

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const { setTimeout: delay } = await import('node:timers/promises');
  while (!(await isSo())) await delay(5);
}
