/** traces: files that programs leave on machines – finding them, sending them home, storing them. */

export {
  type Collected,
  type CollectOptions,
  type CollectStep,
  collectTraces,
} from './collect/collect.ts';
export { COMPRESSIONS, type Compression } from './collect/compress.ts';
export type { Destination } from './collect/upload.ts';
export { tracesErrors } from './errors.ts';
export type { AccessRules } from './receive/access.ts';
export { TracesFace } from './receive/face.ts';
export type { StoredTrace } from './store/description.ts';
export { prune, type Removed, type Retention } from './store/retention.ts';
export { type TraceLimits, TraceStore } from './store/trace-store.ts';
export { traceIdAt } from './trace-id.ts';
export { requireId } from './trace-name.ts';
