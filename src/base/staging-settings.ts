import type { DataValues } from './data-settings.ts';
import type { SettingTable, ValuesOf } from './settings.ts';

/** Settings of how inputs come from elsewhere. */
export const stagingSettings = {
  transferPlugins: {
    name: 'transfer-plugins',
    value: 'file,…',
    type: 'paths',
    default: '',
    defaultDoc: 'none',
    doc: 'Programs that fetch URLs of further schemes, as HTCondor calls them; a later one takes schemes from an earlier.',
  },
  transferPluginLifetimeMs: {
    name: 'transfer-plugin-lifetime',
    value: 'time',
    type: 'duration',
    default: '20 h',
    least: 1,
    doc: 'After it a transfer plugin is killed, with all that it began.',
  },
  jobTransferPlugins: {
    name: 'job-transfer-plugins',
    value: 'yes|no',
    type: 'boolean',
    default: 'yes',
    doc: 'Let jobs bring transfer plugins of their own, which run with the rights of their attempts.',
  },
  dataOrigins: {
    name: 'data-origins',
    value: 'yes|no',
    type: 'boolean',
    default: 'yes',
    doc: 'Let this machine ask the origin of an input where a job says that it is nearer than the server.',
  },
  dataPeers: {
    name: 'data-peers',
    value: 'yes|no',
    type: 'boolean',
    default: 'no',
    doc: 'Let this worker get inputs from other workers that have them, and give them its own.',
  },
  peerPort: {
    name: 'peer-port',
    value: 'port',
    type: 'int',
    default: '0',
    defaultDoc: 'any that is free',
    least: 0,
    most: 65_535,
    doc: 'Where this worker gives inputs to others, with data-peers: HTTPS, for tickets of the server.',
  },
  dataStager: {
    name: 'data-stager',
    value: 'worker',
    type: 'text',
    default: '',
    defaultDoc: 'none: from the server',
    doc: 'Name of the worker that gets inputs for this one, with data-peers; one for all workers of a site, so that each file comes there once.',
  },
  stagerPatienceMs: {
    name: 'stager-patience',
    value: 'time',
    type: 'duration',
    default: '1 h',
    least: 1,
    doc: 'A stager that tells for so long of no file that it was to get is not waited for: its site asks the server.',
  },
} as const satisfies SettingTable;

/** Together with those of the store that inputs come through. */
export type StagingValues = ValuesOf<typeof stagingSettings> & DataValues;
