/** sweep: what users write → jobs. Tables, axes, templates, sweep files, command lines. */
export type { ArgumentAxis, SweepOptions } from './arguments/options.ts';
export { type ParallelSource, splitParallelWords } from './arguments/parallel-words.ts';
export { planFromArguments, type SweepArguments } from './arguments/sweep-arguments.ts';
export { checkSpec } from './check/check-spec.ts';
export {
  planErrors,
  rowErrors,
  submitErrors,
  sweepErrors,
  tableErrors,
  templateErrors,
} from './errors.ts';
export type { FindOrigin } from './file/document.ts';
export { readSweepFile, type SweepSurroundings } from './file/sweep-file.ts';
export type { PlannedCluster } from './plan/cluster.ts';
export type { PlannedBlob, PlannedTable, SweepPlan } from './plan/draft.ts';
export { type JobKey, jobKey, type KeyPart, rowDigest } from './row-key.ts';
export { openRows, type RowSource } from './rows/source.ts';
export { adTexts } from './submit/dry-run.ts';
export { isSubmitFile, readSubmitFile, type SubmitFileSurroundings } from './submit/submit-file.ts';
export {
  formatOfName,
  MAX_CELL_BYTES,
  MAX_COLUMNS,
  MAX_ROWS,
  TABLE_FORMATS,
  type TableFormat,
} from './table/format.ts';
export { TableReader } from './table/reader.ts';
export { scanTable, TableScanner } from './table/scanner.ts';
export { decodeIndex, encodeIndex, type TableIndex } from './table/table-index.ts';
export { type CompiledCommand, compileCommand } from './template/command.ts';
export { logPathOf, MOST_TASK_LOGS } from './template/log-path.ts';
export type { Origin } from './template/origin.ts';
export { type TaskTexts, taskTexts } from './template/task-texts.ts';
export { type CompiledText, compileText } from './template/text.ts';
