import { join } from 'node:path';
import type { SettingTable, ValuesOf } from './settings.ts';

/** Settings of the datastore: where it is, how large it becomes, how it asks origins. */
export const dataSettings = {
  dataDirectory: {
    name: 'data-dir',
    value: 'dir',
    type: 'path',
    default: ({ environment, home }) =>
      join(environment.XDG_CACHE_HOME || join(home, '.cache'), 'windrow', 'data'),
    defaultDoc: '$XDG_CACHE_HOME/windrow/data',
    doc: 'Directory of the datastore; several processes and machines may share it.',
  },
  dataSpaceBytes: {
    name: 'data-space',
    value: 'size',
    type: 'bytes',
    default: '0',
    defaultDoc: 'no limit',
    doc: 'When its files take more than this, what was not used for the longest goes; 0: no limit.',
  },
  dataFiles: {
    name: 'data-files',
    value: 'n',
    type: 'int',
    default: '0',
    defaultDoc: 'no limit',
    doc: 'The same by number; 0: no limit.',
  },
  dataFreeBytes: {
    name: 'data-free',
    value: 'size',
    type: 'bytes',
    default: '1 GiB',
    doc: 'Space on its file system that it leaves free.',
  },
  dataSplit: {
    name: 'data-split',
    value: 'n/n',
    type: 'text',
    default: '',
    defaultDoc: 'as the datastore is, 4/4 for a new one',
    doc: 'How the hash of an entry is cut into directories; what is there moves.',
  },
  dataRecheckMs: {
    name: 'data-recheck',
    value: 'duration',
    type: 'duration',
    default: '30 d',
    doc: 'In about so long a server or worker reads all of its datastore again, in hourly samples; 0 s: never.',
  },
  dataProxy: {
    name: 'data-proxy',
    value: 'url;…',
    type: 'text',
    default: '',
    defaultDoc: 'OSG_SQUID_LOCATION, http_proxy and https_proxy of the environment',
    doc: 'Proxies to origins: groups parted by ; in order, members parted by | in any; DIRECT is none.',
  },
  dataCredentials: {
    name: 'data-credentials',
    value: 'file',
    type: 'path',
    default: '',
    defaultDoc: '$XDG_CONFIG_HOME/windrow/credentials.toml, if it is there',
    doc: 'What to show to which origin: TOML, mode 0600. Also ~/.netrc is read.',
  },
  dataPerOrigin: {
    name: 'data-per-origin',
    value: 'n',
    type: 'int',
    default: '8',
    least: 1,
    most: 1000,
    doc: 'Transfers from one origin at a time.',
  },
  dataTries: {
    name: 'data-tries',
    value: 'n',
    type: 'int',
    default: '5',
    least: 1,
    most: 100,
    doc: 'How often a transfer is tried before it has failed.',
  },
  dataSlowBytes: {
    name: 'data-slow',
    value: 'size',
    type: 'bytes',
    default: '1 kB',
    doc: 'A transfer with fewer bytes a second than this is given up and tried again; 0: none.',
  },
  dataSlowMs: {
    name: 'data-slow-time',
    value: 'duration',
    type: 'duration',
    default: '60 s',
    least: 100,
    most: 3_600_000,
    doc: 'For how long it must have been so slow.',
  },
} as const satisfies SettingTable;

export type DataValues = ValuesOf<typeof dataSettings>;
