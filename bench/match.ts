/**
 * How long is a plan? 10,000 slots ask at once, 100,000 tasks of 50 kinds wait, each kind with
 * requirements of ten parts, a rank and a share of its own. `node bench/match.ts` prints one line
 * per question; the best of five rounds, by the processor's time, so that other work counts little.
 */
import { localAmbient } from '#classad';
import {
  type JobFacts,
  jobAd,
  type MachineFacts,
  machineAd,
  NO_ISOLATION,
  NO_LIFE,
  NO_MATCHING,
  offerAd,
} from '#model';
import {
  type JobView,
  Matchmaker,
  NO_AMOUNTS,
  plan,
  type Snapshot,
  type WorkerView,
} from '#scheduler';

const ROUNDS = 3;
const SLOTS = 10_000;
const KINDS = 50;
const TASKS = 100_000;

/** The processor's time, so that a look is as long as on a quiet machine; asking is slow. */
let asked = 0;
let knownMs = 0;
function processorMs(): number {
  if (asked++ % 64 === 0) {
    const { user, system } = process.cpuUsage();
    knownMs = (user + system) / 1000;
  }
  return knownMs;
}

const ambient = localAmbient({ now: Date.now, random: Math.random, elapsedMs: processorMs });

const REQUIREMENTS = [
  'TARGET.Memory >= RequestMemory',
  'TARGET.Cpus >= RequestCpus',
  'TARGET.Arch == "X86_64"',
  'TARGET.OpSys == "LINUX"',
  'TARGET.HasFileTransfer',
  'TARGET.OpSysMajorVer > 10',
  '(TARGET.Rack != "r0" || RequestMemory < 100)',
  'TARGET.Generation >= Least',
  'MY.Owner =!= "nobody"',
  'isUndefined(TARGET.Broken)',
].join(' && ');

const request = { cpus: 1, memoryBytes: 2 ** 30, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };

function jobView(id: number): JobView {
  const facts: JobFacts = {
    ...{ ...NO_MATCHING, ...NO_LIFE },
    ...{ id, name: `job${id}`, rows: TASKS / KINDS, submittedAtMs: 0, owner: `owner${id % 10}` },
    ...{ command: { kind: 'argv', template: ['true'] }, environment: {} },
    ...{ directory: { kind: 'scratch' }, request, timeoutMs: 0, retries: 0, priority: 0 },
    requirements: REQUIREMENTS,
    rank: 'TARGET.Generation * 10 + TARGET.Memory / 1024.0',
    attributes: { Least: String(id % 4) },
  };
  return {
    ...{
      id,
      job: id,
      paused: false,
      priority: 0,
      owner: facts.owner,
      limits: [],
      ad: jobAd(facts),
    },
    ...{ request, isolation: NO_ISOLATION, ready: TASKS / KINDS, delayed: 0, running: 0 },
    ...{ idempotent: true, medianWallMs: null, staging: null, dataSlots: { here: 0, coming: 0 } },
  };
}

/** `kinds` of machines: those of one kind are alike but for their names. */
function workerView(at: number, slots: number, kinds: number): WorkerView {
  const kind = at % kinds;
  const facts: MachineFacts = {
    ...{ name: `node${at}`, platform: 'linux-x64', version: '1', slots, gpus: 0, walls: null },
    ...{ memoryBytes: slots * (2 + (kind % 7)) * 2 ** 30, diskFreeBytes: 2 ** 40 },
    ...{ used: { cpus: 0, gpus: 0 }, machine: { cpus: slots, loadAverage: at % 3 } },
    ...{ state: 'active', stateAtMs: 0, lastHeardAtMs: 0 },
  };
  const attributes = {
    ...{ OpSysMajorVer: '12', Generation: String(kind % 5), Rack: `"r${kind}"` },
  };
  const offer = offerAd({ start: 'TARGET.Owner != "stranger"', rank: '', attributes });
  return {
    ...{ id: `w${at}`, ad: machineAd(facts, offer), isKnown: true, slots, asksFor: slots },
    ...{ memoryBytes: facts.memoryBytes, walls: null, diskFreeBytes: facts.diskFreeBytes },
    ...{
      lacks: new Map(),
      declines: new Set<number>(),
      gpus: 0,
      used: NO_AMOUNTS,
      draining: false,
      remainingMs: null,
      unkillable: 0,
      paused: false,
    },
  };
}

function snapshotOf(workers: number, kinds: number): Snapshot {
  const slots = SLOTS / workers;
  return {
    jobs: Array.from({ length: KINDS }, (_, at) => jobView(at + 1)),
    asking: Array.from({ length: workers }, (_, at) => workerView(at, slots, kinds)),
    ...{ totalSlots: SLOTS, running: [], shares: new Map(), limits: new Map(), stopped: null },
  };
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The first plan of a matchmaker that knows nothing, and one of the same a moment later. */
function measure(what: string, workers: number, kinds: number): void {
  const first: number[] = [];
  const next: number[] = [];
  let granted = 0;
  let plans = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const snapshot = snapshotOf(workers, kinds);
    const matchmaker = new Matchmaker(ambient);
    plans = 0;
    let isUnfinished = true;
    const tookMs = cpuMs(() => {
      while (isUnfinished) {
        const made = plan(snapshot, matchmaker);
        isUnfinished = made.isUnfinished;
        granted = made.grants.reduce((sum, { count }) => sum + count, 0);
        plans++;
      }
    });
    first.push(tookMs);
    next.push(cpuMs(() => plan(snapshot, matchmaker)));
  }
  const best = (times: readonly number[]) => Math.min(...times).toFixed(0);
  console.log(
    `${what}: ${best(first)} ms for the first plan (in ${plans} looks), ${best(next)} ms for the next; ` +
      `${granted} tasks placed`,
  );
}

measure('10,000 slots of 1,250 machines of 20 kinds', 1250, 20);
measure('10,000 machines of one slot, 20 kinds', 10_000, 20);
