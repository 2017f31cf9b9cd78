/** wire: what processes say to each other. */

export { apiErrors } from './api/errors.ts';
export type { ApiEvent } from './api/events.ts';
export type {
  BlobReceipt,
  JobChange,
  JobDetail,
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
export type {
  ServerView,
  StopAnswer,
  StopRequest,
  WorkerChange,
  WorkerList,
  WorkerView,
} from './api/machines.ts';
export { openApiDocument } from './api/openapi.ts';
export { errorOfProblem, PROBLEM_MEDIA, type Problem, problemOf } from './api/problem.ts';
export {
  type AnswerOf,
  type BytesAnswer,
  describeIssues,
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
export {
  API_BODY_BYTES,
  type Api,
  type ApiCall,
  type ApiHandlers,
  type ApiOperation,
  api,
} from './api.ts';
