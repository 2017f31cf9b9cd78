/** What `whyNot` found out, in sentences, the most decisive first. */
import type { Refusal, Why } from './why.ts';

/** Reasons that are told; a cluster may have thousands of workers. */
const MOST_REASONS = 10;

/** Empty when tasks are on their way, or when none waits. */
export function explain(why: Why, hasWaiting: boolean): string[] {
  if (why.stopped !== null) return [`nothing is handed out: ${why.stopped}`];
  if (why.refusal !== null) return hasWaiting ? [why.refusal] : [];
  if (why.workers === 0) return ['no worker is connected'];
  if (why.able.workers === 0) return refusedBy(why.refusals);
  const { slots, workers, freeSlots, room } = why.able;
  const able = workers === 1 ? '1 able worker' : `${workers} able workers`;
  if (room > 0) return [`${able} can begin ${room} of them now: they are on their way`];
  if (freeSlots === 0) return [`all ${slots} slots of ${able} are taken`];
  return [`too little memory, disk or GPUs are left at ${able}: other attempts have them`];
}

/** `worker a: …`, `workers b, c, d and 4 more: …`. */
function refusedBy(refusals: readonly Refusal[]): string[] {
  const told = refusals.slice(0, MOST_REASONS).map((one) => `${namesText(one)}: ${one.reason}`);
  const left = refusals.slice(MOST_REASONS).reduce((sum, { workers }) => sum + workers, 0);
  return left === 0 ? told : [...told, `and ${left} more workers, each for a like reason`];
}

export function namesText({ names, workers }: Pick<Refusal, 'names' | 'workers'>): string {
  if (workers === 1) return `worker ${names[0]}`;
  const more = workers - names.length;
  return `workers ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
