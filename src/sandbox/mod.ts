/** sandbox: starting programs and long-lived user code, and ending all they leave behind. */
export { refuseDirectory } from './account/refuse-directory.ts';
export { type Captured, CapturedOutput } from './captured-output.ts';
export { allowedCpus } from './cgroup/allowed-cpus.ts';
export { ioLimits } from './cgroup/disks.ts';
export { memoryForAttempts } from './cgroup/probe.ts';
export { type DetachedRequest, type DetachedStart, startDetached } from './detached.ts';
export { sandboxErrors } from './errors.ts';
export { type FoundGpus, findGpus } from './gpus/find-gpus.ts';
export { type Gpu, gpuNodes, gpuVariables } from './gpus/gpu.ts';
export {
  LINE_LIMIT_BYTES,
  type LineProcess,
  type LineProcessEnd,
  type LineProcessOptions,
  type LineProcessReason,
  openLineProcess,
} from './line-process.ts';
export { networkErrors } from './network/errors.ts';
export { findLauncher, openStarter } from './open-starter.ts';
export type { ProgramEnd, RunningProgram, Starter, StartFailure, StartRequest } from './port.ts';
export { describe as describeNotice, type ProcessNotice } from './procwatch/describe.ts';
export { eventSource, type ProcwatchOptions, watchProcesses } from './procwatch/procwatch.ts';
export { runToEnd, type ToEnd, type ToEndOptions } from './run-to-end.ts';
export type { Stuck } from './stuck.ts';
export { findTool, runTool } from './tool.ts';
export { type TrackingWay, trackingWays } from './tracking/report.ts';
export type { Tracking } from './tracking/ways.ts';
export type { WallPlan } from './walls/compose.ts';
export type { Account, Ground, WallSettings } from './walls/ground.ts';
export { openWalls, tagOf, type Walls, type WallsOptions } from './walls/open-walls.ts';
export type { Ability, Exceeded, Remains, Settled } from './walls/part.ts';
export type { Site } from './walls/plot.ts';
