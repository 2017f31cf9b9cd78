/** results: segment files, validation, collection, log search, statistics. */
export { resultsErrors } from './errors.ts';
export type { InlinePart, LargeRecordInput, RecordInput, SpooledPart } from './record.ts';
export type { DurableEnd } from './segment-files.ts';
export { SegmentReader, type StoredPart, type StoredRecord } from './segment-reader.ts';
export { SegmentStore } from './segment-store.ts';
export type { Finding } from './segment-verify.ts';
