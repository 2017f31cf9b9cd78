import type { CommandAction, CommandSpec } from '../command.ts';
import { json, whichServer } from './shared-options.ts';

const JOBS = { usage: '<job...>', doc: 'Numbers or names of jobs.' } as const;
const TASKS = {
  usage: '<job[.task]...>',
  doc: 'Jobs, single tasks as 3.17, or several as 3.17-20.',
} as const;
const reason = {
  kind: 'text',
  flags: '--reason <text>',
  doc: 'Why, for those who ask later.',
} as const;

export const retry = {
  name: 'retry',
  summary: 'Put failed and held tasks back to waiting.',
  arguments: [TASKS],
  options: { json, ...whichServer },
  details: ['Each task gets its retry budgets anew. What is done stays done.'],
  examples: [
    { line: 'windrow retry 3', does: 'all failed and held tasks of job 3' },
    { line: 'windrow retry 3.17 3.18', does: 'these two' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/retry.ts')).retry,
} as const satisfies CommandSpec;

export const rm = {
  name: 'rm',
  summary: 'Remove jobs or tasks: what waits is removed, what runs is killed.',
  arguments: [TASKS],
  options: { reason, json, ...whichServer },
  details: [
    'Results that were collected into an output directory stay there. What the server keeps of the ' +
      'job, its results, logs and history, is deleted soon; what a later version of the sweep ' +
      'counts as its own stays until that is removed too.',
  ],
  examples: [
    { line: 'windrow rm 3', does: 'remove job 3' },
    { line: 'windrow rm 3.17-20 --reason "bad rows"', does: 'remove four of its tasks' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/change-tasks.ts')).rm,
} as const satisfies CommandSpec;

export const pause = {
  name: 'pause',
  summary: 'Pause jobs: what runs is finished, nothing new is started.',
  arguments: [JOBS],
  options: { reason, json, ...whichServer },
  details: [],
  examples: [{ line: 'windrow pause 3 --reason "licence server down"', does: 'pause job 3' }],
  load: async (): Promise<CommandAction> => (await import('../commands/change-job.ts')).pause,
} as const satisfies CommandSpec;

export const resume = {
  name: 'resume',
  summary: 'Let paused jobs go on.',
  arguments: [JOBS],
  options: { reason, json, ...whichServer },
  details: [],
  examples: [{ line: 'windrow resume 3', does: 'let job 3 go on' }],
  load: async (): Promise<CommandAction> => (await import('../commands/change-job.ts')).resume,
} as const satisfies CommandSpec;

export const hold = {
  name: 'hold',
  summary: 'Hold jobs or tasks: nothing of them is started, and what runs is stopped.',
  arguments: [TASKS],
  options: {
    reason,
    subcode: {
      kind: 'whole',
      flags: '--subcode <n>',
      doc: 'A number that says more, of your own.',
    },
    json,
    ...whichServer,
  },
  details: [
    'A held task stays so until it is released; no policy releases what was held by command ' +
      '(code 1, UserRequest). What runs is killed and begun anew after its release; `windrow pause` ' +
      'lets it finish instead.',
  ],
  examples: [
    {
      line: 'windrow hold 3 --reason "licence server down"',
      does: 'all that is not done of job 3',
    },
    { line: 'windrow hold 3.17-20', does: 'four of its tasks' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/change-tasks.ts')).hold,
} as const satisfies CommandSpec;

export const release = {
  name: 'release',
  summary: 'Let held tasks wait again.',
  arguments: [TASKS],
  options: { reason, json, ...whichServer },
  details: [
    'They have the retries that they had left when they were held; `windrow retry` gives them all.',
  ],
  examples: [{ line: 'windrow release 3', does: 'all held tasks of job 3' }],
  load: async (): Promise<CommandAction> => (await import('../commands/change-tasks.ts')).release,
} as const satisfies CommandSpec;

export const priority = {
  name: 'priority',
  summary: 'Give jobs another priority: larger runs first.',
  arguments: [JOBS],
  options: {
    priority: {
      kind: 'whole',
      least: -1_000_000,
      flags: '-p, --priority <n>',
      doc: 'A whole number; must be given.',
    },
    reason,
    json,
    ...whichServer,
  },
  details: [
    'What runs goes on; the next task to start is one of the job with the highest priority.',
  ],
  examples: [
    { line: 'windrow priority 3 -p 10', does: 'job 3 before all with less' },
    { line: 'windrow priority 4 -p -5', does: 'job 4 after all that have not less' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/change-job.ts')).priority,
} as const satisfies CommandSpec;
