/** model: the nouns and their states. Pure data; no I/O. */
export type { AttemptEnd, AttemptRecord, Part, RecordPlace } from './attempt.ts';
export { BLAME, type Blame, CAUSES, type Cause } from './cause.ts';
export type {
  Axis,
  Collection,
  Command,
  Digest,
  Input,
  JobId,
  JobSpec,
  ProgramBuild,
  PublishedFile,
  ResourceRequest,
  ResultSource,
  TaskIndex,
  Ticket,
  UserCode,
} from './job.ts';
export {
  isFinal,
  type JobState,
  SEGMENT_TASKS,
  TASK_STATE_NAMES,
  type TaskCounts,
  TaskState,
  type TaskStateName,
  taskStateName,
} from './task.ts';
export {
  type Acknowledgement,
  type RememberedTraps,
  type Silence,
  TRAP_CATEGORIES,
  type Trap,
  type TrapCategory,
  type TrapChange,
  type TrapKind,
  type TrapRecord,
  trapCategoryOf,
} from './trap.ts';
export {
  areSources,
  FIGURES,
  type Figure,
  type Measured,
  NETWORK_LIMITS,
  type NetworkBytes,
  sourceOf,
  USAGE_SOURCES,
  type Usage,
  type UsageSource,
  usageOf,
} from './usage.ts';
export {
  type Isolation,
  isDemanding,
  LEVEL_NAMES,
  LEVELS,
  type Level,
  levelOf,
  type MachineWalls,
  NETWORKS,
  type Network,
  NO_ISOLATION,
  WALLS,
  type Wall,
  type WallsHad,
} from './walls.ts';
