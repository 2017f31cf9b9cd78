import type { ChildProcess } from 'node:child_process';

/** Output that is still held open is looked at so often … */
const LOOK_MS = 100;
/** … and given up after so many looks in a row without a byte, or so many at all. */
const QUIET_LOOKS = 3;
const MOST_LOOKS = 50;

/**
 * Resolves when the pipes of an ended process are read to their end. Its tree must be gone: what
 * then still holds a pipe open is a process outside it that was handed the descriptor, and is cut
 * off. `closed` resolves with the child's `close` event; `seenBytes` counts all output so far.
 */
export async function endOutput(
  child: ChildProcess,
  closed: Promise<unknown>,
  seenBytes: () => number,
): Promise<void> {
  let open = true;
  const whenClosed = closed.then(() => {
    open = false;
  });
  let before = -1;
  let quiet = 0;
  for (let looks = 0; open && quiet < QUIET_LOOKS && looks < MOST_LOOKS; looks++) {
    await lookAgain(whenClosed);
    quiet = seenBytes() === before ? quiet + 1 : 0;
    before = seenBytes();
  }
  for (const stream of child.stdio) stream?.destroy();
}

async function lookAgain(closed: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LOOK_MS);
  await Promise.race([promise, closed]);
  clearTimeout(timer);
}
