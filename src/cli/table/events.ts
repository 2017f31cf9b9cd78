import type { CommandAction, CommandSpec } from '../command.ts';
import {
  adOptions,
  FIND_SERVER,
  JOB_ARGUMENT,
  JOB_OR_TASK_ARGUMENT,
  json,
  whichServer,
} from './shared-options.ts';

export const events = {
  name: 'events',
  summary: 'What happened to the tasks of a job, in order, as a log for people or for tools.',
  arguments: [JOB_OR_TASK_ARGUMENT],
  options: {
    follow: { kind: 'flag', flags: '-f, --follow', doc: 'Go on until the job has ended.' },
    format: {
      kind: 'choice',
      flags: '--format <format>',
      choices: ['short', 'htcondor', 'json'],
      doc: 'A line each (short), the job event log of HTCondor, or its structured form as JSON lines.',
    },
    after: {
      kind: 'whole',
      flags: '--after <sequence>',
      doc: 'Only what came after this place in the order, as the API tells it.',
    },
    json,
    ...whichServer,
  },
  details: [
    'A job whose sweep file has a `log` writes the same into that file while it runs, each event ' +
      'once, also when the server is killed and started again.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow events 3', does: 'the life of job 3 so far' },
    {
      line: 'windrow events 3 --follow --format htcondor >> job.log',
      does: 'for a tool of HTCondor',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/events.ts')).events,
} as const satisfies CommandSpec;

export const attach = {
  name: 'attach',
  summary: 'Watch what happens to a job until it ends; leaving does not stop it.',
  arguments: [JOB_OR_TASK_ARGUMENT],
  options: { json, ...whichServer },
  details: ['What has happened so far comes first. `windrow wait` shows only how far the job is.'],
  examples: [{ line: 'windrow attach 3', does: 'until job 3 has ended' }],
  exitCodes: {
    0: 'all tasks succeeded',
    1: 'some tasks failed, or were held or removed',
    3: 'interrupted; the job goes on',
  },
  load: async (): Promise<CommandAction> => (await import('../commands/events.ts')).attach,
} as const satisfies CommandSpec;

export const history = {
  name: 'history',
  summary: 'List attempts that have ended, of all jobs or of one, the latest first.',
  arguments: [{ ...JOB_ARGUMENT, doc: 'Number or name of a job; all jobs if left out.' }],
  options: {
    ...adOptions,
    limit: { kind: 'whole', flags: '-n, --limit <n>', least: 1, doc: 'Most to list.' },
    json,
    ...whichServer,
  },
  details: [
    'Records come as they are found. A constraint is evaluated over the ad of the task as it was when ' +
      'the attempt had ended: ExitCode, RemoteWallClockTime, LastRemoteHost …',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow history -n 20', does: 'the last twenty' },
    {
      line: "windrow history --constraint 'ExitCode =!= 0 && RemoteWallClockTime > 3600'",
      does: 'what failed after more than an hour',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/history.ts')).history,
} as const satisfies CommandSpec;
