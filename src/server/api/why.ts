/** Why a job or a task is not running. What decides answers, taken apart. */
import { formatDuration } from '#base';
import { TaskState } from '#model';
import { priceOf, type Why } from '#scheduler';
import type { TaskNote } from '#store';
import type { ApiHandlers, WhyAnswer } from '#wire';
import type { Core, Job } from '../core.ts';
import { viewOfJob } from '../dispatch.ts';
import { currentUse, limitsOf, sharesOf } from '../reactor/sharing.ts';
import { type ApiParts, jobOf, requireTask } from './parts.ts';
import { taskDetail } from './tasks.ts';
import { jobSentences, waitingSentences, whyWaiting } from './waiting.ts';

const MOST_REFUSALS = 100;
const MOST_SHARES = 20;
const MOST_FAILURES = 5;

export function whyHandlers(parts: ApiParts): Pick<ApiHandlers, 'getWhy'> {
  const { core } = parts;
  return {
    async getWhy({ params, query }) {
      const job = jobOf(core, params.job);
      await core.commit.readable();
      if (query.task === undefined) return whyJob(core, job);
      requireTask(job, query.task);
      return await whyTask(parts, job, query.task);
    },
  };
}

function whyJob(core: Core, job: Job): WhyAnswer {
  const { state, stateReason: reason, stateActor: actor, stateAtMs: changedAtMs } = job;
  const waiting = job.tasks.count(TaskState.waiting);
  const why = waiting > 0 && core.active.has(job.id) ? whyWaiting(core, job) : null;
  const of = `${job.id}`;
  const answers = why ? jobSentences(core, job, why) : [`the job is ${state}: ${reason}`];
  const failures = job.statistics.failures(MOST_FAILURES).map((group) => ({
    ...{ cause: group.cause, signature: group.signature, tasks: group.tasks },
    ...{ example: group.example.task, reason: group.example.reason },
  }));
  const failed = job.tasks.count(TaskState.failed);
  const held = job.tasks.count(TaskState.held);
  if (held > 0) answers.push(`${held} of its tasks ${held === 1 ? 'is' : 'are'} held`);
  if (failed > 0) answers.push(`${failed} of its tasks failed`);
  const first = job.tasks.find([TaskState.held, TaskState.failed], 0);
  return {
    ...{ job: job.id, task: null, state, reason, changedAtMs, actor, hold: null, waiting, answers },
    todo: [
      ...(state === 'paused' ? [`windrow resume ${of}`] : []),
      ...(held > 0 ? [`windrow release ${of}`] : []),
      ...(failed > 0 ? [`windrow retry ${of}`] : []),
      ...(first >= 0 ? [`windrow why ${of}.${first}`] : []),
    ],
    matching: why && matchingOf(why),
    limits: limitsAsked(core, job),
    shares: why ? sharesShown(core) : [],
    failures,
  };
}

async function whyTask(parts: ApiParts, job: Job, task: number): Promise<WhyAnswer> {
  const { core, store } = parts;
  const detail = await taskDetail(core, store, job, task);
  const note = job.notes.get(task) ?? (await store.note(job.id, task));
  const { state, reason, changedAtMs, actor } = detail;
  const isWaiting = state === 'waiting';
  const why = isWaiting && core.active.has(job.id) ? whyWaiting(core, job, task) : null;
  const of = `${job.id}.${task}`;
  return {
    ...{ job: job.id, task, state, reason, changedAtMs, actor },
    hold: detail.hold,
    waiting: isWaiting ? 1 : 0,
    answers: answersOf(core, job, detail, note, why),
    todo: REMEDIES[state]?.(of) ?? [],
    matching: why && matchingOf(why),
    limits: limitsAsked(core, job),
    shares: why ? sharesShown(core) : [],
    failures: [],
  };
}

const REMEDIES: Readonly<Record<string, (of: string) => string[]>> = {
  held: (of) => [`windrow release ${of}`, `windrow logs ${of}`],
  failed: (of) => [`windrow logs ${of}`, `windrow retry ${of}`],
};

type Detail = Awaited<ReturnType<typeof taskDetail>>;

function answersOf(
  core: Core,
  job: Job,
  { state, reason, attemptList }: Detail,
  note: TaskNote | null,
  why: Why | null,
): string[] {
  const last = attemptList.at(-1);
  const told = reason === '' ? '' : `: ${reason}`;
  switch (state) {
    case 'waiting':
      return waitingAnswers(core, job, note, why);
    case 'staging':
    case 'running':
      return [`it is running on ${last?.worker ?? 'a worker'}${told}`];
    case 'checking':
      return ['its program has ended well, and its results are being checked'];
    case 'failed':
      return [`it failed for good after ${attemptsText(attemptList.length)}${told}`];
    default:
      return [`it is ${state}${told}`];
  }
}

function attemptsText(count: number): string {
  return count === 1 ? '1 attempt' : `${count} attempts`;
}

/** A delay holds its own task back, whatever else holds back all of them. */
function waitingAnswers(core: Core, job: Job, note: TaskNote | null, why: Why | null): string[] {
  const leftMs = (note?.notBeforeMs ?? 0) - core.clock.now();
  const before = note?.reason ? `, after ${note.reason}` : '';
  const delay = leftMs > 0 ? [`it is tried again in ${formatDuration(leftMs)}${before}`] : [];
  return [...delay, ...(why ? waitingSentences(job, why) : [])];
}

function matchingOf({ workers, slots, able, conjuncts, refusals, advice, unseen }: Why) {
  const shown = refusals.slice(0, MOST_REFUSALS).map((one) => ({ ...one, names: [...one.names] }));
  return {
    ...{ workers, slots, able, unseen },
    conjuncts: conjuncts.map((one) => ({ ...one })),
    refusals: shown,
    advice: [...advice],
  };
}

function limitsAsked(core: Core, job: Job): WhyAnswer['limits'] {
  const limits = limitsOf(core);
  return Object.entries(job.spec.concurrencyLimits).map(([name, amount]) => {
    const { most, used } = limits.get(name) ?? { most: null, used: core.limitsUsed.get(name) ?? 0 };
    return { name, amount, most, used };
  });
}

/** The one to whom one more CPU is cheapest comes first, as when slots are given out. */
function sharesShown(core: Core): WhyAnswer['shares'] {
  const nowMs = core.clock.monotonic();
  const waiting = new Map<string, number>();
  for (const id of core.active) {
    const { owner, ready } = viewOfJob(core, core.jobs.get(id)!, nowMs);
    waiting.set(owner, (waiting.get(owner) ?? 0) + ready);
  }
  const shares = sharesOf(core, waiting.keys());
  const shown = [...shares].map(([owner, share]) => {
    const { cpus } = currentUse(core, owner);
    const cost = priceOf(share) * (cpus + 1);
    return { cost, told: { owner, cpus, ...share, waiting: waiting.get(owner) ?? 0 } };
  });
  shown.sort((a, b) => a.cost - b.cost);
  return shown.slice(0, MOST_SHARES).map(({ told }) => told);
}
