import { type CommandAction, type CommandSpec, TRUTH_VALUE } from '../command.ts';
import { FIND_SERVER, json, machineOptions, whichServer } from './shared-options.ts';

const ID = { usage: '<id>', doc: 'A trace id.' } as const;

export const collect = {
  name: 'traces collect',
  summary: 'Find the traces of machines and upload them.',
  arguments: [
    { usage: '[nodes]', doc: 'List of machines, as for start: they are reached by ssh.' },
  ],
  options: {
    to: {
      kind: 'text',
      flags: '--to <where>',
      doc: "local (the site's collector, the default), central, or the URL of a collector.",
    },
    dir: {
      kind: 'text',
      flags: '--dir <dir>',
      doc: 'Where the traces are (default: what trace-dir says on each machine).',
    },
    match: {
      kind: 'text',
      flags: '--match <glob>',
      doc: 'Which files are traces (default: what trace-match says on each machine).',
    },
    secretStdin: {
      kind: 'flag',
      flags: '--secret-stdin',
      doc: 'Read the upload secret from the first line of standard input.',
    },
    here: { kind: 'flag', flags: '--here', doc: 'Of this machine only, without a worker.' },
    id: { kind: 'text', flags: '--id <id>', doc: 'Trace id (default: the time).' },
    switch: {
      kind: 'setting',
      setting: 'traceSwitch',
      doc: 'Control file that is written to first, so that tracing stops; workers have their own (default: what trace-switch says on each machine).',
    },
    switchText: { kind: 'setting', setting: 'traceSwitchText' },
    compression: {
      kind: 'setting',
      setting: 'traceCompression',
      doc: 'How traces that are not compressed yet are compressed before they travel (default: what trace-compression says on each machine).',
    },
    remove: {
      kind: 'truth',
      flags: `--remove ${TRUTH_VALUE}`,
      doc: 'Remove files once they are stored (default: what trace-remove says here).',
    },
    account: { kind: 'setting', setting: 'traceAccount' },
    secretFile: { kind: 'setting', setting: 'traceSecretFile' },
    certificate: { kind: 'setting', setting: 'traceCertificate' },
    key: { kind: 'setting', setting: 'traceKey' },
    insecure: {
      kind: 'setting',
      setting: 'insecure',
      doc: 'Upload over plain HTTP to another machine.',
    },
    parallel: machineOptions.parallel,
    connectTimeout: machineOptions.connectTimeout,
    advertise: { kind: 'setting', setting: 'advertise' },
    executables: { kind: 'setting', setting: 'executables' },
    json,
    ...whichServer,
  },
  details: [
    'Every worker of the server brings the traces of its machine. With a list of machines these do, ' +
      'reached by ssh; with --here, this one.',
    'Tracing is stopped first, by a line to --trace-switch; files that are not compressed are ' +
      'compressed; each is removed, if wished, only when the collector has all of it and its ' +
      'digest is right. All uploads of one run share a trace id, made of the time alone.',
    'Uploads that broke off go on where they were: at once when the network is back, or with ' +
      'the next run under the same --id.',
  ],
  examples: [
    { line: 'windrow traces collect --dir /var/log/app', does: 'from the machines of all workers' },
    { line: 'windrow traces collect nodes.txt', does: 'from machines without a worker, by ssh' },
    { line: 'windrow traces collect --here --remove', does: 'of this machine, and tidy up' },
    { line: 'windrow traces collect --to https://traces.example:8980', does: 'to another site' },
  ],
  exitCodes: { 1: 'a file could not be sent, or nothing was found' },
  load: async (): Promise<CommandAction> =>
    (await import('../commands/traces-collect.ts')).tracesCollect,
} as const satisfies CommandSpec;

export const ls = {
  name: 'traces ls',
  summary: 'List what came home, by trace id.',
  arguments: [],
  options: {
    coming: {
      kind: 'flag',
      flags: '--coming',
      doc: 'List what is on its way instead, and how far it has come.',
    },
    json,
    ...whichServer,
  },
  details: [FIND_SERVER],
  examples: [
    { line: 'windrow traces ls', does: 'oldest first' },
    { line: 'windrow traces ls --coming', does: 'uploads that are not whole yet' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/traces.ts')).tracesLs,
} as const satisfies CommandSpec;

export const show = {
  name: 'traces show',
  summary: 'List the files of a trace id, with digest and sender.',
  arguments: [ID],
  options: { json, ...whichServer },
  details: [FIND_SERVER],
  examples: [{ line: 'windrow traces show 1795276800.000000042', does: 'its files' }],
  load: async (): Promise<CommandAction> => (await import('../commands/traces.ts')).tracesShow,
} as const satisfies CommandSpec;

export const get = {
  name: 'traces get',
  summary: 'Fetch the files of a trace id, or one of them.',
  arguments: [ID, { usage: '[file]', doc: 'One file of it.' }],
  options: {
    to: { kind: 'text', flags: '--to <dir>', doc: 'Directory (default: one named by the id).' },
    json,
    ...whichServer,
  },
  details: ['Each file is compared with its digest before it gets its name.', FIND_SERVER],
  examples: [{ line: 'windrow traces get 1795276800.000000042 --to traces', does: 'all of it' }],
  load: async (): Promise<CommandAction> => (await import('../commands/traces.ts')).tracesGet,
} as const satisfies CommandSpec;

export const verify = {
  name: 'traces verify',
  summary: 'Read stored traces again and compare them with their digests.',
  arguments: [{ usage: '[id]', doc: 'A trace id; without one, all.' }],
  options: { json, ...whichServer },
  details: [
    'Files that were stored and are there no longer are told too, until `windrow traces rm ID FILE` ' +
      'or the same file comes again.',
    FIND_SERVER,
  ],
  examples: [{ line: 'windrow traces verify', does: 'everything' }],
  exitCodes: { 1: 'a file is damaged or gone, or it could not be done' },
  load: async (): Promise<CommandAction> => (await import('../commands/traces.ts')).tracesVerify,
} as const satisfies CommandSpec;

export const rm = {
  name: 'traces rm',
  summary: 'Remove a trace id with its files, or one file.',
  arguments: [ID, { usage: '[file]', doc: 'One file of it.' }],
  options: { json, ...whichServer },
  details: [FIND_SERVER],
  examples: [{ line: 'windrow traces rm 1795276800.000000042', does: 'all of it' }],
  load: async (): Promise<CommandAction> => (await import('../commands/traces.ts')).tracesRm,
} as const satisfies CommandSpec;
