import type { SettingTable } from './settings.ts';

/** What computing costs where it is sold, for `windrow stats --cost`; the section [cost]. */
export const costSettings = {
  costCurrency: {
    name: 'cost-currency',
    value: 'name',
    type: 'text',
    default: 'EUR',
    doc: 'Currency of the prices, for the heading.',
  },
  costCpuHour: {
    name: 'cost-cpu-hour',
    value: 'price',
    type: 'decimal',
    default: '0',
    doc: 'Price of an hour of CPU time; 0: not charged.',
  },
  costMemoryHour: {
    name: 'cost-memory-hour',
    value: 'price',
    type: 'decimal',
    default: '0',
    doc: 'Price of a GiB of memory for an hour, by the peak of each attempt; 0: not charged.',
  },
  costOutgoing: {
    name: 'cost-outgoing',
    value: 'price',
    type: 'decimal',
    default: '0',
    doc: 'Price of a GB (10⁹ bytes) sent to others than the site; 0: not charged.',
  },
  costIncoming: {
    name: 'cost-incoming',
    value: 'price',
    type: 'decimal',
    default: '0',
    doc: 'Price of a GB that comes from others than the site; 0: not charged.',
  },
} as const satisfies SettingTable;
