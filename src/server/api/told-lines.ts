/** What something long tells while it runs, as lines of an answer. */

/** Lines that nobody has read yet; with so many, `tell` waits. */
const MOST_UNREAD = 1000;

/**
 * Yields what `run` tells, and rejects as it does. Whoever reads no further breaks it off by the
 * signal that it gets.
 */
export async function* toldLines<Line>(
  run: (tell: (line: Line) => Promise<void>, signal: AbortSignal) => Promise<void>,
  gone: AbortSignal,
): AsyncGenerator<Line> {
  const unread: Line[] = [];
  const reading = new AbortController();
  const signal = AbortSignal.any([gone, reading.signal]);
  let isOver = false;
  let wakeReader = () => {};
  const room = new Set<() => void>();
  const makeRoom = () => {
    for (const wake of room) wake();
    room.clear();
  };
  signal.addEventListener('abort', makeRoom, { once: true });
  const tell = async (line: Line): Promise<void> => {
    unread.push(line);
    wakeReader();
    while (unread.length >= MOST_UNREAD && !signal.aborted) {
      await new Promise<void>((wake) => room.add(wake));
    }
    signal.throwIfAborted();
  };
  const running = run(tell, signal).finally(() => {
    isOver = true;
    wakeReader();
  });
  running.catch(() => {}); // told by the wait for it below, unless nobody reads on
  try {
    while (!isOver || unread.length > 0) {
      if (unread.length === 0) {
        await new Promise<void>((wake) => {
          wakeReader = wake;
        });
      }
      const lines = unread.splice(0);
      makeRoom();
      yield* lines;
    }
    await running;
  } finally {
    reading.abort();
    await running.catch(() => {});
  }
}
