import { TRAP_CATEGORIES } from '#model';
import type { CommandAction, CommandSpec } from '../command.ts';
import { TRAP_KEYS, trapOptions } from '../trap-settings.ts';
import { json, log } from './shared-options.ts';

const COLLECTORS = {
  usage: '[collector...]',
  doc: 'Collectors, as HOST, HOST:PORT or URL; without one, the collector of this machine.',
} as const;

const whichCollector = trapOptions(['port', 'filename']);
const withToken = {
  ...trapOptions(['port', 'filename', 'tokenFile']),
  insecure: {
    kind: 'setting',
    setting: 'insecure',
    doc: 'Send the token over plain HTTP to another machine.',
  },
} as const;
const WHICH_TOKEN =
  'The tokens of this machine are sent to its own collector and server alone; elsewhere name a ' +
  'token with --token-file, and have the collector behind TLS (https://…), or say --insecure.';

const onlyNode = {
  kind: 'text',
  flags: '--node <pattern>',
  doc: 'Only of nodes that fit this pattern of * and ?.',
} as const;
const onlyFileSystem = {
  kind: 'text',
  flags: '--fs <name>',
  doc: 'Only of this file system.',
} as const;
const leastCategory = {
  kind: 'choice',
  flags: '--category <least>',
  choices: TRAP_CATEGORIES,
  doc: 'Only of this category and worse.',
} as const;
const by = {
  kind: 'text',
  flags: '--by <name>',
  doc: 'Who says so (default: the user).',
} as const;

const MIRRORED =
  'Mirrored collectors are named one after the other; a trap that several have is shown once.';

export const serve = {
  name: 'traps serve',
  summary: 'Collect traps and answer monitors, until it is stopped.',
  arguments: [],
  options: {
    ...trapOptions(TRAP_KEYS),
    readyFd: {
      kind: 'whole',
      flags: '--ready-fd <n>',
      doc: 'Say on this descriptor how the start went, and do not detach; daemons are started so.',
    },
    ...log,
  },
  details: [
    'Monitors ask by XML-RPC at / and /RPC2: getNodeNames, getNodeInfo, getFileSystems, ' +
      'getFileSystemInfo, getTraps and more; nodes report by HTTP at /v1/traps. Only this machine ' +
      'may speak to it, and who --allow names.',
    'Settings come from /etc/windrow/traps.ini, then the user file ' +
      '$XDG_CONFIG_HOME/windrow/traps.ini, then the file that --filename names, then the command ' +
      'line; later ones win. The files are INI, with or without a section [traps], and take long ' +
      'and short names.',
    'When it answers it prints one line, `windrow: collecting traps at http://HOST:PORT`, to stdout; ' +
      'logs go to stderr. Started by root it binds its ports and turns to the account of --user.',
  ],
  examples: [
    { line: 'windrow traps serve', does: 'at http://localhost:8980' },
    {
      line: "windrow traps serve -h '' --allow '10.0.0.0/8' --trapfile /var/log/traps",
      does: 'for a cluster, following a trap file',
    },
    { line: 'windrow traps serve -d -f site.ini --user root', does: 'as a daemon that stays root' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/traps-serve.ts')).trapsServe,
} as const satisfies CommandSpec;

export const watch = {
  name: 'traps watch',
  summary: 'Watch the traps of collectors.',
  arguments: [COLLECTORS],
  options: {
    category: leastCategory,
    node: onlyNode,
    fs: onlyFileSystem,
    lines: { kind: 'flag', flags: '--lines', doc: 'Print lines, also on a terminal.' },
    by,
    json: { ...json, doc: 'Print a line of JSON for everything that happens.' },
    ...withToken,
  },
  details: [
    'On a terminal it fills the screen: what holds, worst first. The arrow keys choose, a ' +
      'acknowledges until it clears, c changes the least category, q ends. Elsewhere it prints a ' +
      'line for each trap.',
    'A collector that is away is asked again and again; the others are shown meanwhile. ' +
      MIRRORED,
  ],
  examples: [
    { line: 'windrow traps watch', does: 'the collector of this machine' },
    {
      line: 'windrow traps watch mds1 mds2 --category warning',
      does: 'two mirrored collectors, without what is only informative',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/traps-watch.ts')).trapsWatch,
} as const satisfies CommandSpec;

export const send = {
  name: 'traps send',
  summary: 'Report a trap.',
  arguments: [
    { usage: '<message>', doc: 'What happened; - reads traps as lines of JSON from stdin.' },
    COLLECTORS,
  ],
  options: {
    category: {
      kind: 'choice',
      flags: '--category <category>',
      choices: TRAP_CATEGORIES,
      doc: 'How bad it is (default: warning).',
    },
    node: { kind: 'text', flags: '--node <name>', doc: 'Where (default: this machine).' },
    fs: { kind: 'text', flags: '--fs <name>', doc: 'Which file system it belongs to.' },
    condition: {
      kind: 'text',
      flags: '--condition <name>',
      doc: 'It holds under this name until --clear; without one it has just happened.',
    },
    clear: { kind: 'flag', flags: '--clear', doc: 'The condition is over.' },
    json,
    ...whichCollector,
  },
  details: [
    'It goes to every collector that is named, with one id, so that those who watch several see ' +
      'it once. It is done when one of them has it.',
  ],
  examples: [
    { line: "windrow traps send 'fan 3 stands still' --category critical", does: 'it happened' },
    {
      line: "windrow traps send 'scratch is full' mds1 mds2 --condition scratch --fs work",
      does: 'it holds, to two collectors',
    },
    {
      line: "windrow traps send 'scratch has room' mds1 mds2 --condition scratch --fs work --clear",
      does: 'it is over',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/traps-send.ts')).trapsSend,
} as const satisfies CommandSpec;

export const ls = {
  name: 'traps ls',
  summary: 'List traps.',
  arguments: [COLLECTORS],
  options: {
    all: { kind: 'flag', flags: '-a, --all', doc: 'Also what is over or silenced.' },
    history: {
      kind: 'whole',
      flags: '--history <n>',
      least: 1,
      doc: 'The latest n of the history instead, also those that gave way.',
    },
    category: leastCategory,
    node: onlyNode,
    fs: onlyFileSystem,
    json,
    ...whichCollector,
  },
  details: [MIRRORED],
  examples: [
    { line: 'windrow traps ls', does: 'what holds or has just happened' },
    { line: 'windrow traps ls mds1 mds2 --category critical --json', does: 'for a script' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/traps-ls.ts')).trapsLs,
} as const satisfies CommandSpec;

export const ack = {
  name: 'traps ack',
  summary: 'Acknowledge a trap until it clears.',
  arguments: [{ usage: '<id>', doc: 'Its id, or the beginning of it.' }, COLLECTORS],
  options: {
    comment: { kind: 'text', flags: '--comment <text>', doc: 'What is done about it.' },
    by,
    withdraw: { kind: 'flag', flags: '--withdraw', doc: 'It is acknowledged no more.' },
    json,
    ...withToken,
  },
  details: ['An acknowledgement ends when the condition clears or gets worse.', WHICH_TOKEN],
  examples: [
    { line: "windrow traps ack 4f1c --comment 'new disk is on its way'", does: 'it is known' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/traps-ack.ts')).trapsAck,
} as const satisfies CommandSpec;

export const silence = {
  name: 'traps silence',
  summary: 'Hide traps from monitors for a while.',
  arguments: [COLLECTORS],
  options: {
    node: { kind: 'text', flags: '--node <pattern>', doc: 'Of nodes that fit this pattern.' },
    fs: { kind: 'text', flags: '--fs <name>', doc: 'Of this file system.' },
    message: {
      kind: 'text',
      flags: '--message <pattern>',
      doc: 'With messages that fit this pattern.',
    },
    category: {
      kind: 'choice',
      flags: '--category <most>',
      choices: TRAP_CATEGORIES,
      doc: 'Up to this category (default: fatal).',
    },
    for: { kind: 'duration', flags: '--for <duration>', doc: 'How long.' },
    reason: { kind: 'text', flags: '--reason <text>', doc: 'Why, for those who ask later.' },
    by,
    list: { kind: 'flag', flags: '-l, --list', doc: 'List the silences that hold.' },
    end: { kind: 'text', flags: '--end <id>', doc: 'End this one now.' },
    json,
    ...withToken,
  },
  details: [
    'Patterns have * for any characters and ? for one. When a silence ends, what it hid and still ' +
      'holds is told.',
    WHICH_TOKEN,
  ],
  examples: [
    {
      line: "windrow traps silence --node 'rack7-*' --for '2 h' --reason 'new switch'",
      does: 'while somebody works there',
    },
    { line: 'windrow traps silence --list', does: 'what is silent now' },
    { line: 'windrow traps silence --end s1a2b3c4', does: 'hear it again' },
  ],
  load: async (): Promise<CommandAction> =>
    (await import('../commands/traps-silence.ts')).trapsSilence,
} as const satisfies CommandSpec;
