import type { CommandAction, CommandSpec } from '../command.ts';
import { json, log, whichServer } from './shared-options.ts';

export const serve = {
  name: 'serve',
  summary: 'Serve jobs to workers, until it is stopped.',
  arguments: [],
  options: {
    listen: { kind: 'setting', setting: 'listen' },
    state: { kind: 'setting', setting: 'stateDirectory' },
    insecure: { kind: 'setting', setting: 'insecure' },
    lease: { kind: 'setting', setting: 'leaseMs' },
    ping: { kind: 'setting', setting: 'pingMs' },
    diskReserve: { kind: 'setting', setting: 'diskReserveBytes' },
    traces: { kind: 'setting', setting: 'traces' },
    traceStore: { kind: 'setting', setting: 'traceStore' },
    traceAccount: { kind: 'setting', setting: 'traceAccount' },
    traceSecretFile: { kind: 'setting', setting: 'traceSecretFile' },
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
    workerStarter: { kind: 'setting', setting: 'workerStarter' },
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
    report: {
      kind: 'text',
      flags: '--report <file>',
      doc: 'Write into a file, as JSON, that the server has answered, or why it came to nothing.',
    },
    logFile: {
      kind: 'text',
      flags: '--log-file <file>',
      doc: 'Log to a file that never takes more than 8 MiB, not to stderr.',
    },
    ...log,
  },
  details: [
    'SIGTERM or Ctrl-C: what runs is finished, nothing new is taken, then it ends. A second one ' +
      'kills what runs. Workers connect outwards only.',
  ],
  examples: [
    { line: 'windrow worker', does: 'for the server of this machine and user' },
    {
      line: 'windrow worker --server http://head:8980 --session-file session --slots 8',
      does: 'for a server elsewhere',
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
    json,
    ...whichServer,
  },
  details: ['A drained worker finishes what it runs, and ends. A paused one gets nothing new.'],
  examples: [
    { line: 'windrow workers', does: 'who is there, and what they do' },
    { line: 'windrow workers pause node17 --reason "bad disk"', does: 'give it nothing new' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/workers.ts')).workers,
} as const satisfies CommandSpec;

export const stop = {
  name: 'stop',
  summary: 'Stop the server.',
  arguments: [],
  options: {
    now: {
      kind: 'flag',
      flags: '--now',
      doc: 'Do not wait for what runs; workers keep it and deliver to the next server.',
    },
    wait: { kind: 'flag', flags: '--wait', doc: 'Return only when it has ended.' },
    json,
    ...whichServer,
  },
  details: [
    'Without --now nothing new is started, and the server ends when nothing runs. Its workers end with it.',
  ],
  examples: [
    { line: 'windrow stop --wait', does: 'finish what runs, then end' },
    { line: 'windrow stop --now', does: 'end at once; the next start goes on' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/stop.ts')).stop,
} as const satisfies CommandSpec;
