/** A worker process from its start to its end: directory, agent, signals. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { formatDuration, messageOf, WindrowError } from '#base';
import type { ContentSource, StoreEvent } from '#datastore';
import type { Walls } from '#sandbox';
import { isOlderVersion, ServerClient } from '#wire';
import { type AgentIdentity, WorkerAgent } from './agent.ts';
import { removeClientFile } from './client-file.ts';
import { lazyStore, type WorkerStore } from './lazy-store.ts';
import { followingMoves } from './moved.ts';
import type { OpenPeerDoor, PeerDoorOptions } from './peers/peer-door.ts';
import { peerSource } from './peers/peer-source.ts';
import type { AgentOptions } from './port.ts';
import { contentKey } from './stock.ts';
import {
  clearLeftovers,
  removeOldBlobs,
  takeDirectory,
  type WorkerDirectory,
} from './worker-directory.ts';

export interface RunWorkerOptions
  extends Omit<
    AgentOptions,
    'connect' | 'dir' | 'marks' | 'datastore' | 'slots' | 'walls' | 'peerDoor'
  > {
  /** Opens the store that workers of this directory share; `server` has files by their digests. */
  readonly openData: (
    directory: string,
    server: ContentSource,
    onEvent: (event: StoreEvent) => void,
    /** Other workers, by the same digests; null where none is asked. */
    peers: ContentSource | null,
  ) => Promise<WorkerStore>;
  /** Lets others have what `hold` finds; null where they may not. */
  readonly openPeers: ((hold: PeerDoorOptions['hold']) => Promise<OpenPeerDoor>) | null;
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
  /** The server's URL, told likewise; `''` if it is looked up. */
  readonly server: string;
  /** The worker's own executable where it was put by others, absolute; it may have to go at the end. */
  readonly clientFile: string | null;
  /** How long what runs may go on once the worker is asked to end; null: until it is done. */
  readonly drainMs: number | null;
}

/** To fetch an executable over a bad line. */
const RESCUE_MS = 600_000;
/** Syncs, transfers and a spare. */
const CONNECTIONS = 8;

/**
 * Runs a worker until it is drained or stopped. The first SIGTERM or SIGINT drains, the second
 * stops at once, SIGHUP stops. Rejects with a `WindrowError`. True: `options.successor` is to go on.
 */
export async function runWorker(options: RunWorkerOptions): Promise<boolean> {
  const worker = randomUUID();
  const { dir, exclusive, log } = options;
  const owner = { worker, session: options.sessionTag, server: options.server };
  const directory = takeDirectory({ dir, owner, host: hostname(), exclusive });
  const wishes: Wishes = { endsClient: false };
  try {
    // Before the rest is cleared: what was made outside of the directory, and mounts inside of it.
    const walls = await options.openWalls(directory.own);
    try {
      await clearLeftovers(directory.own, log, (path) => walls.remove(path));
      await removeOldBlobs(options.dir);
      const endpoint = followingMoves(options.endpoint, directory.own);
      return await runAgents({ ...options, endpoint, walls }, directory, worker, wishes);
    } finally {
      await walls.close();
    }
  } finally {
    directory.release();
    if (wishes.endsClient) await removeClient(options);
  }
}

async function removeClient({ clientFile, sessionTag, dir, log }: RunWorkerOptions): Promise<void> {
  if (clientFile === null) return;
  try {
    const isGone = await removeClientFile(clientFile, sessionTag, dir);
    if (isGone) log.info({ clientFile }, 'removed this executable, as a job asked');
  } catch (error) {
    log.warn({ clientFile, reason: messageOf(error) }, 'this executable could not be removed');
  }
}

/** What the server wants once the worker has ended. */
interface Wishes {
  endsClient: boolean;
}

type AgentsOptions = RunWorkerOptions & { readonly walls: Walls };

/** One agent, and another for each time that another server has taken the place of the last. */
async function runAgents(
  options: AgentsOptions,
  directory: WorkerDirectory,
  worker: string,
  wishes: Wishes,
): Promise<boolean> {
  let identity: AgentIdentity = { worker, replaces: directory.replaces };
  for (;;) {
    const end = await runAgent(options, directory, identity, wishes);
    if (end !== 'server-replaced') return end === 'succeeded';
    options.log.warn({}, 'another server answers; what ran for the last one was ended');
    identity = { worker: randomUUID(), replaces: null };
  }
}

/**
 * `server-replaced`: by another, for which it must begin anew. `succeeded`: a newer executable lies
 * ready, because this one ended for it, or because the server understands no other.
 */
async function runAgent(
  options: AgentsOptions,
  directory: WorkerDirectory,
  identity: AgentIdentity,
  wishes: Wishes,
): Promise<'ended' | 'succeeded' | 'server-replaced'> {
  const server: ContentSource = { open: (...order) => agent.openContent(...order) };
  const onEvent = (event: StoreEvent) => agent.noteStore(event);
  const peers = peerSource({
    worker: () => identity.worker,
    link: () => agent.link(),
    clock: options.clock,
  });
  const asked = options.openPeers === null && options.stager === '' ? null : peers;
  const datastore = lazyStore(() => options.openData(directory.data, server, onEvent, asked));
  let door: OpenPeerDoor | null = null;
  const agent: WorkerAgent = new WorkerAgent(
    {
      ...options,
      dir: directory.own,
      datastore,
      peerDoor: options.openPeers && { told: () => door?.told() ?? null },
      marks: directory.marks,
      connect: (endpoint) => new ServerClient({ ...endpoint, connections: CONNECTIONS }),
    },
    identity,
  );
  const forget = heedSignals(agent, options);
  try {
    // After the signals: making a certificate takes a while.
    door = await openDoor(options, (sha256) => datastore.hold(contentKey(sha256)));
    await agent.run();
    if (agent.isSucceeded) return 'succeeded';
    wishes.endsClient ||= agent.endsClient;
    return 'ended';
  } catch (error) {
    if (!(error instanceof WindrowError)) throw error;
    if (error.code === 'WORKER_SERVER_REPLACED') return 'server-replaced';
    if (await isRescued(error, options)) return 'succeeded';
    wishes.endsClient ||= agent.endsClient;
    throw error;
  } finally {
    forget();
    await door?.close();
  }
}

/** A worker that cannot give others anything is a worker all the same. */
async function openDoor(
  { openPeers, log }: Pick<RunWorkerOptions, 'openPeers' | 'log'>,
  hold: PeerDoorOptions['hold'],
): Promise<OpenPeerDoor | null> {
  try {
    return openPeers === null ? null : await openPeers(hold);
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'other workers cannot be let in for inputs');
    return null;
  }
}

/**
 * Whether a server that speaks a newer protocol had an executable for this machine. What ran could
 * not be reported to it in any case.
 */
async function isRescued(error: WindrowError, options: RunWorkerOptions): Promise<boolean> {
  const { successor, platform, version, endpoint, log } = options;
  const { serverVersion } = error.facts;
  if (error.code !== 'PROTOCOL_MISMATCH' || !successor) return false;
  if (typeof serverVersion !== 'string' || !isOlderVersion(version, serverVersion)) return false;
  log.warn({}, error.message);
  const link = new ServerClient({ ...(await endpoint()), connections: 1 });
  try {
    const offer = await link.describeClient(platform);
    await successor.prepare(offer, link, AbortSignal.timeout(RESCUE_MS));
    return successor.path !== null;
  } catch (failure) {
    log.warn({ reason: messageOf(failure) }, 'the server has no windrow for this machine');
    return false;
  } finally {
    await link.close();
  }
}

function heedSignals(
  agent: WorkerAgent,
  { log, drainMs }: Pick<RunWorkerOptions, 'log' | 'drainMs'>,
): () => void {
  let asked = 0;
  let timer: NodeJS.Timeout | undefined;
  const ask = () => {
    asked++;
    if (asked > 1 || drainMs === 0) return agent.stop();
    const limit = drainMs === null ? '' : ` for up to ${formatDuration(drainMs)}`;
    log.info({}, `asked to end: finishing what runs${limit}; ask again to give it back at once`);
    agent.drain();
    if (drainMs !== null) timer = setTimeout(() => agent.stop(), drainMs);
  };
  const stop = () => agent.stop();
  process.on('SIGTERM', ask).on('SIGINT', ask).on('SIGHUP', stop);
  return () => {
    clearTimeout(timer);
    process.off('SIGTERM', ask).off('SIGINT', ask).off('SIGHUP', stop);
  };
}
