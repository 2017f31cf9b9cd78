import type { CommandAction, CommandSpec } from '../command.ts';
import { json } from './shared-options.ts';

const WALL_OPTIONS = {
  walls: {
    kind: 'text',
    flags: '--walls <level>',
    doc: 'bare, tracked, private (the default), full, or walls by name with commas between.',
  },
  require: {
    kind: 'text',
    flags: '--require <level>',
    doc: 'Do not run without these: a level, or walls by name with commas between.',
  },
  network: {
    kind: 'choice',
    flags: '--network <kind>',
    choices: ['host', 'none', 'accounted'],
    doc: 'The network of the machine, none, or one of its own, counted by the byte.',
  },
  root: { kind: 'text', flags: '--root <name>', doc: 'Root of the machine that it runs in.' },
  write: {
    kind: 'list',
    flags: '--write <dir>',
    doc: 'A directory that it may write to behind full walls. May be repeated.',
  },
  scratch: {
    kind: 'flag',
    flags: '--scratch',
    doc: 'Run in an empty directory that is removed afterwards, not in the current one.',
  },
  user: { kind: 'setting', setting: 'jobUser' },
  cpus: { kind: 'number', flags: '--cpus <n>', doc: 'CPUs that it has a share for.' },
  memory: { kind: 'bytes', flags: '--memory <size>', doc: 'Memory that it may use.' },
  disk: {
    kind: 'bytes',
    flags: '--disk <size>',
    doc: 'Disk that it may use: its own directories, and what the current one grows by.',
  },
  processes: {
    kind: 'whole',
    flags: '--processes <n>',
    doc: 'Processes and threads that it may have at once.',
  },
  dir: { kind: 'setting', setting: 'workerDirectory' },
} as const satisfies CommandSpec['options'];

const LIKE_A_JOB =
  'What a level is, and what each wall promises, is told in docs/guide/isolation.md; ' +
  '"windrow doctor" says which of them this machine can put up.';

export const run = {
  name: 'sandbox run',
  summary: 'Run a command behind walls, without a server.',
  arguments: [],
  takesCommand: true,
  options: {
    ...WALL_OPTIONS,
    timeout: {
      kind: 'duration',
      flags: '--timeout <duration>',
      doc: 'Longest time, like "10 min"; none: no limit.',
    },
    report: {
      kind: 'text',
      flags: '--report <file>',
      doc: 'Write walls, usage and end into a file as JSON; - is stderr.',
    },
  },
  details: [
    'The command runs in the current directory, which it may write to as its account may; stdin, ' +
      'stdout and stderr are passed on. Nothing of it is left when it has ended.',
    LIKE_A_JOB,
  ],
  examples: [
    {
      line: 'windrow sandbox run --walls full -- make test',
      does: 'without network, writing only here',
    },
    {
      line: 'windrow sandbox run --memory "1 GiB" --report - -- ./hog',
      does: 'held to its memory; says what it used',
    },
  ],
  exitCodes: { 1: 'as the command, or it could not be started', 128: '128 + n: signal n ended it' },
  load: async (): Promise<CommandAction> => (await import('../commands/sandbox.ts')).sandboxRun,
} as const satisfies CommandSpec;

export const plan = {
  name: 'sandbox plan',
  summary: 'Print what would be done for a command behind walls; do nothing.',
  arguments: [],
  takesCommand: true,
  options: { ...WALL_OPTIONS, json },
  details: [
    'First the operations, in the order in which they are carried out and, in reverse, undone; then ' +
      'what the new process enters; then the command that puts up the rest and becomes the program.',
    LIKE_A_JOB,
  ],
  examples: [
    { line: 'windrow sandbox plan --walls full -- ./ising', does: 'to see what full walls are' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/sandbox.ts')).sandboxPlan,
} as const satisfies CommandSpec;

export const doctor = {
  name: 'doctor',
  summary: 'Say which walls this machine can put up around programs, and what would mend the rest.',
  arguments: [],
  options: { walls: { kind: 'setting', setting: 'walls' }, dir: WALL_OPTIONS.dir, json },
  details: [
    'Every wall is tried, not guessed. What is found holds for workers that the same user starts.',
  ],
  examples: [
    { line: 'windrow doctor', does: 'a table of every wall, and remedies' },
    { line: 'sudo windrow doctor', does: 'the same for workers of root' },
  ],
  exitCodes: { 1: 'a wall of the level that attempts get by themselves cannot be put up' },
  load: async (): Promise<CommandAction> => (await import('../commands/doctor.ts')).doctor,
} as const satisfies CommandSpec;
