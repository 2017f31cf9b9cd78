import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 15;
/** Longer than the lease that servers have unless they are told otherwise. */
const PATIENCE_MS = 60_000;

/** Looks again and again until `look` finds something; says what it waited for when it never does. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  patienceMs: number = PATIENCE_MS,
): Promise<NonNullable<T>> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(LOOK_MS);
  }
}
