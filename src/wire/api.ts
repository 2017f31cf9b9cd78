import * as z from 'zod';
import { adQuery } from './api/ad-query.ts';
import { admin } from './api/admin.ts';
import { dataRoutes } from './api/data-routes.ts';
import { event, eventKinds } from './api/events.ts';
import { historyRecord } from './api/history.ts';
import {
  blobList,
  blobReceipt,
  jobChange,
  jobDetail,
  jobPage,
  jobSummary,
  outputList,
  retryAnswer,
  retryRequest,
  submission,
  submissionPreview,
  submitted,
  tableReceipt,
  taskChange,
  taskChangeAnswer,
} from './api/jobs.ts';
import { lifeEntry } from './api/life.ts';
import {
  serverView,
  stopAnswer,
  stopRequest,
  workerChange,
  workerList,
  workerView,
} from './api/machines.ts';
import {
  cause,
  digest,
  jobState,
  pageQuery,
  taskState,
  textPositive,
  textWhole,
} from './api/message.ts';
import type { GivenAnswerOf, Route, RouteInput } from './api/route.ts';
import { jobStats } from './api/stats.ts';
import { attemptPage, logLine, resultItem, taskDetail, taskPage } from './api/tasks.ts';
import { traceRoutes } from './api/trace-routes.ts';
import { whyAnswer } from './api/why.ts';

const job = z.object({ job: textPositive });
const task = z.object({ job: textPositive, task: textWhole });
const blob = z.object({ sha256: digest });

/** The user API as data. Add a route here and the server does not compile until it has a handler. */
export const api = {
  putTable: {
    ...admin,
    method: 'PUT',
    path: '/v1/tables',
    summary: 'Upload a parameter file; it is checked and indexed while it streams in.',
    query: z.object({
      format: z.enum(['bar', 'csv', 'tsv', 'jsonl', 'lines']),
      file: z.string().min(1).max(4096).describe('Its name, for messages.'),
    }),
    body: { kind: 'bytes', media: 'application/octet-stream' },
    answer: { kind: 'json', status: 201, schema: tableReceipt },
  },
  putBlob: {
    ...admin,
    method: 'PUT',
    path: '/v1/blobs/{sha256}',
    summary: 'Upload a program or input file under the SHA-256 of its bytes.',
    params: blob,
    body: { kind: 'bytes', media: 'application/octet-stream' },
    answer: { kind: 'json', status: 201, schema: blobReceipt },
  },
  hasBlob: {
    ...admin,
    method: 'HEAD',
    path: '/v1/blobs/{sha256}',
    summary: 'Whether the server has the file: 200 or 404.',
    params: blob,
    answer: { kind: 'empty' },
  },
  findMissingBlobs: {
    ...admin,
    method: 'POST',
    path: '/v1/blobs/missing',
    summary: 'Say which of these files the server does not have, so that only they are sent.',
    body: { kind: 'json', schema: blobList },
    answer: { kind: 'json', status: 200, schema: blobList },
  },
  submitJob: {
    ...admin,
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Submit a job, or go on with the one that it repeats.',
    body: { kind: 'json', schema: submission },
    answer: { kind: 'json', status: 201, schema: submitted },
  },
  previewJob: {
    ...admin,
    method: 'POST',
    path: '/v1/jobs/preview',
    summary: 'Say which rows submitting would run, and why. Changes nothing.',
    body: { kind: 'json', schema: submission },
    answer: { kind: 'json', status: 200, schema: submissionPreview },
  },
  listJobs: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs',
    summary: 'List jobs, newest first.',
    query: z.object({ ...pageQuery, ...adQuery, state: jobState.optional() }),
    answer: { kind: 'json', status: 200, schema: jobPage },
  },
  getJob: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}',
    summary: 'Show a job: what it is, its state, how fast it goes and why tasks wait.',
    params: job,
    answer: { kind: 'json', status: 200, schema: jobDetail },
  },
  changeJob: {
    ...admin,
    method: 'PATCH',
    path: '/v1/jobs/{job}',
    summary: 'Pause, resume or remove a job, or give it another priority.',
    params: job,
    body: { kind: 'json', schema: jobChange },
    answer: { kind: 'json', status: 200, schema: jobSummary },
  },
  retryJob: {
    ...admin,
    method: 'POST',
    path: '/v1/jobs/{job}/retry',
    summary: 'Put failed and held tasks back, with new retry budgets.',
    params: job,
    body: { kind: 'json', schema: retryRequest },
    answer: { kind: 'json', status: 200, schema: retryAnswer },
  },
  changeTasks: {
    ...admin,
    method: 'PATCH',
    path: '/v1/jobs/{job}/tasks',
    summary: 'Hold, release or remove tasks of a job.',
    params: job,
    body: { kind: 'json', schema: taskChange },
    answer: { kind: 'json', status: 200, schema: taskChangeAnswer },
  },
  listTasks: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/tasks',
    summary: 'List tasks in table order.',
    params: job,
    query: z.object({ ...pageQuery, ...adQuery, state: taskState.optional() }),
    answer: { kind: 'json', status: 200, schema: taskPage },
  },
  getTask: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/tasks/{task}',
    summary: 'Show a task with its parameters and all its attempts.',
    params: task,
    answer: { kind: 'json', status: 200, schema: taskDetail },
  },
  getWhy: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/why',
    summary: 'Say why a job, or one task of it, is not running, and what would have to change.',
    params: job,
    query: z.object({ task: textWhole.optional() }),
    answer: { kind: 'json', status: 200, schema: whyAnswer },
  },
  readLife: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/life',
    summary: 'Read what happened to the tasks of a job, in the order in which it did.',
    params: job,
    query: z.object({
      after: textWhole.optional().describe('Sequence of the last entry that was seen.'),
      follow: z.enum(['yes', 'no']).optional().describe('`yes`: also what is to come.'),
    }),
    answer: { kind: 'lines', schema: lifeEntry },
  },
  listAttempts: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/attempts',
    summary: 'List attempts by ticket.',
    params: job,
    query: z.object({
      ...pageQuery,
      cause: cause.optional(),
      worker: z.string().max(300).optional(),
    }),
    answer: { kind: 'json', status: 200, schema: attemptPage },
  },
  getStats: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/stats',
    summary: 'Who did what, what failed, how long it took.',
    params: job,
    answer: { kind: 'json', status: 200, schema: jobStats },
  },
  readHistory: {
    ...admin,
    method: 'GET',
    path: '/v1/history',
    summary: 'Read how attempts ended, of all jobs or of one, the latest first.',
    query: z.object({
      ...adQuery,
      job: textPositive.optional(),
      limit: textPositive.optional().describe('Most records; all if not given.'),
    }),
    answer: { kind: 'lines', schema: historyRecord },
  },
  readLogs: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/logs',
    summary: 'Read or search what the programs printed.',
    params: job,
    query: z.object({
      task: textWhole.optional(),
      stream: z.enum(['stdout', 'stderr']).optional(),
      grep: z.string().max(1000).optional().describe('Regular expression (RE2).'),
      limit: textPositive.optional().describe('Most lines.'),
    }),
    answer: { kind: 'lines', schema: logLine },
  },
  listResults: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/results',
    summary: 'Read the results of done tasks in table order.',
    params: job,
    query: z.object({
      name: z.string().max(200).optional(),
      task: textWhole.optional(),
      content: z.enum(['yes', 'no']).optional().describe('`no`: names and sizes only.'),
    }),
    answer: { kind: 'lines', schema: resultItem },
  },
  readResult: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/tasks/{task}/results/{name}',
    summary: 'Read one result of one task, byte for byte.',
    params: z.object({ job: textPositive, task: textWhole, name: z.string().min(1).max(200) }),
    query: z.object({
      file: z.string().max(4096).optional().describe('Which file, for results of globs.'),
    }),
    answer: { kind: 'bytes', media: 'application/octet-stream' },
  },
  collectJob: {
    ...admin,
    method: 'POST',
    path: '/v1/jobs/{job}/collect',
    summary: 'Collect what is done now into the job’s output.',
    params: job,
    answer: { kind: 'json', status: 200, schema: outputList },
  },
  listOutput: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/output',
    summary: 'List the collected files.',
    params: job,
    answer: { kind: 'json', status: 200, schema: outputList },
  },
  readOutput: {
    ...admin,
    method: 'GET',
    path: '/v1/jobs/{job}/output/file',
    summary: 'Read one collected file.',
    params: job,
    query: z.object({ file: z.string().min(1).max(4096) }),
    answer: { kind: 'bytes', media: 'application/octet-stream' },
  },
  listWorkers: {
    ...admin,
    method: 'GET',
    path: '/v1/workers',
    summary: 'List workers.',
    query: z.object(adQuery),
    answer: { kind: 'json', status: 200, schema: workerList },
  },
  changeWorker: {
    ...admin,
    method: 'PATCH',
    path: '/v1/workers/{worker}',
    summary: 'Pause, resume or drain a worker.',
    params: z.object({ worker: z.string().min(1).max(300) }),
    body: { kind: 'json', schema: workerChange },
    answer: { kind: 'json', status: 200, schema: workerView },
  },
  getServer: {
    ...admin,
    method: 'GET',
    path: '/v1/server',
    summary: 'Show the server: version, state, disk, load; its ad is that of a scheduler.',
    query: z.object(adQuery),
    answer: { kind: 'json', status: 200, schema: serverView },
  },
  stopServer: {
    ...admin,
    method: 'POST',
    path: '/v1/server/stop',
    summary: 'End the server.',
    body: { kind: 'json', schema: stopRequest },
    answer: { kind: 'json', status: 202, schema: stopAnswer },
  },
  watchEvents: {
    ...admin,
    method: 'GET',
    path: '/v1/events',
    summary: 'Watch what happens, as server-sent events.',
    query: z.object({
      job: textPositive.optional(),
      kinds: eventKinds.optional(),
      after: textWhole.optional().describe('Id of the last event that was seen.'),
    }),
    answer: { kind: 'events', schema: event },
  },
  openapi: {
    ...admin,
    auth: 'none',
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This description.',
    answer: { kind: 'json', status: 200, schema: z.record(z.string(), z.unknown()) },
  },
  metrics: {
    ...admin,
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics in the text format of Prometheus.',
    answer: { kind: 'bytes', media: 'text/plain; version=0.0.4; charset=utf-8' },
  },
  ...dataRoutes,
  ...traceRoutes,
} as const satisfies Record<string, Route>;

export type Api = typeof api;
export type ApiOperation = keyof Api;

export interface ApiCall {
  /** Who asks, for the record: `user`. */
  readonly actor: string;
  /** Aborted when the asker has gone. */
  readonly signal: AbortSignal;
}

/** What the server implements: one handler for each route. */
export type ApiHandlers = {
  readonly [Operation in ApiOperation]: (
    input: RouteInput<Api[Operation]>,
    call: ApiCall,
  ) => Promise<GivenAnswerOf<Api[Operation]>>;
};

/** Most bytes of a JSON body; a job may carry its rows in place. */
export const API_BODY_BYTES = 64 << 20;
