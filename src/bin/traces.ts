/** Traces: the store of a server, and the way of a machine's own to a collector. */
import { join } from 'node:path';
import { hrtime } from 'node:process';
import { Agent } from 'undici';
import { messageOf, systemClock } from '#base';
import type { CollectTracesOptions, TraceStoreOptions, World } from '#cli';
import {
  type Collected,
  type Compression,
  collectTraces as collect,
  prune,
  type StoredTrace,
  TraceStore,
  TracesFace,
  traceIdAt,
  tracesErrors,
} from '#traces';
import { readSecretFile } from '#wire';

const UNFINISHED_MS = 7 * 86_400_000;
const PRUNE_MS = 600_000;
const MOST_UPLOADS = 256;
const MOST_FILES = 10_000;

export interface OpenTraces {
  readonly store: TraceStore;
  readonly face: TracesFace;
  close(): void;
}

interface TracesPorts {
  /** Uploads over plain HTTP from other machines are taken. */
  readonly insecure: boolean;
  readonly onStored: (trace: StoredTrace) => void;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
}

/** Throws TRACE_STORE_FAILED, SECRET_FILE_…. */
export async function openTraces(
  options: TraceStoreOptions,
  { insecure, onStored, log }: TracesPorts,
): Promise<OpenTraces> {
  const { account, secretFile, anonymous, keepMs, spaceBytes } = options;
  const secret = secretFile === '' ? '' : await readSecretFile(secretFile);
  const store = openStore(options.directory, options, onStored);
  const face = new TracesFace({
    store,
    rules: { account, secret, needsCertificate: false, insecure },
    unfinishedMs: UNFINISHED_MS,
    mostAtOnce: MOST_UPLOADS,
    onFault: (message, error) => log('error', message, { error: messageOf(error) }),
  });
  const retention = { keepMs, spaceBytes, unfinishedMs: UNFINISHED_MS };
  const tidy = async () => {
    try {
      for (const { trace, why } of await prune(store, retention)) {
        log('info', 'a trace was given up', { id: trace.id, name: trace.name, why });
      }
    } catch (error) {
      log('warn', 'the trace store could not be tidied', { error: messageOf(error) });
    }
  };
  const timer = setInterval(tidy, PRUNE_MS);
  void tidy();
  if (!anonymous) log('info', 'traces are taken', { directory: store.directory });
  return { store, face, close: () => clearInterval(timer) };
}

/** For looking at traces where no server runs. */
export function openTracesToRead(directory: string): TraceStore {
  const limits = { fileLimitBytes: 0, idLimitBytes: 0, idFiles: 0 };
  return openStore(directory, { ...limits, anonymous: false }, () => {});
}

function openStore(
  directory: string,
  options: Pick<TraceStoreOptions, 'fileLimitBytes' | 'idLimitBytes' | 'idFiles' | 'anonymous'>,
  onStored: (trace: StoredTrace) => void,
): TraceStore {
  const { fileLimitBytes: fileBytes, idLimitBytes: idBytes, idFiles, anonymous } = options;
  const limits = { fileBytes, idBytes, idFiles };
  return TraceStore.open({ directory, limits, anonymous, clock: systemClock, onStored });
}

/** Throws TRACE_PLAIN_HTTP, TRACE_DIRECTORY_FAILED, TRACE_SWITCH_FAILED, SECRET_FILE_…. */
export async function collectTraces(
  options: CollectTracesOptions,
  world: World,
): Promise<Collected & { readonly id: string }> {
  const { url, account, secretFile } = options;
  const id =
    options.id ??
    traceIdAt(BigInt(world.clock.now()) * 1_000_000n + (hrtime.bigint() % 1_000_000n));
  if (!options.insecure && !isSafe(url)) throw tracesErrors.create('TRACE_PLAIN_HTTP');
  const secret = secretFile === '' ? '' : await readSecretFile(secretFile);
  const dispatcher = new Agent();
  try {
    const collected = await collect({
      directory: options.directory,
      match: options.match,
      mostFiles: MOST_FILES,
      id,
      to: { url, dispatcher, account, secret },
      switchFile: options.switchFile,
      switchText: options.switchText,
      compression: options.compression as Compression,
      remove: options.remove,
      memory: join(options.stateDirectory, 'begun-uploads'),
      signal: world.ending,
      onStep: options.onStep,
    });
    return { ...collected, id };
  } finally {
    await dispatcher.destroy();
  }
}

/** Encrypted, or never leaves the machine. */
function isSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(localhost|127\..*|\[::1\])$/.test(hostname);
}
