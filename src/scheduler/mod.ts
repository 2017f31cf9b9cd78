/** scheduler: snapshot in, plan out. Pure: no clock, no I/O. */
export { explain } from './explain.ts';
export { averageAfter, priceOf } from './fair-share.ts';
export type { Lack } from './locality.ts';
export { Matchmaker } from './matchmaker.ts';
export { plan } from './plan.ts';
export {
  type Amounts,
  type JobView,
  type Limit,
  NO_AMOUNTS,
  NO_DATA_SLOTS,
  NO_DECLINES,
  NO_LACKS,
  type Plan,
  type RunningView,
  type Share,
  type Snapshot,
  type WorkerView,
  withRequests,
} from './snapshot.ts';
export { type ConjunctTable, type NamedWorker, type Refusal, type Why, whyNot } from './why.ts';
