/**
 * Which workers have a file that another one needs. While nobody has it, few are sent to the server
 * itself and the others wait a moment for those: so a file leaves the server a few times, however
 * many want it at once, and then spreads from worker to worker.
 */
import { isIP } from 'node:net';
import type { Digest } from '#model';
import { MOST_PEERS, type Peer, type PeerAnswer, type PeerQuestion, peerTicket } from '#wire';
import type { Core, Worker } from './core.ts';
import { serverErrors } from './errors.ts';
import { isReachable, plainAddress, siteOf, stagerOf } from './stagers.ts';

/** So many get a file from the server at the same time, where others could get it from them. */
const FEW = 2;
const ASK_AGAIN_MS = 300;
/** Who has not told by then that it has the file is waited for no longer. */
const GOING_MS = 60_000;

export class PeerDesk {
  readonly #core: Core;
  /** Who was sent to the server for a file, and when, on the monotonic clock. */
  readonly #going = new Map<Digest, Map<string, number>>();
  #turn = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** @throws WindrowError WORKER_UNKNOWN */
  answer({ worker: id, blob }: PeerQuestion): PeerAnswer {
    const asker = this.#core.workers.get(id);
    if (!asker || asker.state === 'lost') {
      throw serverErrors.create('WORKER_UNKNOWN', { worker: id });
    }
    const peers = this.#peersFor(asker, blob);
    const isOfSite = siteOf(asker) !== '';
    // At a site busy peers are worth waiting for: the server is told to be far.
    if (peers.length > 0 || isOfSite) {
      return { peers, waitMs: isOfSite && peers.length > 0 ? ASK_AGAIN_MS : 0 };
    }
    const going = this.#goingFor(blob);
    const mayGo = going.size < FEW || going.has(id) || asker.peer === null;
    if (!mayGo) return { peers, waitMs: ASK_AGAIN_MS };
    if (asker.peer !== null) going.set(id, this.#core.clock.monotonic());
    if (going.size > 0) this.#going.set(blob, going);
    return { peers, waitMs: 0 };
  }

  #peersFor(asker: Worker, blob: Digest): Peer[] {
    const stager = stagerOf(this.#core, asker);
    const holders = [...this.#core.workers.values()].filter(
      (worker) =>
        worker !== asker &&
        (worker === stager || siteOf(worker) === siteOf(asker)) &&
        hasIt(worker, blob) &&
        isReachable(worker, asker),
    );
    // Each has its turn at being asked first.
    const first = this.#turn++ % Math.max(1, holders.length);
    const inTurn = [...holders.slice(first), ...holders.slice(0, first)];
    return inTurn.slice(0, MOST_PEERS).map((worker) => {
      const { port, pin, key } = worker.peer!;
      const url = `https://${hostOf(worker.address)}:${port}#sha256:${pin}`;
      return { name: worker.name, url, ticket: peerTicket(key, blob) };
    });
  }

  /** Those that are still expected to bring it. */
  #goingFor(blob: Digest): Map<string, number> {
    const nowMs = this.#core.clock.monotonic();
    for (const [one, going] of this.#going) {
      for (const [id, sinceMs] of going) {
        const worker = this.#core.workers.get(id);
        const isOver = !worker || worker.state === 'lost' || nowMs - sinceMs > GOING_MS;
        const state = worker?.data.told.get(one);
        if (isOver || state === 'here' || state === 'tried') going.delete(id);
      }
      if (going.size === 0) this.#going.delete(one);
    }
    return this.#going.get(blob) ?? new Map();
  }
}

function hasIt({ peer, state, data }: Worker, blob: Digest): boolean {
  return peer !== null && state !== 'lost' && data.told.get(blob) === 'here';
}

function hostOf(address: string): string {
  const host = plainAddress(address);
  return isIP(host) === 6 ? `[${host}]` : host;
}
