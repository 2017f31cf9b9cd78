import type { SettingTable, ValuesOf } from './settings.ts';

/**
 * What the administrator of a machine says about the walls of its workers. A settings file has
 * them as `walls = …` and in the sections [isolation], [network] and [roots].
 */
export const wallSettings = {
  walls: {
    name: 'walls',
    value: 'level',
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'bare', 'tracked', 'private', 'full'],
    doc: 'Walls of attempts whose jobs ask for none; auto: private if the worker is root, else bare.',
  },
  jobUser: {
    name: 'isolation-user',
    value: 'account',
    type: 'text',
    default: 'auto',
    doc: 'Who jobs run as behind the walls of a root worker: a name in which % is the number of the slot, nobody, or auto (slot%_user where it exists, else nobody).',
  },
  payload: {
    name: 'payload',
    value: 'submitter=account, …',
    type: 'names',
    default: '',
    doc: 'Accounts of this machine that jobs run as, by whose job it is; * is everybody else. Needs a worker that is root.',
  },
  tracking: {
    name: 'isolation-tracking',
    value: 'way',
    type: 'choice',
    default: 'auto',
    choices: [
      'auto',
      'cgroup',
      'pid-namespace',
      'group-id',
      'adoption',
      'cookie',
      'process-tree',
      'process-group',
    ],
    doc: 'How the processes of an attempt are known; auto: by the strongest way that its walls give. The last three and group-id do without the launcher. “windrow doctor” says what each can miss.',
  },
  trackingGroup: {
    name: 'isolation-tracking-group',
    value: 'gid',
    type: 'int',
    default: '0',
    most: 4_294_900_000,
    doc: 'For tracking by group-id: first of as many group ids that nobody else has as the worker has slots.',
  },
  mountUnderScratch: {
    name: 'isolation-mount-under-scratch',
    value: 'paths',
    type: 'text',
    default: '/tmp, /var/tmp',
    doc: 'Directories that walled attempts get private ones of: a list, or a ClassAd expression that gives one.',
  },
  sharedDirectories: {
    name: 'isolation-shared',
    value: 'paths',
    type: 'paths',
    default: '',
    doc: 'Shared file systems that walled attempts see read-only, unless they may write there.',
  },
  writableDirectories: {
    name: 'isolation-writable',
    value: 'paths',
    type: 'paths',
    default: '',
    doc: 'Directories that jobs may ask to write to ([isolation] write in the sweep file).',
  },
  hiddenPaths: {
    name: 'isolation-hidden',
    value: 'paths',
    type: 'paths',
    default: '',
    doc: 'Directories and files that no walled attempt sees.',
  },
  cgroupBase: {
    name: 'isolation-cgroup',
    value: 'path',
    type: 'text',
    default: '',
    defaultDoc: 'the worker’s own',
    doc: 'Cgroup below which those of attempts are made, relative to where cgroups are mounted.',
  },
  cpuCeiling: {
    name: 'isolation-cpu-ceiling',
    value: 'yes|no',
    type: 'boolean',
    default: 'no',
    doc: 'Hold attempts to the CPUs they ask for, even where others are idle.',
  },
  cpuPinning: {
    name: 'isolation-cpu-pinning',
    value: 'yes|no',
    type: 'boolean',
    default: 'no',
    doc: 'Give attempts that ask for whole CPUs CPUs of their own.',
  },
  memoryLimit: {
    name: 'isolation-memory-limit',
    value: 'kind',
    type: 'choice',
    default: 'hard',
    choices: ['hard', 'soft'],
    doc: 'Whether attempts end at the memory they ask for, or only when the machine is short of it.',
  },
  mostTasks: {
    name: 'isolation-most-tasks',
    value: 'n',
    type: 'int',
    default: '4096',
    most: 4_194_304,
    doc: 'Processes and threads that an attempt may have at once; 0: no limit.',
  },
  roots: {
    name: 'roots',
    value: 'name=path, …',
    type: 'table',
    default: '',
    doc: 'File systems that jobs may ask to run in, by name: a directory tree or a squashfs image.',
  },
  ioWeight: {
    name: 'isolation-io-weight',
    value: 'n',
    type: 'int',
    default: '0',
    most: 10_000,
    doc: 'Share of block devices that an attempt has, beside 100 for everybody else; 0: as everybody.',
  },
} as const satisfies SettingTable;

export type WallValues = ValuesOf<typeof wallSettings>;
