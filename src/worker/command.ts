/** A worker process from its start to its end: directory, agent, signals. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Walls } from '#sandbox';
import { ServerClient } from '#wire';
import { WorkerAgent } from './agent.ts';
import type { AgentOptions } from './port.ts';
import { clearLeftovers, takeDirectory, takenAtMs, trimBlobs } from './worker-directory.ts';

export interface RunWorkerOptions
  extends Omit<AgentOptions, 'connect' | 'dir' | 'blobs' | 'slots' | 'walls'> {
  /** For a worker that has this directory of its own, and its lock. */
  readonly openWalls: (directory: string) => Promise<Walls>;
  /** Absolute; machines may share it. */
  readonly dir: string;
  /** At least one. */
  readonly slots: number;
  /** Refuse to be the second worker of this machine in `dir`. */
  readonly exclusive: boolean;
  /** Tells the session to others who find this worker in `dir`; `''` if it is not known yet. */
  readonly sessionTag: string;
  /** Most bytes of programs and inputs kept in `dir` between runs. */
  readonly cacheBytes: number;
}

/** Syncs, transfers and a spare. */
const CONNECTIONS = 8;

/**
 * Runs a worker until it is drained or stopped. The first SIGTERM or SIGINT drains, the second
 * stops at once, SIGHUP stops. Rejects with a `WindrowError`.
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const worker = randomUUID();
  const { dir, exclusive, log } = options;
  const owner = { worker, session: options.sessionTag };
  const directory = takeDirectory({ dir, owner, host: hostname(), exclusive });
  try {
    // First what was made outside of the directory, and mounts inside of it.
    const walls = await options.openWalls(directory.own);
    await clearLeftovers(directory.own, log);
    trimBlobs(directory.blobs, options.cacheBytes, takenAtMs(directory));
    const agent = new WorkerAgent(
      {
        ...options,
        walls,
        dir: directory.own,
        blobs: directory.blobs,
        connect: (endpoint) => new ServerClient({ ...endpoint, connections: CONNECTIONS }),
      },
      { worker, replaces: directory.replaces },
    );
    const forget = heedSignals(agent, options);
    try {
      await agent.run();
    } finally {
      forget();
      await walls.close();
    }
  } finally {
    directory.release();
  }
}

function heedSignals(agent: WorkerAgent, { log }: Pick<RunWorkerOptions, 'log'>): () => void {
  let asked = 0;
  const ask = () => {
    asked++;
    if (asked === 1) {
      log.info({}, 'asked to end: finishing what runs; ask again to stop at once');
      agent.drain();
    } else agent.stop();
  };
  const stop = () => agent.stop();
  process.on('SIGTERM', ask).on('SIGINT', ask).on('SIGHUP', stop);
  return () => void process.off('SIGTERM', ask).off('SIGINT', ask).off('SIGHUP', stop);
}
