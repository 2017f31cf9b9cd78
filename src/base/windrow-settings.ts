import { join } from 'node:path';
import { costSettings } from './cost-settings.ts';
import { identitySettings } from './identity-settings.ts';
import { networkSettings } from './network-settings.ts';
import type { SettingTable, ValuesOf } from './settings.ts';
import { traceSettings } from './trace-settings.ts';
import { wallSettings } from './wall-settings.ts';

/** Every setting of Windrow. Those of one job stand in its sweep file, not here. */
export const windrowSettings = {
  server: {
    name: 'server',
    value: 'url',
    type: 'text',
    default: '',
    defaultDoc: 'the local one',
    doc: 'URL of the server to talk to.',
  },
  tokenFile: {
    name: 'token-file',
    value: 'file',
    type: 'path',
    default: '',
    defaultDoc: 'admin-token in the state directory',
    doc: 'File with the admin token of the server, mode 0600.',
  },
  token: {
    name: 'token',
    value: 'token',
    type: 'text',
    default: '',
    defaultDoc: 'from the token file',
    doc: 'The admin token itself, for where a file is not practical.',
    secret: true,
  },
  stateDirectory: {
    name: 'state',
    value: 'dir',
    type: 'path',
    default: ({ environment, home }) =>
      join(environment.XDG_STATE_HOME || join(home, '.local', 'state'), 'windrow'),
    defaultDoc: '$XDG_STATE_HOME/windrow',
    doc: 'Directory where the server keeps everything, and its secrets.',
  },
  listen: {
    name: 'listen',
    value: 'host:port',
    type: 'address',
    default: '127.0.0.1:8980',
    doc: 'Address that the server listens on; port 0 picks a free one.',
  },
  insecure: {
    name: 'insecure',
    value: 'yes|no',
    type: 'boolean',
    default: 'no',
    doc: 'Allow addresses other than loopback without TLS.',
  },
  slots: {
    name: 'slots',
    value: 'n',
    type: 'int',
    default: ({ cpus }) => String(cpus),
    defaultDoc: 'the CPUs',
    most: 100_000,
    doc: 'How many attempts run at once on this machine; 0: none.',
  },
  workerDirectory: {
    name: 'dir',
    value: 'dir',
    type: 'path',
    default: ({ environment, home }) =>
      join(environment.XDG_CACHE_HOME || join(home, '.cache'), 'windrow'),
    defaultDoc: '$XDG_CACHE_HOME/windrow',
    doc: 'Directory of the worker: programs, inputs and scratch.',
  },
  sessionFile: {
    name: 'session-file',
    value: 'file',
    type: 'path',
    default: '',
    defaultDoc: 'session in the state directory',
    doc: 'File with the session secret for workers, mode 0600.',
  },
  workerStarter: {
    name: 'worker-starter',
    value: 'how',
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'launcher', 'spawn'],
    doc: 'How programs are started: by the launcher, by plain spawn, or by what is there.',
  },
  leaseMs: {
    name: 'lease',
    value: 'duration',
    type: 'duration',
    default: '30 s',
    least: 1000,
    most: 86_400_000,
    doc: 'A worker not heard of for this long is lost, and its tasks go back.',
  },
  awayMs: {
    name: 'away',
    value: 'duration',
    type: 'duration',
    default: '0',
    defaultDoc: 'the lease of the server',
    most: 30 * 86_400_000,
    doc: 'How long this worker may be out of reach before its tasks go to others.',
  },
  pingMs: {
    name: 'ping',
    value: 'duration',
    type: 'duration',
    default: '10 s',
    most: 3_600_000,
    doc: 'How often clients of the open protocol are to ping; 0: never.',
  },
  diskReserveBytes: {
    name: 'disk-reserve',
    value: 'size',
    type: 'bytes',
    default: '256 MiB',
    doc: 'With less free space than this the server hands out no work.',
  },
  logLevel: {
    name: 'log-level',
    value: 'level',
    type: 'choice',
    default: 'info',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    doc: 'Least level of what is logged to stderr.',
  },
  logFormat: {
    name: 'log-format',
    value: 'format',
    type: 'choice',
    default: 'auto',
    choices: ['auto', 'pretty', 'json'],
    doc: 'One line for people, JSON, or (auto) the first on a terminal and the second elsewhere.',
  },
  ...traceSettings,
  ...wallSettings,
  ...networkSettings,
  ...identitySettings,
  ...costSettings,
} as const satisfies SettingTable;

export type WindrowSettings = ValuesOf<typeof windrowSettings>;
