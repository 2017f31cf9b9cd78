/**
 * Where the server is by now, left by whoever starts a worker where one of the same session is
 * already: a file in that worker's own folder, for that very process. The worker looks at it each
 * time it has to connect anew, so what it runs goes on and what it has done arrives.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LockHolder, ownHolder, replaceFile } from '#base';
import type { Endpoint } from './port.ts';

/** Names that `tellMove` gives, with the process that they are for. */
export const MOVED_NAME = /^moved-(\d{1,10})$/;

const LONGEST_FILE = 4096;

function pathOf(own: string, pid: number): string {
  return join(own, `moved-${pid}`);
}

/** Whether the worker that holds the folder `own` will know where its server is. */
export function tellMove(own: string, { pid, startTime }: LockHolder, url: string): boolean {
  try {
    replaceFile(pathOf(own, pid), JSON.stringify({ startTime, url }));
    return true;
  } catch {
    return false;
  }
}

/** `endpoint`, and the address of a server that has moved since in place of its own. */
export function followingMoves(
  endpoint: () => Promise<Endpoint>,
  own: string,
): () => Promise<Endpoint> {
  const { pid, startTime } = ownHolder();
  return async () => {
    const found = await endpoint();
    const url = urlIn(pathOf(own, pid), startTime);
    return url === undefined ? found : { ...found, url };
  };
}

/** Undefined when nothing was told, or another process that had this one's number was. */
function urlIn(path: string, startTime: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').slice(0, LONGEST_FILE);
    const told = JSON.parse(text) as { startTime?: unknown; url?: unknown } | null;
    return told?.startTime === startTime && typeof told.url === 'string' ? told.url : undefined;
  } catch {
    return undefined;
  }
}
