import type { Attempt } from './attempt.ts';

/** What an end is told within where somebody looks at what runs: it has to be the right one. */
export const TOLD_SOON_MS = 2;
/** Where nobody does, ends of short programs may gather for so long before the worker is woken. */
export const TOLD_TOGETHER_MS = 750;

/** Within which time of its end, while others wait behind it, an attempt's starter is to tell of it. */
export function toldWithinMs(attempt: Attempt): number {
  return isWatched(attempt) ? TOLD_SOON_MS : TOLD_TOGETHER_MS;
}

/** Limits that the worker holds, a policy, walls or a chirp go by what runs at this moment. */
function isWatched({ request, plan, walls, workshop }: Attempt): boolean {
  const { memoryBytes, diskBytes, processes } = request;
  const { chirp } = plan.job;
  if (walls || chirp.io || chirp.delayed) return true;
  if (memoryBytes + diskBytes + processes > 0) return true;
  const ad = plan.ad();
  return ad !== null && workshop.policies.governs(ad);
}
