/** wire: what processes say to each other. Messages, their checks, the open protocol, the user API, clients. */

export type { AdQuery } from './api/ad-query.ts';
export {
  DATA_PAGE_MOST,
  type DataArrival,
  type DataEntry,
  type DataFetch,
  type DataPage,
  type DataUsage,
  type DataVerdict,
} from './api/data.ts';
export { apiErrors } from './api/errors.ts';
export type { ApiEvent } from './api/events.ts';
export type { HistoryRecord } from './api/history.ts';
export type {
  BlobReceipt,
  JobChange,
  JobDetail,
  JobEvent,
  JobPage,
  JobSubmission,
  JobSubmitted,
  JobSummary,
  OutputFile,
  OutputList,
  Progress,
  RetryAnswer,
  RetryRequest,
  SubmissionPreview,
  TableReceipt,
  WaitReason,
} from './api/jobs.ts';
export type { LifeEntry } from './api/life.ts';
export type {
  ServerView,
  StopAnswer,
  StopRequest,
  WorkerChange,
  WorkerList,
  WorkerView,
} from './api/machines.ts';
export { openApiDocument } from './api/openapi.ts';
export {
  type AnswerOf,
  type BytesAnswer,
  describeIssues,
  type FileAnswer,
  fillPath,
  type Route,
  type RouteInput,
  readInput,
} from './api/route.ts';
export type { FailureGroup, JobStats, PercentilesView, WorkerStats } from './api/stats.ts';
export {
  type AttemptPage,
  type AttemptView,
  INLINE_RESULT_BYTES,
  type LogLine,
  type ResultItem,
  type TaskDetail,
  type TaskPage,
  type TaskSummary,
} from './api/tasks.ts';
export type {
  TraceCheck,
  TraceCollection,
  TraceCollectionView,
  TraceUpload,
  TraceView,
} from './api/traces.ts';
export type { WhyAnswer } from './api/why.ts';
export {
  API_BODY_BYTES,
  type Api,
  type ApiCall,
  type ApiHandlers,
  type ApiOperation,
  api,
} from './api.ts';
export { ApiClient, type ApiClientOptions, RESUMABLE_BYTES } from './api-client.ts';
export {
  type AttributeAnswer,
  type AttributeQuestion,
  type AttributeReceipt,
  type AttributeReport,
  parseAttributeAnswer,
  parseAttributeQuestion,
  parseAttributeReceipt,
  parseAttributeReport,
  type ToldOfTask,
} from './attributes.ts';
export { briefAnswer } from './brief-sync.ts';
export {
  type CallOptions,
  ServerClient,
  type ServerClientOptions,
} from './client.ts';
export {
  type ClientEncoding,
  type ClientOffer,
  isOlderVersion,
  parseClientOffer,
} from './client-offer.ts';
export { type Errand, type ErrandReport, parseErrandReport } from './errand.ts';
export { wireErrors } from './errors.ts';
export { printEvents, printTaskEvents, type ShownFormat } from './event-log/print.ts';
export {
  type Answer,
  certificateFault,
  type Endpoint,
  type EndpointOptions,
  type Exchange,
  exchange,
  openEndpoint,
  readJson,
  serverAddress,
  serverUrl,
} from './exchange.ts';
export { readCompletion } from './open/completion-reader.ts';
export { COMPLETION_LIMITS, type OpenLimits, TASK_LIMITS } from './open/limits.ts';
export { isMultipart, readMultipart } from './open/multipart-reader.ts';
export { PartSpool, type SpooledPart } from './open/part-spool.ts';
export type { PartHead, PartSink } from './open/parts.ts';
export { readFailure, type SpokenFailure } from './open/reason.ts';
export { type AttemptToSpeak, spokenTask } from './open/spoken-task.ts';
export { parseTicket, type ReadTask, readTask } from './open/task-reader.ts';
export {
  formatConfig,
  formatTask,
  type OpenConfig,
  type OpenInput,
  type OpenResult,
  type OpenTask,
  taskTextBytes,
} from './open/task-text.ts';
export {
  MOST_PEERS,
  type Peer,
  type PeerAnswer,
  type PeerDoor,
  type PeerQuestion,
  parsePeerAnswer,
  parsePeerQuestion,
  peerTicket,
} from './peers.ts';
export { cleanText, errorOfProblem, PROBLEM_TYPE, type Problem, problemOf } from './problem.ts';
export {
  bearerToken,
  ensureSecretFile,
  makeSecret,
  readSecretFile,
  secretMatcher,
  writeSecretFile,
} from './session.ts';
export {
  DEFAULT_SESSION_LIMIT,
  SessionLimit,
  type SessionLimitSettings,
} from './session-limit.ts';
export {
  type DamageNews,
  type DataNews,
  type DataWish,
  type EndedAttempt,
  type GrantedAttempt,
  type JobDescription,
  type MachineFigures,
  type PolicyRuling,
  PROTOCOL_VERSION,
  type RenewRequest,
  type SentPart,
  type StoreReport,
  type SyncRequest,
  type SyncResponse,
  type TaskPast,
} from './sync.ts';
export { parseSyncResponse } from './sync-answer-schema.ts';
export { parseRenewRequest, parseSyncRequest, SYNC_LIMITS } from './sync-schema.ts';
export {
  type DownloadOptions,
  digestFile,
  type FileDigest,
  openFile,
  type UploadOptions,
} from './transfer.ts';
export { BLOB_STORED_HEADER, UPLOADS_PATH } from './upload-path.ts';
