/** The worker beside a server of `windrow run`: a process of its own, started before the server. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { commandOf, makeDirectories, readLock } from '#base';
import type { RunOptions, World } from '#cli';
import { type LocalWorker, startLocalWorker } from '#pilots';
import { lockPathOf } from '#worker';

/** A worker that was asked to end and has nothing to finish needs no longer than this. */
const WORKER_ENDS_MS = 10_000;

export interface PreparedWorker {
  /**
   * The server listens. Called again, when that worker has ended, it starts another. Rejects when
   * the process could not be started.
   */
  begin(): Promise<LocalWorker>;
  /** There will be no server: a worker that was started for it is ended. */
  giveUp(): Promise<void>;
}

/**
 * Starts the worker's process, or finds the one that is there. It loads while the server does the
 * same, a third of a second, and touches nothing before `begin`.
 */
export function prepareWorker(
  directory: string,
  options: RunOptions,
  world: World,
): PreparedWorker {
  const { promise: line, resolve } = Promise.withResolvers<string | null>();
  const starting = startWorker(directory, options, world, line);
  let next: Promise<LocalWorker> | null = starting;
  starting.catch(() => undefined); // a state directory that cannot be is the server's to explain
  return {
    begin: () => {
      resolve('begin');
      const worker = next ?? startWorker(directory, options, world, line);
      next = null;
      return worker;
    },
    giveUp: async () => {
      resolve(null);
      const worker = await starting.catch(() => null);
      // One that was there works for another server; watching it would keep this process alive.
      if (worker?.adopted) worker.unref();
      else await worker?.ended;
    },
  };
}

async function startWorker(
  directory: string,
  options: RunOptions,
  world: World,
  line: Promise<string | null>,
): Promise<LocalWorker> {
  const dir = join(directory, 'worker');
  makeDirectories(dir, 0o700);
  return startLocalWorker({
    argv: [
      ...commandOf(new URL('./windrow.js', import.meta.url)),
      'worker',
      ...['--state', directory, '--dir', dir, '--slots', String(options.slots)],
      ...['--worker-starter', options.workerStarter, '--walls', options.workerWalls],
      ...(options.policyFile === '' ? [] : ['--policy-file', options.policyFile]),
      ...['--policy-interval', `${options.policyMs} ms`],
      ...['--log-level', 'info', '--wait-for-line'],
    ],
    environment: { ...world.surroundings.environment, WINDROW_SERVER: undefined },
    dir,
    line,
    findHolder: () => {
      const state = readLock(lockPathOf(dir, hostname()));
      return state && { pid: state.holder.pid, life: state.life };
    },
  });
}

export async function endWorker(worker: LocalWorker, isBusy: () => boolean): Promise<void> {
  let asked = 0;
  const again = (): void => {
    asked++;
    if (asked === 1) worker.stop();
    else worker.kill();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, again);
  // It was told by its sync to finish and end; one that hangs without work is ended.
  const hangs = setInterval(() => {
    if (!isBusy()) worker.kill();
  }, WORKER_ENDS_MS);
  try {
    await worker.ended;
  } finally {
    clearInterval(hangs);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, again);
  }
}
