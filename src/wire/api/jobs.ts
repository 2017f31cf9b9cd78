import * as z from 'zod';
import { toldAd } from './ad-query.ts';
import { jobSpec } from './job-spec.ts';
import {
  actor,
  causeCounts,
  count,
  digest,
  type Frozen,
  jobId,
  jobState,
  message,
  milliseconds,
  moment,
  next,
  reason,
  taskCounts,
  taskIndex,
} from './message.ts';

const changedPart = z.enum([
  'command',
  'programs',
  'inputs',
  'results',
  'environment',
  'references',
  'directory',
  'rows',
]);

export const tableReceipt = message(
  'TableReceipt',
  'A parameter file that the server has checked, indexed and kept.',
  z.object({
    table: z.string().describe('Its id, for axes of kind `file`.'),
    rows: count,
    columns: z.array(z.string()),
    bytes: count,
    warnings: z.array(z.string()),
  }),
);
export type TableReceipt = Frozen<z.infer<typeof tableReceipt>>;

export const blobList = message(
  'BlobList',
  'Files by the SHA-256 of their bytes.',
  z.strictObject({ sha256: z.array(digest).max(10_000) }),
);

export const blobReceipt = message(
  'BlobReceipt',
  'A file that the server keeps under the SHA-256 of its bytes.',
  z.object({ sha256: z.string(), bytes: count }),
);
export type BlobReceipt = Frozen<z.infer<typeof blobReceipt>>;

export const submission = message(
  'JobSubmission',
  'A job with what decides which of its rows an earlier job has already done.',
  z.strictObject({
    spec: jobSpec,
    key: z.string().max(200).describe('Digest of everything but the rows.'),
    keyParts: z
      .record(z.string().max(100), z.string().max(200))
      .describe('Digest of each part of the key, to say what changed.'),
    again: z
      .boolean()
      .default(false)
      .describe('Start afresh: take nothing over from earlier jobs.'),
    warnings: z.array(z.string().max(2000)).max(1000).default([]),
  }),
);
export type JobSubmission = Frozen<z.infer<typeof submission>>;

const rerun = z.object({
  continues: jobId.nullable().describe('The earlier job with the same name and output.'),
  kept: count.describe('Rows whose results are taken over.'),
  fresh: count.describe('Rows that are new.'),
  failed: count.describe('Rows that failed or never ran before.'),
  changed: count.describe('Rows whose command, program or inputs changed.'),
  changedParts: z.array(changedPart),
  changedFiles: z
    .array(z.string())
    .describe('Inputs, and files that the command names, whose content changed; at most 20.'),
});

export const submissionPreview = message(
  'SubmissionPreview',
  'What submitting would do: which rows would run, and why.',
  rerun.extend({
    rows: count,
    examples: z
      .array(
        z.object({
          task: taskIndex,
          why: z.enum(['fresh', 'failed', 'changed']),
          commandLine: z.string(),
        }),
      )
      .describe('The first rows that would run.'),
    warnings: z.array(z.string()),
  }),
);
export type SubmissionPreview = Frozen<z.infer<typeof submissionPreview>>;

export const submitted = message(
  'JobSubmitted',
  'The job that now stands for what was submitted.',
  z.object({
    job: jobId,
    outcome: z.enum(['created', 'continued']),
    counts: taskCounts,
    rerun,
    warnings: z.array(z.string()),
  }),
);
export type JobSubmitted = Frozen<z.infer<typeof submitted>>;

export const jobSummary = message(
  'JobSummary',
  'A job, its state with reason, time and actor, and how many of its tasks are in which state.',
  z.object({
    job: jobId,
    name: z.string(),
    state: jobState,
    reason,
    changedAtMs: moment,
    actor,
    createdAtMs: moment,
    startedAtMs: moment.nullable(),
    endedAtMs: moment.nullable(),
    rows: count,
    counts: taskCounts,
    priority: z.int(),
    output: z.string(),
    ad: toldAd,
  }),
);
export type JobSummary = Frozen<z.infer<typeof jobSummary>>;

export const jobPage = message(
  'JobPage',
  'Jobs, newest first.',
  z.object({ jobs: z.array(jobSummary), next }),
);
export type JobPage = Frozen<z.infer<typeof jobPage>>;

export const progress = message(
  'Progress',
  'How fast a job goes and how long it will take.',
  z.object({
    atMs: moment,
    ratePerSecond: z.number().min(0).describe('Ends of tasks over the last minute at most.'),
    etaMs: milliseconds.nullable().describe('Time left; null when nothing can be said.'),
    runningAttempts: count,
    failures: causeCounts.describe('Attempts that ended badly, by cause.'),
  }),
);
export type Progress = Frozen<z.infer<typeof progress>>;

export const waitReason = message(
  'WaitReason',
  'Why tasks wait, from the same predicate that did not place them.',
  z.object({ code: z.string(), reason, tasks: count }),
);
export type WaitReason = Frozen<z.infer<typeof waitReason>>;

export const jobEvent = message(
  'JobEvent',
  'A change of a job, or something that befell it: when, who, why.',
  z.object({ atMs: moment, kind: z.string(), actor, text: z.string() }),
);
export type JobEvent = Frozen<z.infer<typeof jobEvent>>;

export const jobDetail = message(
  'JobDetail',
  'Everything about a job but its tasks.',
  jobSummary.extend({
    columns: z.array(z.string()),
    spec: jobSpec,
    progress,
    waiting: z.array(waitReason),
    warnings: z.array(z.string()),
    history: z.array(jobEvent).describe('The first hundred and the last hundred of its events.'),
  }),
);
export type JobDetail = Frozen<z.infer<typeof jobDetail>>;

export const jobChange = message(
  'JobChange',
  'Pauses (nothing new is started), resumes or removes a job, or gives it another priority.',
  z.strictObject({
    action: z.enum(['pause', 'resume', 'remove', 'prioritize']),
    priority: z
      .int()
      .min(-1_000_000)
      .max(1_000_000)
      .optional()
      .describe('With `prioritize`: larger runs first.'),
    reason: reason.default('').describe('Why, for those who ask later.'),
  }),
);
export type JobChange = Frozen<z.infer<typeof jobChange>>;

export const taskChange = message(
  'TaskChange',
  'Holds, releases or removes tasks. What runs of them is stopped first.',
  z.strictObject({
    action: z.enum(['hold', 'release', 'remove']),
    tasks: z
      .array(z.tuple([taskIndex, taskIndex]))
      .min(1)
      .max(10_000)
      .optional()
      .describe('Ranges, the first and the last task of each. Without it: all tasks.'),
    reason: reason.default('').describe('Why, for those who ask later.'),
    subcode: z.int().default(0).describe('With `hold`: the subcode; the code is 1, UserRequest.'),
  }),
);
export type TaskChangeRequest = Frozen<z.infer<typeof taskChange>>;

export const taskChangeAnswer = message(
  'TaskChangeAnswer',
  'How many tasks have changed, and how many will when what runs of them has been stopped.',
  z.object({ changed: count, stopping: count, counts: taskCounts }),
);
export type TaskChangeAnswer = Frozen<z.infer<typeof taskChangeAnswer>>;

export const retryRequest = message(
  'RetryRequest',
  'Puts failed and held tasks back, with new retry budgets.',
  z.strictObject({
    tasks: z.array(taskIndex).min(1).max(100_000).optional().describe('Without it: all of them.'),
  }),
);
export type RetryRequest = Frozen<z.infer<typeof retryRequest>>;

export const retryAnswer = message(
  'RetryAnswer',
  'How many tasks wait again.',
  z.object({ retried: count, counts: taskCounts }),
);
export type RetryAnswer = Frozen<z.infer<typeof retryAnswer>>;

export const outputFile = message(
  'OutputFile',
  'One collected file of a job.',
  z.object({
    file: z.string().describe("Path inside the job's output, with `/`."),
    bytes: count,
    changedAtMs: moment,
  }),
);
export type OutputFile = Frozen<z.infer<typeof outputFile>>;

export const outputList = message(
  'OutputList',
  'The collected files of a job.',
  z.object({
    complete: z.boolean().describe('False: tasks have ended since these were collected.'),
    tasks: count.describe('How many tasks they hold.'),
    files: z.array(outputFile),
  }),
);
export type OutputList = Frozen<z.infer<typeof outputList>>;
