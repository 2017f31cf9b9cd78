/** model: the nouns and their states, and the ads that tell of them. Pure data; no I/O. */

export { type DatasetFacts, datasetAd } from './ads/dataset-ad.ts';
export { JOB_AD_NAMES, type JobFacts, jobAd } from './ads/job-ad.ts';
export { type JobProgressFacts, jobProgressAd } from './ads/job-progress-ad.ts';
export { JOB_STATUS } from './ads/job-status.ts';
export {
  CHANGING_NAMES,
  MACHINE_AD_NAMES,
  type MachineFacts,
  type MachineOffer,
  machineAd,
  NO_OFFER,
  OFFER_LIMITS,
  offerAd,
  systemNames,
} from './ads/machine-ad.ts';
export { POLICY_AD_NAMES, saysRetries } from './ads/policy-attributes.ts';
export { withRow } from './ads/row-ad.ts';
export {
  type ServerDeeds,
  type ServerEffort,
  type ServerFacts,
  serverAd,
} from './ads/server-ad.ts';
export { type AttemptFacts, TASK_AD_NAMES, type TaskFacts, taskAd } from './ads/task-ad.ts';
export { printArguments, printEnvironment } from './ads/words.ts';
export {
  type AttemptEnd,
  type AttemptRecord,
  cameFrom,
  type InputWay,
  type Part,
  type RecordPlace,
} from './attempt.ts';
export { BLAME, type Blame, CAUSES, type Cause } from './cause.ts';
export {
  type AttributeRefusal,
  CHIRP_LIMITS,
  isDelayedName,
  refusalOfAttribute,
  type SetAttribute,
} from './chirp.ts';
export {
  type ChirpWish,
  type Dealings,
  NO_DEALINGS,
  type PlacedResult,
  type Placement,
} from './dealings.ts';
export { HOLD_CODES, type Hold, type HoldName, hold, holdName } from './hold.ts';
export {
  type Axis,
  blobOf,
  type Collection,
  type Command,
  type Digest,
  hasManyFiles,
  type Input,
  type JobId,
  type JobSpec,
  type PluginInput,
  type ProgramBuild,
  type PublishedFile,
  type RemoteInput,
  type ResourceRequest,
  type ResultSource,
  type StagedFile,
  stagedFiles,
  type TaskIndex,
  type Ticket,
  templateOf,
  type UserCode,
} from './job.ts';
export {
  type Asked,
  EVENT_LOG_FORMATS,
  type EventLogFormat,
  GROWING_CAUSES,
  type GrowingCause,
  type Growth,
  type JobPolicy,
  type Life,
  MOST_GROWTH_STEPS,
  NO_LIFE,
  NO_POLICY,
  POLICY_LIMITS,
  POLICY_NAMES,
  type PolicyName,
  type PolicyRule,
} from './life.ts';
export {
  cellsShown,
  columnsGiven,
  isMachineColumn,
  type MachineValue,
  machineColumn,
  readMachineValue,
} from './machine-value.ts';
export {
  LIMIT_NAME,
  MATCHING_LIMITS,
  type Matching,
  NO_MATCHING,
  printLimits,
  shareOf,
} from './matching.ts';
export { type ProgramKind, platformMismatch, programKind } from './program-kind.ts';
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
  type TrapPlace,
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
