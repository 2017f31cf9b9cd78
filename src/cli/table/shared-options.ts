import type { OptionSpec } from '../command.ts';

export const json = {
  kind: 'flag',
  flags: '--json',
  doc: 'Print JSON instead of text.',
} as const satisfies OptionSpec;

/** Where the server is; for every command that asks one. */
export const whichServer = {
  server: { kind: 'setting', setting: 'server' },
  state: { kind: 'setting', setting: 'stateDirectory' },
  tokenFile: { kind: 'setting', setting: 'tokenFile' },
} as const satisfies Record<string, OptionSpec>;

/** For lists whose items have ads. */
export const adOptions = {
  constraint: {
    kind: 'text',
    flags: '--constraint <expr>',
    doc: 'Only those of whose ad this expression is true.',
  },
  attributes: {
    kind: 'text',
    flags: '--attributes <a,b,…>',
    doc: 'Show these attributes, or expressions over them, instead of the usual columns.',
  },
  format: {
    kind: 'text',
    flags: '--format <form>',
    doc: "Print ads: lines, new, json or xml; or a line of text like '$ClusterId ${Owner}' for each.",
  },
} as const satisfies Record<string, OptionSpec>;

export const log = {
  logLevel: { kind: 'setting', setting: 'logLevel' },
  logFormat: { kind: 'setting', setting: 'logFormat' },
} as const satisfies Record<string, OptionSpec>;

/** How to talk to machines by ssh. */
export const machineOptions = {
  dir: {
    kind: 'text',
    flags: '--dir <dir>',
    doc: 'Directory of the workers, for machines of the list without dir= (default: ~/.cache/windrow).',
  },
  parallel: { kind: 'setting', setting: 'parallel' },
  connectTimeout: { kind: 'setting', setting: 'connectTimeoutMs' },
} as const satisfies Record<string, OptionSpec>;

export const FIND_SERVER =
  'Without --server or --state, the server is the one of ./.windrow, ./results/.windrow or the ' +
  'default state directory. When none runs there, what is stored is read all the same.';

export const JOB_OR_TASK_ARGUMENT = {
  usage: '[job]',
  doc: 'Number or name of a job, or JOB.TASK like 3.17; without it, the newest job.',
} as const;

export const JOB_ARGUMENT = {
  usage: '[job]',
  doc: 'Number or name of a job; without it, the newest.',
} as const;
