/** base: clock, errors, units, ids, log, settings, lifetimes. Everything may use it; it uses nothing. */
export { type Clock, ManualClock, systemClock } from './clock.ts';
export {
  defineErrors,
  type ErrorEntry,
  type ErrorTable,
  type Facts,
  messageOf,
  systemCodeOf,
  WindrowError,
} from './errors.ts';
export { formatBytes, formatDuration, parseBytes, parseDurationMs } from './units.ts';
