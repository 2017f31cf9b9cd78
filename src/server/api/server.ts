/** The server itself: what it is and does, as figures and as an ad; and its end. */
import { statfsSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';
import { type ServerFacts, serverAd, type TaskCounts } from '#model';
import { type ApiHandlers, openApiDocument, type ServerView } from '#wire';
import { fits, sieveOf, toldOf } from '../ads/sieve.ts';
import type { Core } from '../core.ts';
import { stoppedReason } from '../dispatch.ts';
import { busySlots } from './machines.ts';
import type { ApiParts } from './parts.ts';

type ServerHandlers = Pick<ApiHandlers, 'getServer' | 'stopServer' | 'openapi'>;

export function serverHandlers(parts: ApiParts): ServerHandlers {
  const { core } = parts;
  return {
    async getServer({ query }) {
      const sieve = sieveOf(query, core.ambient);
      const view = serverView(parts);
      const ad = serverAd(factsOf(parts, view));
      const isAsked = query.constraint !== undefined;
      return { ...view, ...(isAsked && { fits: fits(sieve, ad) }), ad: toldOf(sieve, ad) };
    },

    async stopServer({ body }) {
      parts.stop(body.mode);
      return {
        state: body.mode === 'drain' ? 'draining' : 'stopping',
        runningAttempts: core.leases.size,
      };
    },

    async openapi() {
      return openApiDocument(parts.version);
    },
  };
}

function serverView(parts: ApiParts): ServerView {
  const { core } = parts;
  const disk = statfsSync(parts.layout.root);
  const workers = [...core.workers.values()].filter((worker) => worker.state !== 'lost');
  return {
    version: parts.version,
    url: parts.url(),
    pid: process.pid,
    stateDirectory: parts.layout.root,
    startedAtMs: parts.startedAtMs,
    uptimeMs: core.clock.now() - parts.startedAtMs,
    state: stateOf(parts),
    reason: stoppedReason(core) ?? '',
    diskFreeBytes: disk.bavail * disk.bsize,
    diskTotalBytes: disk.blocks * disk.bsize,
    memoryBytes: process.memoryUsage.rss(),
    jobsRunning: core.active.size,
    jobs: core.jobs.size,
    counts: countsOf(core),
    workers: workers.length,
    slots: workers.reduce((sum, worker) => sum + worker.slots, 0),
    busySlots: workers.reduce((sum, worker) => sum + busySlots(worker), 0),
  };
}

function stateOf({ core, readOnly }: ApiParts): ServerView['state'] {
  if (readOnly) return 'read-only';
  if (core.draining) return 'draining';
  return (core.commit.stalled ?? core.diskLow) === null ? 'running' : 'disk-full';
}

/** Of all jobs that are known. */
function countsOf(core: Core): TaskCounts {
  const sums: Record<keyof TaskCounts, number> = {
    ...{ waiting: 0, staging: 0, running: 0, checking: 0 },
    ...{ done: 0, failed: 0, held: 0, removed: 0 },
  };
  for (const { tasks } of core.jobs.values()) {
    const counts = tasks.counts();
    for (const state of Object.keys(sums) as (keyof TaskCounts)[]) sums[state] += counts[state];
  }
  return sums;
}

function factsOf({ core, startedAtMs, version }: ApiParts, view: ServerView): ServerFacts {
  const nowMs = core.clock.monotonic();
  const owners = new Set([...core.active].map((id) => core.jobs.get(id)!.spec.owner));
  return {
    ...view,
    ...{ name: hostname(), platform: `${process.platform}-${process.arch}`, version },
    ...{ startedAtMs, nowMs: core.clock.now(), jobs: view.jobsRunning, owners: owners.size },
    machine: { cpus: availableParallelism(), memoryBytes: totalmem() },
    whole: core.activity.whole(nowMs),
    recent: core.activity.recent(nowMs),
  };
}
