/**
 * One request at a time for each upload. Whoever has the turn is asked to give way to the next, who is
 * a sender that came back while its old connection still seems to be there. (The library's own locker
 * asks again in every turn of the event loop.)
 */
import { ERRORS, type Lock, type Locker, type RequestRelease } from '@tus/server';

const WAIT_MS = 30_000;

interface Turn {
  giveWay: RequestRelease;
  readonly waiting: Waiting[];
}

interface Waiting {
  readonly giveWay: RequestRelease;
  readonly begin: () => void;
}

export class UploadLocker implements Locker {
  readonly #turns = new Map<string, Turn>();

  newLock(id: string): Lock {
    return {
      lock: (signal, giveWay) => this.#lock(id, signal, giveWay),
      unlock: async () => this.#unlock(id),
    };
  }

  async #lock(id: string, signal: AbortSignal, giveWay: RequestRelease): Promise<void> {
    const turn = this.#turns.get(id);
    if (!turn) {
      this.#turns.set(id, { giveWay, waiting: [] });
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { giveWay, begin: resolve };
    const leave = () => {
      const at = turn.waiting.indexOf(waiting);
      if (at < 0) return;
      turn.waiting.splice(at, 1);
      reject(ERRORS.ERR_LOCK_TIMEOUT);
    };
    turn.waiting.push(waiting);
    const timer = setTimeout(leave, WAIT_MS);
    signal.addEventListener('abort', leave, { once: true });
    void turn.giveWay();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }

  #unlock(id: string): void {
    const turn = this.#turns.get(id)!;
    const next = turn.waiting.shift();
    if (!next) {
      this.#turns.delete(id);
      return;
    }
    turn.giveWay = next.giveWay;
    next.begin();
    // Those behind it have waited for longer than it has begun.
    if (turn.waiting.length > 0) void next.giveWay();
  }
}
