import type { CommandAction, CommandSpec } from '../command.ts';
import { json, whichServer } from './shared-options.ts';

const JOBS = { usage: '<job...>', doc: 'Numbers or names of jobs.' } as const;
const reason = {
  kind: 'text',
  flags: '--reason <text>',
  doc: 'Why, for those who ask later.',
} as const;

export const retry = {
  name: 'retry',
  summary: 'Put failed and held tasks back to waiting.',
  arguments: [{ usage: '<job[.task]...>', doc: 'Jobs, or single tasks as 3.17.' }],
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
  summary: 'Remove jobs: what waits is removed, what runs is killed.',
  arguments: [JOBS],
  options: { reason, json, ...whichServer },
  details: [
    'Results that were collected into an output directory stay there. What the server keeps of the ' +
      'job, its results, logs and history, is deleted soon; what a later version of the sweep ' +
      'counts as its own stays until that is removed too.',
  ],
  examples: [{ line: 'windrow rm 3', does: 'remove job 3' }],
  load: async (): Promise<CommandAction> => (await import('../commands/change-job.ts')).rm,
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
