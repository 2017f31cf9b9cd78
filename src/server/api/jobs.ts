/** Jobs as users see them, and what users do to them. */
import { cellsShown, columnsGiven, HOLD_CODES, type JobSpec, TaskState } from '#model';
import { efficiencyOf } from '#results';
import type { Store } from '#store';
import { compileCommand } from '#sweep';
import type {
  ApiHandlers,
  JobDetail,
  JobEvent,
  JobStats,
  JobSubmission,
  JobSummary,
  Progress,
  SubmissionPreview,
  WaitReason,
} from '#wire';
import { adOfListedJob, type OwnAttributes, ownAttributes } from '../ads/facts.ts';
import { sieveOf, sift, toldOf } from '../ads/sieve.ts';
import { OF_JOB } from '../attributes.ts';
import type { Core, Job } from '../core.ts';
import { serverErrors } from '../errors.ts';
import { rateOf } from '../pace.ts';
import { type Chosen, holdTasks, releaseTasks, removeTasks } from '../reactor/hold.ts';
import {
  pauseJob,
  prioritizeJob,
  removeJob,
  resumeJob,
  retryTasks,
  stageAgain,
} from '../reactor/jobs.ts';
import { takeUp } from '../take-up.ts';
import { type ApiParts, jobOf, parametersOf, requireTask } from './parts.ts';
import { jobSentences, whyWaiting } from './waiting.ts';

const PAGE = 100;
const PAGE_WITH_ADS = 200;
const WORKERS_SHOWN = 1000;
const FAILURES_SHOWN = 100;
/** Events shown from the beginning and from the end of a job's history. */
const HISTORY_ENDS = 100;

type JobHandlers = Pick<
  ApiHandlers,
  | 'submitJob'
  | 'previewJob'
  | 'listJobs'
  | 'getJob'
  | 'changeJob'
  | 'changeTasks'
  | 'retryJob'
  | 'getStats'
>;

export function jobHandlers(parts: ApiParts): JobHandlers {
  const { core, store, intake } = parts;
  return {
    async submitJob({ body }, { actor }) {
      const { job, outcome, rerun, warnings } = await intake.submit(body as JobSubmission, actor);
      return {
        job: job.id,
        outcome,
        counts: job.tasks.counts(),
        rerun: rerun as never,
        warnings: allWarnings(body as JobSubmission, warnings),
      };
    },

    async previewJob({ body }) {
      return preview(parts, body as JobSubmission);
    },

    async listJobs({ query }) {
      const all = [...core.jobs.values()].reverse();
      const wanted = all.filter((job) => query.state === undefined || job.state === query.state);
      const sieve = sieveOf(query, core.ambient);
      const limit = query.limit ?? PAGE;
      const jobs: JobSummary[] = [];
      let at = query.from ?? 0;
      const isAboutAds = query.constraint !== undefined || query.attributes !== undefined;
      const pages = listedJobs(isAboutAds ? parts.store : null, wanted, at);
      for await (const { item, ad } of sift(sieve, pages, (one) =>
        adOfListedJob(one.job, one.own),
      )) {
        if (jobs.length === limit) return { jobs, next: at };
        at = item.index + 1;
        jobs.push({ ...summaryOf(item.job), ad: toldOf(sieve, ad) });
      }
      return { jobs, next: null };
    },

    async getJob({ params }) {
      return detailOf(parts, jobOf(core, params.job));
    },

    async changeJob({ params, body }, { actor }) {
      const job = jobOf(core, params.job);
      if (body.action === 'prioritize') {
        prioritizeJob(core, job, body.priority ?? 0, body.reason, actor);
      } else {
        if (body.action === 'resume') await takeUp(core, store, job, []);
        const act = { pause: pauseJob, resume: resumeJob, remove: removeJob }[body.action];
        act(core, job, body.reason, actor);
      }
      await core.commit.durable();
      return summaryOf(job);
    },

    async changeTasks({ params, body }, { actor }) {
      const job = jobOf(core, params.job);
      if (job.state === 'removed') throw serverErrors.create('JOB_REMOVED', { job: job.id });
      const chosen = chosenOf(job, body.tasks);
      const { action, subcode } = body;
      const reason = body.reason || `${PAST[action]} by command`;
      const ground = { reason, actor };
      if (action === 'release') await takeUp(core, store, job, []);
      const changed =
        action === 'hold'
          ? holdTasks(core, job, chosen, {
              ...ground,
              hold: { code: HOLD_CODES.UserRequest, subcode },
            })
          : (action === 'release' ? releaseTasks : removeTasks)(core, job, chosen, ground);
      await core.commit.durable();
      return { ...changed, counts: job.tasks.counts() };
    },

    async retryJob({ params, body }, { actor }) {
      const job = jobOf(core, params.job);
      if (job.state === 'removed') throw serverErrors.create('JOB_REMOVED', { job: job.id });
      await core.commit.durable();
      const notes = body.tasks
        ? await Promise.all([...new Set(body.tasks)].map((task) => store.note(job.id, task)))
        : await intake.stuckNotes(job);
      const known = notes.filter((note) => note !== null);
      const tasks = known.map(({ task }) => task);
      await takeUp(core, store, job, tasks);
      const retried = retryTasks(core, job, known, actor, body.tasks === undefined);
      stageAgain(core, job, actor);
      await core.commit.durable();
      return { retried, counts: job.tasks.counts() };
    },

    async getStats({ params }) {
      return statsOf(core, jobOf(core, params.job));
    },
  };
}

const PAST = { hold: 'held', release: 'released', remove: 'removed' } as const;

/** Ranges given by first and last task. @throws WindrowError TASK_UNKNOWN */
function chosenOf(job: Job, ranges: readonly (readonly [number, number])[] | undefined): Chosen {
  if (!ranges) return 'all';
  for (const [first] of ranges) requireTask(job, first);
  return ranges.map(([first, last]) => [first, Math.max(0, last - first + 1)] as const);
}

interface ListedJob {
  readonly job: Job;
  readonly index: number;
  readonly own: OwnAttributes | null;
}

/** @param store null: nobody asks what programs have set */
async function* listedJobs(
  store: Store | null,
  jobs: readonly Job[],
  first: number,
): AsyncGenerator<ListedJob[]> {
  for (let at = first; at < jobs.length; at += PAGE_WITH_ADS) {
    const page = jobs.slice(at, at + PAGE_WITH_ADS).map(async (job, index) => {
      const set = store ? await store.attributesOf(job.id, OF_JOB) : [];
      return { job, index: at + index, own: ownAttributes(set) };
    });
    yield await Promise.all(page);
  }
}

async function preview(parts: ApiParts, submission: JobSubmission): Promise<SubmissionPreview> {
  const { rerun, rows, open, warnings } = await parts.intake.preview(submission);
  const spec = submission.spec as JobSpec;
  const command = compileCommand(spec.command, columnsGiven(spec, rows.columns));
  const examples = open.map(({ task, why }) => ({
    task,
    why,
    commandLine: command.script(cellsShown(spec, rows.row(task)), task),
  }));
  const all = allWarnings(submission, warnings);
  return { ...rerun, rows: rows.count, examples, warnings: all } as SubmissionPreview;
}

/** The submitter's own check and the server's find the same things. */
function allWarnings(submission: JobSubmission, warnings: readonly string[]): string[] {
  return [...new Set([...(submission.warnings ?? []), ...warnings])];
}

export function summaryOf(job: Job): JobSummary {
  const counts = job.tasks.counts();
  const over = job.state === 'done' || job.state === 'failed' || job.state === 'removed';
  return {
    job: job.id,
    name: job.spec.name,
    state: job.state,
    reason: job.stateReason,
    changedAtMs: job.stateAtMs,
    actor: job.stateActor,
    createdAtMs: job.submittedAtMs,
    startedAtMs: counts.waiting === job.tasks.rows ? null : job.submittedAtMs,
    endedAtMs: over ? job.stateAtMs : null,
    rows: job.tasks.rows,
    counts,
    priority: job.spec.priority,
    output: job.spec.output,
  };
}

async function detailOf({ core, store }: ApiParts, job: Job): Promise<JobDetail> {
  await core.commit.readable();
  return {
    ...summaryOf(job),
    columns: [...job.columns],
    spec: job.spec,
    progress: progressOf(core, job),
    waiting: waitingOf(core, job),
    warnings: [],
    history: await historyOf(store, job),
  };
}

async function historyOf(store: Store, job: Job): Promise<JobEvent[]> {
  const first = await store.events(0, job.id, HISTORY_ENDS);
  const seen = first.at(-1)?.sequence ?? 0;
  const latest = await store.latestEvents(job.id, HISTORY_ENDS);
  const events = [...first, ...latest.filter(({ sequence }) => sequence > seen)];
  return events.map(({ atMs, kind, actor, text }) => ({ atMs, kind, actor, text }));
}

export function progressOf(core: Core, job: Job): Progress {
  const { ok: _ok, ...failures } = job.statistics.causes;
  return {
    atMs: core.clock.now(),
    ...rateOf(job.recent, job.tasks.open, core.clock.now()),
    runningAttempts: job.tasks.count(TaskState.running),
    failures,
  };
}

export function waitingOf(core: Core, job: Job): WaitReason[] {
  const tasks = job.tasks.count(TaskState.waiting);
  if (tasks === 0) return [];
  const reasons = jobSentences(core, job, whyWaiting(core, job));
  return reasons.map((reason) => ({ code: 'waiting', reason, tasks }));
}

function statsOf(core: Core, job: Job): JobStats {
  const { statistics } = job;
  const summary = summaryOf(job);
  const elapsedMs = Math.max(0, (summary.endedAtMs ?? core.clock.now()) - job.submittedAtMs);
  const slotsOf = core.slotsByName;
  const workers = statistics.workers(WORKERS_SHOWN).map((totals) => ({
    ...totals,
    efficiency: efficiencyOf(totals.busyMs, slotsOf.get(totals.worker) ?? 0, elapsedMs),
  }));
  const slots = workers.reduce((sum, { worker }) => sum + (slotsOf.get(worker) ?? 0), 0);
  return {
    job: job.id,
    name: job.spec.name,
    state: job.state,
    counts: job.tasks.counts(),
    startedAtMs: summary.startedAtMs,
    endedAtMs: summary.endedAtMs,
    elapsedMs,
    attempts: statistics.attempts,
    reused: statistics.reused,
    causes: { ...statistics.causes },
    ends: statistics.ends,
    workers,
    workersLeftOut: Math.max(0, statistics.workerCount - workers.length),
    failures: statistics.failures(FAILURES_SHOWN).map((group) => ({
      ...group,
      example: { ...group.example, parameters: parametersOf(job, group.example.task) },
    })),
    failuresLeftOut: Math.max(0, statistics.failureCount - FAILURES_SHOWN),
    wall: statistics.wall(),
    cpu: statistics.cpu(),
    memoryPeakBytes: statistics.memoryPeakBytes,
    ...statistics.totals,
    efficiency: efficiencyOf(statistics.busyMs, slots, elapsedMs),
  };
}
