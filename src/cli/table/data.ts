import type { CommandAction, CommandSpec, OptionSpec } from '../command.ts';
import { adOptions, json, whichServer } from './shared-options.ts';

const KEY = { usage: '<key>', doc: 'The key of an entry, usually a URL.' } as const;
const KEYS = { usage: '<key...>', doc: 'Keys of entries, usually URLs.' } as const;

/** Whose datastore. */
const where = {
  dir: { kind: 'setting', setting: 'dataDirectory' },
  ...whichServer,
} as const satisfies Record<string, OptionSpec>;
const quiet = {
  kind: 'flag',
  flags: '-q, --quiet',
  doc: 'No progress.',
} as const satisfies OptionSpec;

/** For what asks origins. */
const fetching = {
  proxy: { kind: 'setting', setting: 'dataProxy' },
  credentials: { kind: 'setting', setting: 'dataCredentials' },
  tries: { kind: 'setting', setting: 'dataTries' },
} as const satisfies Record<string, OptionSpec>;

const WHERE =
  'It works on the datastore in --data-dir, also while others use it; with --server (or --state), on ' +
  'that of the server.';

export const ls = {
  name: 'data ls',
  summary: 'List what is in the datastore.',
  arguments: [{ usage: '[text]', doc: 'Only keys that contain this.' }],
  options: {
    sort: {
      kind: 'choice',
      flags: '--sort <column>',
      choices: ['key', 'size', 'used', 'stored'],
      doc: 'By key (the default), by size or by time, the largest and the latest first.',
    },
    reverse: { kind: 'flag', flags: '-r, --reverse', doc: 'The other way round.' },
    limit: { kind: 'whole', flags: '-n, --limit <n>', least: 1, doc: 'Most entries to list.' },
    pinned: { kind: 'flag', flags: '--pinned', doc: 'Only what is pinned.' },
    ...adOptions,
    ...where,
    json,
  },
  details: [WHERE],
  examples: [
    { line: 'windrow data ls', does: 'all of it' },
    { line: 'windrow data ls --sort size -n 10 example.org', does: 'the largest of one site' },
    { line: 'windrow data ls --server http://head:8980', does: 'what a server has' },
    {
      line: `windrow data ls --constraint 'Bytes > 1000000000 && time() - LastAccess > 86400'`,
      does: 'what is large, and was not used for a day',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/data-look.ts')).dataLs,
} as const satisfies CommandSpec;

export const stat = {
  name: 'data stat',
  summary: 'Show what is known of entries.',
  arguments: [KEYS],
  options: { ...where, json },
  details: [WHERE],
  examples: [{ line: 'windrow data stat https://data.example/a.nc', does: 'size, digests, times' }],
  exitCodes: { 1: 'one of them is not there' },
  load: async (): Promise<CommandAction> => (await import('../commands/data-look.ts')).dataStat,
} as const satisfies CommandSpec;

export const du = {
  name: 'data du',
  summary: 'Show how much space the datastore takes.',
  arguments: [],
  options: { ...where, space: { kind: 'setting', setting: 'dataSpaceBytes' }, json },
  details: ['What several keys share is counted once.', WHERE],
  examples: [{ line: 'windrow data du', does: 'entries, bytes, free space' }],
  load: async (): Promise<CommandAction> => (await import('../commands/data-look.ts')).dataDu,
} as const satisfies CommandSpec;

export const fetch = {
  name: 'data fetch',
  summary: 'Fetch URLs into the datastore, and print where they lie.',
  arguments: [{ usage: '<url...>', doc: 'http, https or file.' }],
  options: {
    sha256: {
      kind: 'text',
      flags: '--sha256 <digest>',
      doc: 'SHA-256 that the file must have; beside: it stands in a file beside it, URL.sha256.',
    },
    revalidate: {
      kind: 'flag',
      flags: '--revalidate',
      doc: 'Ask the origin whether what is here is still right, as its headers have it.',
    },
    stale: {
      kind: 'flag',
      flags: '--stale',
      doc: 'While the origin cannot be asked, what is here will do.',
    },
    pin: { kind: 'text', flags: '--pin <name>', doc: 'Keep it from ageing until it is unpinned.' },
    ...fetching,
    ...where,
    quiet,
    json,
  },
  details: [
    'Prints the path of each entry once it is here whole. A file is stored only when its length and ' +
      'its digests are right; what broke off goes on where that is safe, with this run or the next.',
    'A path is good for reading until the entry ages or is replaced; what is pinned does not age.',
    WHERE,
  ],
  examples: [
    { line: 'windrow data fetch https://data.example/a.nc', does: 'prints its path' },
    { line: 'windrow data fetch --sha256 beside https://data.example/a.nc', does: 'checked' },
  ],
  exitCodes: { 1: 'one of them could not be had whole; the message says why' },
  load: async (): Promise<CommandAction> => (await import('../commands/data-fetch.ts')).dataFetch,
} as const satisfies CommandSpec;

export const put = {
  name: 'data put',
  summary: 'Store a file under a key.',
  arguments: [
    { usage: '<file>', doc: 'The file; - reads standard input.' },
    { usage: '<key>', doc: 'Its key; what lay there is replaced.' },
  ],
  options: {
    sha256: { kind: 'text', flags: '--sha256 <digest>', doc: 'SHA-256 that it must have.' },
    ...where,
    json,
  },
  details: [
    'To a server, a file of 4 MiB or more goes on where it was when the connection drops, at once or with ' +
      'the same command within a week.',
    'Standard input is sent as it comes, and nothing keeps it: when the connection drops nothing is stored, and it ' +
      'must be given again. What cannot be made twice is put from a file.',
    WHERE,
  ],
  examples: [{ line: 'windrow data put mesh.vtk lab:mesh', does: 'stores it, prints its path' }],
  load: async (): Promise<CommandAction> => (await import('../commands/data-change.ts')).dataPut,
} as const satisfies CommandSpec;

export const get = {
  name: 'data get',
  summary: 'Write the bytes of an entry to a file or to standard output.',
  arguments: [KEY],
  options: {
    to: { kind: 'text', flags: '-o, --to <file>', doc: 'Write them here; it appears whole.' },
    ...where,
  },
  details: [
    'Nothing is fetched: `windrow data fetch` does that. From a server it goes on where it was when the ' +
      'connection drops; with --to also when the same command is run again.',
    WHERE,
  ],
  examples: [{ line: 'windrow data get lab:mesh > mesh.vtk', does: 'gets it back' }],
  load: async (): Promise<CommandAction> => (await import('../commands/data-change.ts')).dataGet,
} as const satisfies CommandSpec;

const pinName = {
  kind: 'text',
  flags: '--name <name>',
  doc: 'Name of the pin (default: user).',
} as const satisfies OptionSpec;

export const pin = {
  name: 'data pin',
  summary: 'Keep entries from ageing.',
  arguments: [KEYS],
  options: { name: pinName, ...where, json },
  details: ['A pin keeps the version that is here now, also when the key gets another one.', WHERE],
  examples: [{ line: 'windrow data pin https://data.example/a.nc', does: 'keeps it' }],
  load: async (): Promise<CommandAction> => (await import('../commands/data-change.ts')).dataPin,
} as const satisfies CommandSpec;

export const unpin = {
  name: 'data unpin',
  summary: 'Let entries age again.',
  arguments: [{ usage: '[key...]', doc: 'Keys; without any, all that the pin keeps.' }],
  options: { name: pinName, ...where, json },
  details: [WHERE],
  examples: [{ line: 'windrow data unpin --name job-17', does: 'all that job 17 had pinned' }],
  load: async (): Promise<CommandAction> => (await import('../commands/data-change.ts')).dataUnpin,
} as const satisfies CommandSpec;

export const rm = {
  name: 'data rm',
  summary: 'Remove entries.',
  arguments: [KEYS],
  options: { ...where, json },
  details: ['Who holds one keeps it until done. What is pinned is not removed.', WHERE],
  examples: [{ line: 'windrow data rm https://data.example/a.nc', does: 'removes it' }],
  exitCodes: { 1: 'one of them was not there, or is pinned' },
  load: async (): Promise<CommandAction> => (await import('../commands/data-change.ts')).dataRm,
} as const satisfies CommandSpec;

export const purge = {
  name: 'data purge',
  summary: 'Make room now: what was not used for the longest goes first.',
  arguments: [],
  options: {
    olderThan: {
      kind: 'duration',
      flags: '--older-than <duration>',
      doc: 'Remove all that nobody has used for so long.',
    },
    to: { kind: 'bytes', flags: '--to <size>', doc: 'Remove until so much is left.' },
    ...where,
    space: { kind: 'setting', setting: 'dataSpaceBytes' },
    files: { kind: 'setting', setting: 'dataFiles' },
    free: { kind: 'setting', setting: 'dataFreeBytes' },
    json,
  },
  details: [
    'Without --older-than and --to it does what the limits ask for. What is pinned or in use stays.',
    WHERE,
  ],
  examples: [
    { line: "windrow data purge --older-than '30 d'", does: 'what was of no use for a month' },
    { line: "windrow data purge --to '100 GB'", does: 'down to 100 GB' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/data-change.ts')).dataPurge,
} as const satisfies CommandSpec;

export const verify = {
  name: 'data verify',
  summary: 'Read stored bytes again, and set aside what is damaged.',
  arguments: [{ usage: '[key...]', doc: 'Only these; without any, all.' }],
  options: {
    share: {
      kind: 'number',
      flags: '--share <part>',
      doc: 'Of all only this part, by chance: 0.1.',
    },
    ...where,
    json,
  },
  details: [
    'What is damaged is never given to a program; it is fetched again when it is asked for.',
    WHERE,
  ],
  examples: [
    { line: 'windrow data verify', does: 'all of it' },
    { line: 'windrow data verify --share 0.05', does: 'a sample, as from a timer' },
  ],
  exitCodes: { 1: 'something was damaged or is not there' },
  load: async (): Promise<CommandAction> => (await import('../commands/data-change.ts')).dataVerify,
} as const satisfies CommandSpec;
