/** Steps around the program: which walls it gets, putting them up, and what they say afterwards. */
import { formatBytes, messageOf, WindrowError } from '#base';
import type { Exceeded, Stuck, WallPlan } from '#sandbox';
import { type Attempt, AttemptFault, type Verdict } from './attempt.ts';
import { filesToMount } from './stage.ts';

/** Undefined when the attempt gets none, which most do. */
export function planWalls(attempt: Attempt): Promise<void> | undefined {
  const { workshop, plan, request } = attempt;
  const { isolation, owner } = plan.job;
  return workshop.walls.needsNone(isolation, request, owner) ? undefined : planAll(attempt);
}

async function planAll(attempt: Attempt): Promise<void> {
  const { workshop, plan, scratch, slot, name } = attempt;
  const { job } = plan;
  const { isolation, owner } = job;
  const { request } = attempt;
  const directory = job.directory.kind === 'submit' ? job.directory.path : scratch;
  const mountUnderScratch = workshop.mountUnderScratch(job);
  const { cpus, gpus } = attempt.devices;
  const places = { scratch, directory, mountUnderScratch };
  const devices = workshop.gpus.nodesFor(gpus);
  const files = filesToMount(attempt);
  const site = { name, owner, slot, files, cpus, devices, request, isolation, ...places };
  attempt.walls = await orFault(attempt, workshop.walls.plan(site));
}

export function raiseWalls(attempt: Attempt): Promise<void> | undefined {
  return attempt.walls ? raiseAll(attempt, attempt.walls) : undefined;
}

async function raiseAll(attempt: Attempt, walls: WallPlan): Promise<void> {
  const { workshop, madeScratch } = attempt;
  await orFault(attempt, workshop.walls.raise(walls));
  attempt.standing = walls;
  // It has another owner now.
  if (walls.account && madeScratch) attempt.madeScratch = workshop.shelf.asOf(madeScratch.path);
}

/**
 * Once the program has ended: ends what outlived it. Nothing of it runs any more then, and its slot may be
 * given to the next one. Undefined where there are no walls.
 *
 * @param stuck what its starter could not end
 */
export function endRemains(attempt: Attempt, stuck: readonly Stuck[]): Promise<void> | undefined {
  const { walls } = attempt;
  if (walls) return endAll(attempt, walls, stuck);
  noteStuck(attempt, stuck);
  return undefined;
}

async function endAll(
  attempt: Attempt,
  walls: WallPlan,
  ofStarter: readonly Stuck[],
): Promise<void> {
  const all = new Map(ofStarter.map((one) => [one.pid, one]));
  for (const { stuck } of await attempt.workshop.walls.endRemains(walls)) {
    for (const one of stuck) all.set(one.pid, one);
  }
  noteStuck(attempt, [...all.values()]);
}

/**
 * What the walls measured, and which of their limits ended the program. Its figures stay as they are until
 * they are taken down, so the next program of the slot need not wait for this.
 */
export async function settleWalls(attempt: Attempt): Promise<Verdict | null> {
  const { workshop, measured, grant, walls } = attempt;
  let verdict: Verdict | null = null;
  try {
    for (const settled of walls ? await workshop.walls.settle(walls) : []) {
      const { exceeded, network } = settled;
      measured.push(...settled.measured);
      if (Object.keys(network).length > 0) measured.push({ source: 'none', figures: {}, network });
      if (exceeded) verdict ??= verdictOfLimit(exceeded);
    }
  } catch (error) {
    const facts = { ticket: grant.ticket, reason: messageOf(error) };
    workshop.log.warn(facts, 'the walls of an attempt could not be asked what they measured');
  }
  return verdict;
}

/** Told to whoever looks: the log of this machine, the events of the task, the traps of the server. */
function noteStuck({ workshop, remarks, grant }: Attempt, stuck: readonly Stuck[]): void {
  if (stuck.length === 0) return;
  workshop.log.error({ ticket: grant.ticket, stuck }, 'processes of an attempt cannot be killed');
  remarks.push(stuckSentence(stuck));
  workshop.unkilled.add(stuck.map(({ pid }) => pid));
}

const STUCK_NAMED = 5;

/** They keep their memory, and what they have open, until the kernel lets go of them. */
function stuckSentence(stuck: readonly Stuck[]): string {
  const named = stuck.slice(0, STUCK_NAMED).map(({ pid, command, state, waitingIn }) => {
    const where = waitingIn === '' ? '' : ` in ${waitingIn}`;
    return `${pid} ${command} (state ${state}${where})`;
  });
  const more = stuck.length > STUCK_NAMED ? ` and ${stuck.length - STUCK_NAMED} more` : '';
  return `SIGKILL does not end what is left of the attempt, which keeps its slot: ${named.join(', ')}${more}`;
}

/** What is only to be removed; nobody waits for it but the attempt itself. */
export function takeWallsDown(attempt: Attempt): Promise<void> | undefined {
  const { standing, workshop } = attempt;
  attempt.standing = null;
  return standing ? workshop.walls.takeDown(standing) : undefined;
}

/** The sentence for a limit that a wall holds. */
export function verdictOfLimit({ wall, limit, peak, shared }: Exceeded): Verdict {
  switch (wall) {
    case 'memory':
      return {
        cause: 'memory',
        reason: shared
          ? `The program was ended because all attempts together used up the ${formatBytes(limit)} of memory that this machine has for them; its own peak was ${formatBytes(peak)}.`
          : `The program was ended because it used more memory than its limit of ${formatBytes(limit)}; its peak was ${formatBytes(peak)}.`,
      };
    case 'disk':
      return {
        cause: 'disk',
        reason: `The program filled the ${formatBytes(limit)} of disk that it asked for.`,
      };
    case 'tasks':
      return {
        cause: 'exit-code',
        reason: `The program failed after it was refused another process: its limit is ${limit}, and it had ${peak}.`,
      };
  }
}

async function orFault<T>(attempt: Attempt, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof WindrowError)) throw error;
    const said = messageOf(error);
    const { ticket } = attempt.grant;
    attempt.workshop.log.warn({ ticket, code: error.code }, said);
    throw new AttemptFault('launch', `${said.charAt(0).toUpperCase()}${said.slice(1)}.`, {
      cause: error,
    });
  }
}
