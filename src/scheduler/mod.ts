/** scheduler: snapshot in, plan out. Pure: no clock, no I/O. */
export { explain } from './explain.ts';
export { plan } from './plan.ts';
export type { JobView, Plan, RunningView, Snapshot, WorkerView } from './snapshot.ts';
