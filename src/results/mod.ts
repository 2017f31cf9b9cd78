/** results: segment files, validation, collection, log search, statistics. */
export { type Block, type BlockFacts, blockHeader, parametersOf, readBlocks } from './blocks.ts';
export { type Collected, type CollectRequest, type CollectRow, collect } from './collect.ts';
export { type CollectionPlan, checkCollection } from './collection-check.ts';
export { resultsErrors } from './errors.ts';
export { type LogMatch, type LogSearch, logLines, searchLogs } from './log-search.ts';
export { removeStalePartials } from './partial-file.ts';
export { Percentiles, type PercentilesSummary } from './percentiles.ts';
export type {
  LineProcess,
  LineProcessEnd,
  LineProcessRequest,
  OpenLineProcess,
  ProgramOutcome,
  ProgramRequest,
  ProgramStarter,
  UserCodePorts,
} from './port.ts';
export { areThere, notePublished, removePublished } from './published-files.ts';
export { Quarantine, type QuarantineEntry } from './quarantine.ts';
export type { InlinePart, LargeRecordInput, RecordInput, SpooledPart } from './record.ts';
export type { DurableEnd } from './segment-files.ts';
export { SegmentReader, type StoredPart, type StoredRecord } from './segment-reader.ts';
export { SegmentStore } from './segment-store.ts';
export type { Finding } from './segment-verify.ts';
export { shownPieces } from './shown-log.ts';
export { signatureOf } from './signature.ts';
export {
  type CauseCounts,
  efficiencyOf,
  type FailureTotals,
  JobStatistics,
  type JobStatisticsJson,
  type WorkerTotals,
} from './statistics.ts';
export { checkUserCode } from './user-code.ts';
export { type Check, Validator, type ValidatorRequest, type Verdict } from './validator.ts';
