/** scheduler: snapshot in, plan out. Pure: no clock, no I/O. */
export { explain } from './explain.ts';
export { plan } from './plan.ts';
export {
  type Amounts,
  type JobView,
  NO_AMOUNTS,
  type Plan,
  type RunningView,
  type Snapshot,
  type WorkerView,
  withRequests,
} from './snapshot.ts';
