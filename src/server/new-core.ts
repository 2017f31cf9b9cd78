/** The core of a server that has recovered nothing yet. */
import { localAmbient } from '#classad';
import { Matchmaker } from '#scheduler';
import { Activity } from './activity.ts';
import type { GroupCommit } from './commit.ts';
import type { Core } from './core.ts';
import { NO_SITE_RULES } from './policies/policy-file.ts';
import type { ServerOptions } from './server-options.ts';
import { SetAttributes } from './set-attributes.ts';

/** Where the core's decisions are carried out: other parts of the server. */
export type CoreDoors = Pick<
  Core,
  'wake' | 'wakeIn' | 'nextDataTag' | 'stage' | 'suspectInputs' | 'check' | 'happened' | 'finished'
>;

export function newCore(options: ServerOptions, commit: GroupCommit, doors: CoreDoors): Core {
  const { clock, leaseMs, pingSeconds, sharing, stagerPatienceMs } = options;
  const ambient = localAmbient({
    now: () => clock.now(),
    elapsedMs: () => performance.now(),
    random: Math.random,
  });
  return {
    clock,
    activity: new Activity(clock.monotonic(), () => ({
      loop: performance.eventLoopUtilization(),
      cpu: process.cpuUsage(),
    })),
    site: NO_SITE_RULES,
    settings: { leaseMs, pingSeconds, sharing, stagerPatienceMs },
    ambient,
    matchmaker: new Matchmaker(ambient),
    isPlanUnfinished: false,
    uses: new Map(),
    set: new SetAttributes(),
    limitsUsed: new Map(),
    commit,
    jobs: new Map(),
    active: new Set(),
    workers: new Map(),
    slotsByName: new Map(),
    orders: new Map(),
    leases: new Map(),
    damages: new Map(),
    lost: new Map(),
    nextTicket: 1,
    nextJob: 1,
    sequence: 0,
    stopped: options.readOnly ? 'no server runs on this state directory' : null,
    diskLow: null,
    tracesLow: null,
    draining: false,
    ...doors,
  };
}
