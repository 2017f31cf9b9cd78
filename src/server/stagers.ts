/**
 * Workers of a site that name one of them, their stager: it gets files for all, and the others get them
 * from it and from each other. While it is not there each gets its files as if it had none.
 */
import { isLoopback } from '#base';
import type { Core, Worker } from './core.ts';

/** Found before, by who asks: they ask often. */
const found = new WeakMap<Worker, Worker>();

/** Null: the worker has none, is its own, or its own is not there or lets nobody in. */
export function stagerOf(core: Core, worker: Worker): Worker | null {
  if (siteOf(worker) === '') return null;
  const isIts = (one: Worker) =>
    one.name === worker.stager && one.peer !== null && one.state !== 'lost';
  const known = found.get(worker);
  const isStill = known !== undefined && core.workers.get(known.id) === known && isIts(known);
  const stager = isStill ? known : [...core.workers.values()].find(isIts);
  if (stager === undefined) return null;
  found.set(worker, stager);
  return isReachable(stager, worker) ? stager : null;
}

/** Named by its stager; `''`: no site of its own. A stager is not of the site that it stages for. */
export function siteOf({ name, stager }: Worker): string {
  return stager === name ? '' : stager;
}

/** The server sees a worker of its own machine at an address that means another one elsewhere. */
export function isReachable({ address }: Worker, asker: Worker): boolean {
  return !isLoopback(plainAddress(address)) || isLoopback(plainAddress(asker.address));
}

export function plainAddress(address: string): string {
  return address.replace(/^::ffff:/i, '');
}
