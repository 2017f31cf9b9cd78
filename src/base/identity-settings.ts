import type { SettingTable } from './settings.ts';

/** Under which accounts a machine runs the jobs of others; the section [identity]. */
export const identitySettings = {
  identityTable: {
    name: 'identity-table',
    value: 'file',
    type: 'path',
    default: '/etc/windrow/identities',
    doc: 'Table of the accounts under which jobs of others run on this machine (docs/guide/identity.md).',
  },
} as const satisfies SettingTable;
