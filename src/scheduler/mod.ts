/** scheduler: snapshot in, plan out. Pure: no clock, no I/O. */
export { explain } from './explain.ts';
export type { Lack } from './locality.ts';
export { plan } from './plan.ts';
export {
  type Amounts,
  type JobView,
  NO_AMOUNTS,
  NO_DATA_SLOTS,
  NO_LACKS,
  type Plan,
  type RunningView,
  type Snapshot,
  type WorkerView,
  withRequests,
} from './snapshot.ts';
