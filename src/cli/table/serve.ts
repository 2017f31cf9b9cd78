import type { CommandAction, CommandSpec } from '../command.ts';
import {
  adOptions,
  FIND_SERVER,
  json,
  log,
  machineOptions,
  whichServer,
} from './shared-options.ts';

export const serve = {
  name: 'serve',
  summary: 'Serve jobs to workers, until it is stopped.',
  arguments: [],
  options: {
    listen: { kind: 'setting', setting: 'listen' },
    state: { kind: 'setting', setting: 'stateDirectory' },
    insecure: { kind: 'setting', setting: 'insecure' },
    tls: { kind: 'setting', setting: 'tls' },
    tlsCertificate: { kind: 'setting', setting: 'tlsCertificate' },
    tlsKey: { kind: 'setting', setting: 'tlsKey' },
    lease: { kind: 'setting', setting: 'leaseMs' },
    ping: { kind: 'setting', setting: 'pingMs' },
    diskReserve: { kind: 'setting', setting: 'diskReserveBytes' },
    transferPlugins: { kind: 'setting', setting: 'transferPlugins' },
    transferPluginLifetime: { kind: 'setting', setting: 'transferPluginLifetimeMs' },
    stagerPatience: { kind: 'setting', setting: 'stagerPatienceMs' },
    policyFile: { kind: 'setting', setting: 'policyFile' },
    policyMs: { kind: 'setting', setting: 'policyMs' },
    limits: { kind: 'setting', setting: 'limits' },
    shareHalfLife: { kind: 'setting', setting: 'shareHalfLifeMs' },
    shareWeights: { kind: 'setting', setting: 'shareWeights' },
    executables: { kind: 'setting', setting: 'executables' },
    traces: { kind: 'setting', setting: 'traces' },
    traps: { kind: 'setting', setting: 'traps' },
    rules: { kind: 'setting', setting: 'rules' },
    traceStore: { kind: 'setting', setting: 'traceStore' },
    traceAccount: { kind: 'setting', setting: 'traceAccount' },
    traceSecretFile: { kind: 'setting', setting: 'traceSecretFile' },
    traceClientAuthority: { kind: 'setting', setting: 'traceClientAuthority' },
    traceAnonymous: { kind: 'setting', setting: 'traceAnonymous' },
    traceFileLimit: { kind: 'setting', setting: 'traceFileLimitBytes' },
    traceIdLimit: { kind: 'setting', setting: 'traceIdLimitBytes' },
    traceIdFiles: { kind: 'setting', setting: 'traceIdFiles' },
    traceKeep: { kind: 'setting', setting: 'traceKeepMs' },
    traceSpace: { kind: 'setting', setting: 'traceSpaceBytes' },
    ...log,
  },
  details: [
    'When it accepts connections it prints one line, `windrow: serving http://HOST:PORT`, to ' +
      'stdout; logs go to stderr. The secrets `session` (for workers) and `admin-token` (for ' +
      'users) lie in the state directory.',
    'It may be killed at any time: after the next start it goes on where it was.',
  ],
  examples: [
    { line: 'windrow serve', does: 'on http://127.0.0.1:8980' },
    { line: 'windrow serve --listen 127.0.0.1:0 --state /srv/windrow', does: 'on any free port' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/serve.ts')).serve,
} as const satisfies CommandSpec;

export const worker = {
  name: 'worker',
  summary: 'Run attempts for a server on this machine.',
  arguments: [],
  options: {
    server: { kind: 'setting', setting: 'server' },
    slots: { kind: 'setting', setting: 'slots' },
    dir: { kind: 'setting', setting: 'workerDirectory' },
    sessionFile: { kind: 'setting', setting: 'sessionFile' },
    state: {
      kind: 'setting',
      setting: 'stateDirectory',
      doc: 'State directory of a local server, to take its address and session from.',
    },
    name: {
      kind: 'text',
      flags: '--name <text>',
      doc: 'Name for people (default: the host name).',
    },
    away: { kind: 'setting', setting: 'awayMs' },
    until: {
      kind: 'text',
      flags: '--until <when>',
      doc: 'End by then, a moment or a duration from now: "18:00", "2026-03-01 06:00", "4 h".',
    },
    drain: {
      kind: 'duration',
      flags: '--drain [duration]',
      doc: 'When it is asked to end, what runs may go on for so long (default: until it is done).',
    },
    workerStarter: { kind: 'setting', setting: 'workerStarter' },
    walls: { kind: 'setting', setting: 'walls' },
    dataOrigins: { kind: 'setting', setting: 'dataOrigins' },
    dataPeers: { kind: 'setting', setting: 'dataPeers' },
    peerPort: { kind: 'setting', setting: 'peerPort' },
    dataStager: { kind: 'setting', setting: 'dataStager' },
    jobTransferPlugins: { kind: 'setting', setting: 'jobTransferPlugins' },
    offerGpus: { kind: 'setting', setting: 'offerGpus' },
    policyFile: { kind: 'setting', setting: 'policyFile' },
    policyMs: { kind: 'setting', setting: 'policyMs' },
    start: { kind: 'setting', setting: 'workerStart' },
    rank: { kind: 'setting', setting: 'workerRank' },
    ad: { kind: 'setting', setting: 'workerAd' },
    attribute: {
      kind: 'list',
      flags: '--attribute <name=expr>',
      doc: 'An attribute of this machine, for jobs to require. May be repeated.',
    },
    waitForLine: {
      kind: 'flag',
      flags: '--wait-for-line',
      doc: 'Get ready, and begin with the first line on standard input; end if there is none.',
    },
    sessionStdin: {
      kind: 'flag',
      flags: '--session-stdin',
      doc: 'Read the session from standard input, one line: so no file on this machine holds it.',
    },
    firstContact: {
      kind: 'duration',
      flags: '--first-contact <duration>',
      doc: 'End when the server has not answered once in this time (default: 5 min).',
    },
    clientFile: {
      kind: 'text',
      flags: '--client-file <file>',
      doc: 'Its own executable, put here by `windrow start`: to go when a job says delete-client.',
    },
    report: {
      kind: 'text',
      flags: '--report <file>',
      doc: 'Write as JSON into a file or pipe that the server has answered, or why it came to nothing.',
    },
    logFile: {
      kind: 'text',
      flags: '--log-file <file>',
      doc: 'Log to a file that never takes more than 8 MiB, not to stderr.',
    },
    traceDirectory: { kind: 'setting', setting: 'traceDirectory' },
    traceMatch: { kind: 'setting', setting: 'traceMatch' },
    traceSwitch: { kind: 'setting', setting: 'traceSwitch' },
    traceSwitchText: { kind: 'setting', setting: 'traceSwitchText' },
    traceCompression: { kind: 'setting', setting: 'traceCompression' },
    traceCertificate: { kind: 'setting', setting: 'traceCertificate' },
    traceKey: { kind: 'setting', setting: 'traceKey' },
    ...log,
  },
  details: [
    'SIGTERM or Ctrl-C: what runs is finished (--drain: for how long), nothing new is taken, then it ' +
      'ends. A second one gives back what runs at once: it is killed here and begun anew elsewhere. ' +
      'Neither uses a retry.',
    'With --until no task is started that says it takes longer than is left ([request] time in ' +
      'the sweep); what still runs then is given back.',
    'Workers connect outwards only. One that is out of reach goes on with what it has; when it ' +
      'comes back, its results are taken as long as they are wanted.',
  ],
  examples: [
    { line: 'windrow worker', does: 'for the server of this machine and user' },
    {
      line: 'windrow worker --server http://head:8980 --session-file session --slots 8',
      does: 'for a server elsewhere',
    },
    { line: 'windrow worker --until 06:00 --drain "5 min"', does: 'for the night only' },
    {
      line: 'windrow worker --server http://head:8980 --away "8 h"',
      does: 'a laptop, often offline',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/worker.ts')).worker,
} as const satisfies CommandSpec;

export const workers = {
  name: 'workers',
  summary: 'List workers; pause, resume or drain one.',
  arguments: [
    { usage: '[action]', doc: 'pause, resume or drain.' },
    { usage: '[worker]', doc: 'Name or id of a worker.' },
  ],
  options: {
    reason: { kind: 'text', flags: '--reason <text>', doc: 'Why, for those who ask later.' },
    ...adOptions,
    json,
    ...whichServer,
  },
  details: ['A drained worker finishes what it runs, and ends. A paused one gets nothing new.'],
  examples: [
    { line: 'windrow workers', does: 'who is there, and what they do' },
    { line: "windrow workers --constraint 'Memory > 64000 && GPUs > 0'", does: 'the large ones' },
    { line: 'windrow workers --format lines', does: 'their ads, as expressions see them' },
    { line: 'windrow workers pause node17 --reason "bad disk"', does: 'give it nothing new' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/workers.ts')).workers,
} as const satisfies CommandSpec;

export const server = {
  name: 'server',
  summary: 'Show the server: its state, what it has to do and what it did.',
  arguments: [],
  options: { ...adOptions, json, ...whichServer },
  details: [
    'Its ad has the names of a scheduler of HTCondor (TotalRunningJobs, TotalIdleJobs, ' +
      'TotalHeldJobs, RecentJobsCompleted, RecentDaemonCoreDutyCycle …); what are jobs there are ' +
      'tasks here, and what is recent is of the last 20 minutes.',
    'With --constraint the exit code says whether it is true, for monitors.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow server', does: 'at a glance' },
    { line: 'windrow server --format lines', does: 'its ad' },
    {
      line: "windrow server --attributes 'TotalIdleJobs,TotalRunningJobs,TotalHeldJobs'",
      does: 'three of its figures',
    },
    {
      line: "windrow server --constraint 'TotalHeldJobs < 100 && RecentDaemonCoreDutyCycle < 0.95'",
      does: 'fail when something needs a look',
    },
  ],
  exitCodes: { 1: 'the constraint is not true of it, or it could not be asked' },
  load: async (): Promise<CommandAction> => (await import('../commands/server.ts')).server,
} as const satisfies CommandSpec;

export const stop = {
  name: 'stop',
  summary: 'Stop the server, or the workers on machines.',
  arguments: [
    {
      usage: '[nodes]',
      doc: 'List of machines, one a line: stop the workers there, not the server.',
    },
  ],
  options: {
    now: {
      kind: 'flag',
      flags: '--now',
      doc: 'Do not wait for what runs. Of a server: workers keep it and deliver to the next. Of workers: it is killed.',
    },
    wait: { kind: 'flag', flags: '--wait', doc: 'Return only when it has ended.' },
    ...machineOptions,
    json,
    ...whichServer,
  },
  details: [
    'Without --now nothing new is started, and the server ends when nothing runs. Its workers end with it.',
    'With a list of machines their workers finish what they run and end; it waits until they are ' +
      'gone. That works without a server too.',
  ],
  examples: [
    { line: 'windrow stop --wait', does: 'finish what runs, then end' },
    { line: 'windrow stop --now', does: 'end at once; the next start goes on' },
    { line: 'windrow stop nodes.txt', does: 'end the workers of these machines' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/stop.ts')).stop,
} as const satisfies CommandSpec;
