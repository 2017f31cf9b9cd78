import { CAUSES, TASK_STATE_NAMES } from '#model';
import type { CommandAction, CommandSpec } from '../command.ts';
import {
  adOptions,
  FIND_SERVER,
  JOB_ARGUMENT,
  JOB_OR_TASK_ARGUMENT,
  json,
  whichServer,
} from './shared-options.ts';

export const ls = {
  name: 'ls',
  summary: 'List jobs.',
  arguments: [],
  options: {
    only: {
      kind: 'choice',
      flags: '--only <state>',
      choices: ['running', 'paused', 'done', 'failed', 'removed'],
      doc: 'Only jobs in this state.',
    },
    limit: { kind: 'whole', flags: '-n, --limit <n>', least: 1, doc: 'Most jobs to list.' },
    ...adOptions,
    json,
    ...whichServer,
  },
  details: [FIND_SERVER],
  examples: [
    { line: 'windrow ls', does: 'newest first' },
    { line: 'windrow ls --only failed --json', does: 'for a script' },
    {
      line: `windrow ls --constraint 'Owner == "ada" && IdleTasks > 0'`,
      does: 'what of hers waits',
    },
    {
      line: "windrow ls --attributes 'ClusterId,RequestMemory/1024.0'",
      does: 'what their attempts ask for',
    },
    { line: "windrow ls --format '${ClusterId}: $JobBatchName'", does: 'a line of text for each' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/ls.ts')).ls,
} as const satisfies CommandSpec;

export const show = {
  name: 'show',
  summary: 'Show a job, or one task of it.',
  arguments: [{ usage: '[job[.task]]', doc: 'A job, or one task of it as 3.17.' }],
  options: {
    tasks: {
      kind: 'flag',
      flags: '--tasks',
      doc: 'List the tasks of the job.',
    },
    only: {
      kind: 'choice',
      flags: '--only <state>',
      choices: TASK_STATE_NAMES,
      doc: 'Only tasks in this state (with --tasks).',
    },
    attempts: { kind: 'flag', flags: '--attempts', doc: 'List the attempts of the job.' },
    cause: {
      kind: 'choice',
      flags: '--cause <cause>',
      choices: CAUSES,
      doc: 'Only attempts that ended by this cause (with --attempts).',
    },
    limit: {
      kind: 'whole',
      flags: '-n, --limit <n>',
      least: 1,
      doc: 'Most to list (default: 100).',
    },
    constraint: {
      ...adOptions.constraint,
      doc: 'List the tasks of whose ad this expression is true.',
    },
    attributes: { ...adOptions.attributes, doc: 'List these attributes of the tasks.' },
    format: adOptions.format,
    json,
    ...whichServer,
  },
  details: [
    'A task shows its parameters, its state with reason, time and actor, and every attempt with ' +
      'its cause. A job that does not get on says why.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow show 3', does: 'job 3' },
    { line: 'windrow show 3.17', does: 'task 17 of job 3, with its attempts' },
    { line: 'windrow show 3 --tasks --only failed', does: 'what failed' },
    {
      line: "windrow show 3 --tasks --constraint 'MemoryUsage > 2000' --attributes ProcId,MemoryUsage",
      does: 'what took much memory',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/show.ts')).show,
} as const satisfies CommandSpec;

export const why = {
  name: 'why',
  summary: 'Say why a job, or one task of it, is not running.',
  arguments: [JOB_OR_TASK_ARGUMENT],
  options: { json, ...whichServer },
  details: [
    'What waits is told with each part of its requirements and how many slots that excludes ' +
      '("only this": slots that would do without it), which sub-expression has no value, what ' +
      'each machine lacks or refuses, the limits it takes of, and how slots are shared. What is ' +
      'held or failed is told with its reason. The answer comes from what decides.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow why 3', does: 'why tasks of job 3 wait' },
    { line: 'windrow why 3.17 --json', does: 'of one task, for a script' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/why.ts')).why,
} as const satisfies CommandSpec;

export const stats = {
  name: 'stats',
  summary: 'Who did what, what failed and how long it took.',
  arguments: [JOB_ARGUMENT],
  options: {
    cost: { kind: 'flag', flags: '--cost', doc: 'What the job would have cost elsewhere.' },
    costCpu: { kind: 'setting', setting: 'costCpuHour' },
    costMemory: { kind: 'setting', setting: 'costMemoryHour' },
    costOutgoing: { kind: 'setting', setting: 'costOutgoing' },
    costIncoming: { kind: 'setting', setting: 'costIncoming' },
    costCurrency: { kind: 'setting', setting: 'costCurrency' },
    json,
    ...whichServer,
  },
  details: [
    'Failures are grouped by their signature: the cause and the last line of stderr, with ' +
      'numbers folded.',
    '--cost prices the CPU time, the memory and the counted traffic of all attempts, also of failed ones.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow stats 3', does: 'the statistics of job 3' },
    {
      line: 'windrow stats 3 --cost',
      does: 'what it would have cost, by the rates of the settings',
    },
    { line: 'windrow stats 3 --cost --cost-cpu-hour 0.04', does: 'by rates of somebody else' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/stats.ts')).stats,
} as const satisfies CommandSpec;

export const logs = {
  name: 'logs',
  summary: 'Read or search what the programs printed.',
  arguments: [JOB_OR_TASK_ARGUMENT],
  options: {
    task: { kind: 'whole', flags: '-t, --task <n>', doc: 'Only this task.' },
    grep: { kind: 'text', flags: '-g, --grep <re>', doc: 'Only lines that match (RE2 syntax).' },
    stream: {
      kind: 'choice',
      flags: '--stream <stream>',
      choices: ['stdout', 'stderr'],
      doc: 'Only this stream.',
    },
    limit: { kind: 'whole', flags: '-n, --limit <n>', least: 1, doc: 'Most lines.' },
    json,
    ...whichServer,
  },
  details: [
    'Lines begin with task and stream; those of one --task and one --stream come plain.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow logs 3 --task 17', does: 'everything that task 17 printed' },
    { line: "windrow logs 3 --grep 'error|warning' --stream stderr", does: 'search all tasks' },
  ],
  exitCodes: { 0: 'lines were found', 1: 'no line was found, or it could not be done' },
  load: async (): Promise<CommandAction> => (await import('../commands/logs.ts')).logs,
} as const satisfies CommandSpec;

export const results = {
  name: 'results',
  summary: 'Print results, or fetch the collected files.',
  arguments: [JOB_OR_TASK_ARGUMENT],
  options: {
    task: { kind: 'whole', flags: '-t, --task <n>', doc: 'Only this task.' },
    name: { kind: 'text', flags: '--name <result>', doc: 'Only the result of this name.' },
    list: { kind: 'flag', flags: '-l, --list', doc: 'List the collected files.' },
    to: {
      kind: 'text',
      flags: '--to <dir>',
      doc: 'Fetch the collected files into this directory.',
    },
    collect: {
      kind: 'flag',
      flags: '--collect',
      doc: 'First collect what is done by now.',
    },
    place: {
      kind: 'flag',
      flags: '--place',
      doc: 'Put the files of each task where its submit description says.',
    },
    json,
    ...whichServer,
  },
  details: [
    'Results are printed in the order of the table, byte for byte unless stdout is a terminal. ' +
      'Those of several names come with a header line each.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow results 3 > all.txt', does: 'all results, one after the other' },
    { line: 'windrow results 3.17 --name field > field.dat', does: 'one result' },
    { line: 'windrow results 3 --to results', does: 'the collected files' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/results.ts')).results,
} as const satisfies CommandSpec;

export const top = {
  name: 'top',
  summary: 'Watch jobs and workers.',
  arguments: [],
  options: {
    interval: {
      kind: 'duration',
      flags: '--interval <duration>',
      doc: 'Time between two looks (default: 1 s).',
    },
    once: { kind: 'flag', flags: '--once', doc: 'Look once, then end.' },
    json,
    ...whichServer,
  },
  details: ['On a terminal it fills the screen until q or Ctrl-C; elsewhere it prints lines.'],
  examples: [
    { line: 'windrow top', does: 'live' },
    { line: 'windrow top --once', does: 'how it is now' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/top.ts')).top,
} as const satisfies CommandSpec;

export const wait = {
  name: 'wait',
  summary: 'Wait until a job has ended.',
  arguments: [JOB_ARGUMENT],
  options: {
    timeout: {
      kind: 'duration',
      flags: '--timeout <duration>',
      doc: 'Give up after this time.',
    },
    quiet: { kind: 'flag', flags: '-q, --quiet', doc: 'No progress.' },
    json: { ...json, doc: 'Print progress and summary as lines of JSON.' },
    ...whichServer,
  },
  details: [],
  examples: [{ line: 'windrow wait 3 && echo good', does: 'go on when all tasks succeeded' }],
  exitCodes: {
    0: 'all tasks succeeded',
    1: 'some tasks failed, or it could not be done',
    3: 'interrupted, or the time was over; the job goes on',
  },
  load: async (): Promise<CommandAction> => (await import('../commands/wait.ts')).wait,
} as const satisfies CommandSpec;
