/** model: the nouns and their states. Pure data; no I/O. */
export type { AttemptEnd, AttemptRecord, Part, RecordPlace } from './attempt.ts';
export { BLAME, type Blame, CAUSES, type Cause } from './cause.ts';
export { HOLD_CODES, type Hold, type HoldName, hold, holdName } from './hold.ts';
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
  JOB_STATUS,
  type JobState,
  SEGMENT_TASKS,
  TASK_STATE_NAMES,
  type TaskCounts,
  TaskState,
  type TaskStateName,
  taskStateName,
} from './task.ts';
export {
  runsContain,
  runsOf,
  TASK_CHANGE_KINDS,
  type TaskChange,
  type TaskRun,
  tasksInRuns,
} from './task-change.ts';
export {
  type Acknowledgement,
  PAST_MESSAGE_MOST,
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
