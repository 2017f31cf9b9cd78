/** Answers of a server in the middle of a small job, some of them hostile. */
import { NO_DEALINGS, NO_ISOLATION, NO_LIFE, NO_MATCHING, type TaskCounts } from '#model';
import type {
  AttemptView,
  JobDetail,
  JobStats,
  JobSummary,
  Progress,
  ServerView,
  TaskDetail,
  WorkerView,
} from '#wire';

/** Would set the title, clear the screen and hide what follows, if a terminal got it. */
export const HOSTILE = '\u001b]0;pwned\u0007\u001b[2J\u202eevil\r';

export function counts(some: Partial<TaskCounts>): TaskCounts {
  const none = {
    waiting: 0,
    staging: 0,
    running: 0,
    checking: 0,
    done: 0,
    failed: 0,
    held: 0,
    removed: 0,
  };
  return { ...none, ...some };
}

export function progress(some: Partial<Progress> = {}): Progress {
  return { atMs: 1000, ratePerSecond: 2, etaMs: 5000, runningAttempts: 1, failures: {}, ...some };
}

export function job(some: Partial<JobSummary> = {}): JobSummary {
  return {
    job: 3,
    name: 'ising',
    state: 'running',
    reason: '',
    changedAtMs: 1000,
    actor: 'user',
    createdAtMs: 1000,
    startedAtMs: 1000,
    endedAtMs: null,
    rows: 10,
    counts: counts({ waiting: 3, running: 1, done: 5, failed: 1 }),
    priority: 0,
    output: '/srv/results',
    ...some,
  };
}

export function jobDetail(some: Partial<JobDetail> = {}): JobDetail {
  return {
    ...job(),
    columns: ['beta', 'seed'],
    spec: {
      name: 'ising',
      command: { kind: 'shell', template: './ising --beta $beta' },
      axes: [{ kind: 'values', columns: ['beta'], rows: [['1']] }],
      inputs: [],
      results: [{ name: 'energy', from: { kind: 'stdout' }, required: true }],
      programName: '',
      programs: [],
      references: [],
      environment: {},
      directory: { kind: 'scratch' },
      retries: 2,
      retryByCause: {},
      timeoutMs: 600_000,
      killGraceMs: 5000,
      idempotent: true,
      isolation: NO_ISOLATION,
      request: { cpus: 1, memoryBytes: 2 ** 29, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
      validate: null,
      validateTimeoutMs: 60_000,
      collect: { kind: 'concat' },
      order: 'table',
      keep: 'packed',
      output: '/srv/results',
      logBytes: 1 << 20,
      resultBytes: 1 << 30,
      deleteWorker: false,
      deleteClient: false,
      priority: 0,
      ...NO_MATCHING,
      ...NO_DEALINGS,
      ...NO_LIFE,
    },
    progress: progress(),
    waiting: [{ code: 'NO_SLOT', reason: 'all slots are busy', tasks: 3 }],
    warnings: [],
    history: [{ atMs: 1_700_000_000_000, kind: 'job-submitted', actor: 'user', text: 'ising' }],
    ...some,
  };
}

export const attempt: AttemptView = {
  ticket: 4711,
  task: 7,
  number: 1,
  worker: 'node17',
  inputs: [],
  cause: 'exit-code',
  exitCode: 3,
  signal: null,
  reason: 'the program ended with status 3',
  signature: 'exit-code: cannot open N',
  startedAtMs: 2000,
  endedAtMs: 3500,
  walls: null,
  usage: {
    wallMs: 1500,
    cpuUserMs: 1000,
    cpuSystemMs: 200,
    memoryPeakBytes: 2 ** 20,
    ioReadBytes: 4096,
    ioWriteBytes: 0,
    contextSwitches: 12,
    tasksPeak: 3,
    diskBytes: null,
    sources: {
      cpuUserMs: 'cgroup-v2',
      cpuSystemMs: 'cgroup-v2',
      memoryPeakBytes: 'cgroup-v2',
      ioReadBytes: 'rusage',
      ioWriteBytes: 'rusage',
      contextSwitches: 'rusage',
      tasksPeak: 'cgroup-v2',
    },
    network: { OutgoingInternal: 0, OutgoingExternal: 3 * 2 ** 20 },
  },
  next: 'failed',
  asked: null,
  reusedFrom: null,
};

export const task: TaskDetail = {
  job: 3,
  task: 7,
  state: 'failed',
  status: 4,
  hold: null,
  holds: 0,
  reason: `no retries left ${HOSTILE}`,
  changedAtMs: 4000,
  actor: 'server',
  attempts: 1,
  parameters: { beta: '0.44', seed: HOSTILE },
  commandLine: './ising --beta 0.44',
  attemptList: [attempt],
  waiting: '',
};

const times = {
  count: 5,
  minMs: 100,
  p50Ms: 1500,
  p90Ms: 2000,
  p99Ms: 2500,
  maxMs: 3000,
  meanMs: 1600,
  sumMs: 8000,
};

export const stats: JobStats = {
  job: 3,
  name: 'ising',
  state: 'failed',
  counts: counts({ done: 9, failed: 1 }),
  startedAtMs: 1000,
  endedAtMs: 9000,
  elapsedMs: 8000,
  attempts: 11,
  reused: 2,
  causes: { ok: 9, 'exit-code': 2 },
  workers: [
    {
      worker: 'node17',
      done: 6,
      attempts: 7,
      failures: { 'exit-code': 1 },
      busyMs: 6000,
      cpuMs: 5000,
      efficiency: 0.75,
    },
    {
      worker: HOSTILE,
      done: 3,
      attempts: 4,
      failures: {},
      busyMs: 2000,
      cpuMs: 0,
      efficiency: null,
    },
  ],
  ends: { fromMs: 1_795_000_000_000, stepMs: 1000, ok: [3, 5], failed: [0, 1] },
  workersLeftOut: 0,
  failures: [
    {
      signature: 'exit-code: cannot open N',
      cause: 'exit-code',
      tasks: 1,
      example: { task: 7, ticket: 4711, parameters: { beta: '0.44' }, reason: 'status 3' },
    },
  ],
  failuresLeftOut: 0,
  wall: times,
  cpu: null,
  memoryPeakBytes: 2 ** 21,
  ioReadBytes: 4096,
  ioWriteBytes: 3 * 2 ** 20,
  contextSwitches: 1200,
  tasksPeak: 3,
  diskPeakBytes: null,
  cpuMs: 9_000_000,
  memoryGibHours: 12.5,
  network: { OutgoingExternal: 2_500_000_000, IncomingExternal: 40_000_000 },
  walls: [{ wanted: 'full', had: 'private', attempts: 9 }],
  networkAttempts: 9,
  efficiency: 0.996,
};

export const worker: WorkerView = {
  worker: 'w-1',
  name: 'node17',
  platform: 'linux-x64',
  version: '1.2.3',
  address: '127.0.0.1',
  state: 'active',
  reason: '',
  changedAtMs: 1000,
  actor: 'server',
  slots: 4,
  busySlots: 1,
  cpus: 8,
  loadAverage: 1.25,
  memoryBytes: 2 ** 33,
  memoryFreeBytes: 2 ** 32,
  diskFreeBytes: 2 ** 35,
  gpus: 0,
  busyGpus: 0,
  roundTripMs: 0.42,
  connectedAtMs: 500,
  lastHeardAtMs: 5000,
  silentMs: 1200,
  leaseMs: 30_000,
  endsInMs: 5_400_000,
  done: 5,
  failed: 1,
  busyMs: 60_000,
  cpuMs: 55_000,
  busyShare: 0.5,
};

export function server(stateDirectory: string): ServerView {
  return {
    version: '1.2.3',
    url: 'http://127.0.0.1:1',
    pid: 1,
    stateDirectory,
    startedAtMs: 0,
    uptimeMs: 65_000,
    state: 'running',
    reason: '',
    diskFreeBytes: 2 ** 30,
    diskTotalBytes: 2 ** 31,
    memoryBytes: 2 ** 26,
    jobsRunning: 1,
    jobs: 1,
    counts: counts({ waiting: 3, running: 1, done: 5, failed: 1 }),
    workers: 1,
    slots: 4,
    busySlots: 1,
  };
}
