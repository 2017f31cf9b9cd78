/** uploads: files that come by the tus protocol, gone on with where they broke off; digests beside. */
export { Digests } from './digests.ts';
export { eachPiece } from './each-piece.ts';
export { IncomingFile } from './incoming-file.ts';
export { openDispatcher } from './open-dispatcher.ts';
export { connectionError, isRefusal, type SendOrder, sendFile, sendingReason } from './send.ts';
export { StraightReads } from './straight-reads.ts';
export { TusError } from './tus-error.ts';
export {
  type Coming,
  coming,
  isFull,
  Unfinished,
  type UnfinishedOptions,
  type UploadFailures,
} from './unfinished.ts';
export { UploadServer } from './upload-server.ts';
