/** What policies make of tasks: when a program has ended, while one waits or is held. */
import { localAmbient } from '#classad';
import { type AttemptRecord, saysRetries, type TaskIndex, TaskState } from '#model';
import { type Decision, decide, type PolicySurround } from '#policy';
import type { TaskNote, TaskRuling } from '#store';
import { adOfTask, type KnownTask } from '../ads/facts.ts';
import type { Core, Job } from '../core.ts';
import { cellsForPolicies } from './looks.ts';

export function surroundOf({ clock }: Core): PolicySurround {
  const ambient = localAmbient({
    now: () => clock.now(),
    random: Math.random,
    elapsedMs: () => clock.monotonic(),
  });
  return { ambient };
}

/** Causes of programs that came to their own end. */
const OWN_ENDS: ReadonlySet<string> = new Set(['ok', 'exit-code', 'signal']);

export function isOwnEnd({ cause }: Pick<AttemptRecord, 'cause'>): boolean {
  return OWN_ENDS.has(cause);
}

export interface ExitRuling {
  /** Null: it leaves the queue. */
  readonly ruling: TaskRuling | null;
  /** Whether policies, and not budgets, decide if the program is run again. */
  readonly isFinal: boolean;
}

const NOTHING: ExitRuling = { ruling: null, isFinal: false };

/** Whether anything but budgets may decide what becomes of a task whose program has ended. */
export function hasExitPolicies({ site }: Core, { spec: { policy } }: Job): boolean {
  if (site.policy.hold.length + site.policy.remove.length > 0) return true;
  return saysRetries(policy) || Object.keys(policy.rules).length > 0;
}

/**
 * A program has come to its own end, and nothing is decided yet.
 * @param note with this end counted in `completions`
 */
export function rulingAtExit(
  core: Core,
  job: Job,
  record: AttemptRecord,
  note: TaskNote,
): ExitRuling {
  if (!hasExitPolicies(core, job)) return NOTHING;
  const { policy } = job.spec;
  const { site } = core;
  const ended = { ...record, sequence: 0, accepted: false };
  const ad = adOfTask(job, { ...ownOf(core, job, record.task), note, lease: null, ended });
  const decision = decide(ad, site.policy, 'exit', surroundOf(core));
  const ruling = rulingOf(decision);
  if (ruling) return { ruling, isFinal: true };
  return { ruling: null, isFinal: saysRetries(policy) || policy.rules.onExitRemove !== undefined };
}

/** Null when nothing is to be done, or only what happens anyway. */
export function rulingOf({ verdict, reason, hold }: Decision): TaskRuling | null {
  const actor = 'policy';
  switch (verdict) {
    case 'hold':
      return { to: 'held', hold, reason, actor };
    case 'remove':
      return { to: 'removed', hold: null, reason, actor };
    case 'requeue':
    case 'vacate':
    case 'release':
      return { to: 'waiting', hold: null, reason, actor };
    default:
      return null;
  }
}

/** Whether anything may ever happen to tasks of the job that wait or are held. */
export function hasIdlePolicies({ site }: Core, { spec }: Job): boolean {
  const { hold, release, remove } = site.policy;
  if (hold.length + release.length + remove.length > 0) return true;
  if ('timerremove' in lowered(spec.attributes)) return true;
  const { periodicHold, periodicRelease, periodicRemove } = spec.policy.rules;
  return [periodicHold, periodicRelease, periodicRemove].some((rule) => rule !== undefined);
}

function lowered(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, text]) => [name.toLowerCase(), text]),
  );
}

/** A held task of it may go on by itself, unless a user holds it. */
export function mayBeReleased(core: Core, job: Job): boolean {
  const releases = core.site.policy.release.length > 0;
  if (!releases && job.spec.policy.rules.periodicRelease === undefined) return false;
  const isOfUser = (code: number | undefined): boolean => code === 1;
  for (const note of job.notes.values()) {
    const isHeld = job.tasks.state(note.task) === TaskState.held;
    if (isHeld && !isOfUser(note.hold?.code)) return true;
  }
  return job.masses.some(({ kind, hold }) => kind === 'held' && !isOfUser(hold?.code));
}

/** What policies say of a task that waits or is held. */
export function decideIdle(
  core: Core,
  job: Job,
  note: TaskNote | null,
  task: TaskIndex,
  as?: 'waiting',
): Decision {
  const own = ownOf(core, job, task);
  const ad = adOfTask(job, { ...own, note, lease: null, ended: null, ...(as && { as }) });
  return decide(ad, core.site.policy, 'periodic', surroundOf(core));
}

/** What tells the task apart from others of its job besides its past. */
function ownOf(core: Core, job: Job, task: TaskIndex): Pick<KnownTask, 'task' | 'own' | 'cells'> {
  return { task, own: core.set.of(job.id, task), cells: cellsForPolicies(core, job, task) };
}
