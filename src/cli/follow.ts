import { printable, WindrowError } from '#base';
import type { ApiClient } from '#wire';
import { RUN_INTERRUPTED_EXIT } from './command.ts';
import { openProgress, type ProgressWish } from './progress.ts';
import { errorText } from './report-error.ts';
import { failuresText, statsText } from './summary.ts';
import { isSettled, type JobView, watchJob } from './watch.ts';
import type { World } from './world.ts';

/** Exit codes of A8, for those who wait for a job. */
export const FOLLOWED = { succeeded: 0, failed: 1, interrupted: RUN_INTERRUPTED_EXIT } as const;

const POLL_MS = 5000;
const QUIET_POLL_MS = 10_000;
const GIVE_UP_MS = 120_000;

export interface FollowWish extends ProgressWish {
  /** Also ends the waiting, besides the user; the job goes on. */
  readonly until?: AbortSignal;
  /** Options by which other commands find the server, with a blank before them, for what is told. */
  readonly reach?: string;
}

/**
 * Shows how a job goes on until it has ended, then what came of it. Answers with 0 (all tasks
 * succeeded), 1 (some failed) or 3 (interrupted, or the server stayed away).
 */
export async function followJob(
  client: ApiClient,
  job: number,
  wish: FollowWish,
  world: World,
): Promise<number> {
  const signal = wish.until ? AbortSignal.any([world.ending, wish.until]) : world.ending;
  const display = await openProgress(wish, world.stdout, world.stderr, world.clock);
  let last: JobView | undefined;
  try {
    const isQuiet = wish.quiet && !wish.json;
    const pollMs = isQuiet ? QUIET_POLL_MS : POLL_MS;
    const options = { signal, clock: world.clock, pollMs, isQuiet, giveUpMs: GIVE_UP_MS };
    for await (const view of watchJob(client, job, options)) {
      display.update(view);
      last = view;
      if (isSettled(view)) break;
    }
  } catch (error) {
    display.end();
    return interrupted(error, signal, wish, world);
  } finally {
    display.end();
  }
  tellEnd(last!, wish, world);
  const code = allSucceeded(last!) ? FOLLOWED.succeeded : FOLLOWED.failed;
  await summarize(client, job, code, wish, world);
  return code;
}

/** It ended with tasks that are not over: no failure of theirs will say why. */
function tellEnd({ job, state, reason, counts }: JobView, wish: FollowWish, world: World): void {
  const open = counts.waiting + counts.staging + counts.running + counts.checking;
  if (state !== 'failed' || open === 0 || wish.json) return;
  world.stderr.attempt(`windrow: job ${job} failed: ${printable(reason)}\n`);
}

function allSucceeded(view: JobView): boolean {
  return view.state !== 'removed' && view.counts.done === view.rows;
}

async function summarize(
  client: ApiClient,
  job: number,
  exitCode: number,
  wish: FollowWish,
  world: World,
): Promise<void> {
  const stats = await client.call('getStats', { params: { job } });
  // A run is not less done because its reader has gone: `attempt`, not `write`.
  if (wish.json) {
    world.stdout.attempt(`${JSON.stringify({ kind: 'summary', exitCode, ...stats })}\n`);
  } else if (wish.quiet) world.stderr.attempt(failuresText(stats, wish.reach));
  else world.stdout.attempt(statsText(stats, world.stdout, wish.reach));
}

/** The user's wish, or a server that stays away, is no fault; anything else is. */
function interrupted(error: unknown, signal: AbortSignal, wish: FollowWish, world: World): number {
  if (!signal.aborted) {
    if (!(error instanceof WindrowError) || error.status < 500) throw error;
    world.stderr.attempt(errorText(error, wish.json));
  }
  if (wish.json) world.stdout.attempt(`${JSON.stringify({ kind: 'interrupted' })}\n`);
  return FOLLOWED.interrupted;
}
