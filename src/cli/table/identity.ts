import type { CommandAction, CommandSpec } from '../command.ts';
import { json } from './shared-options.ts';

export const map = {
  name: 'identity map',
  summary: 'Show under which account this machine would run the jobs of somebody.',
  arguments: [{ usage: '<name>', doc: 'Who the job belongs to, e.g. ada@uni.example.' }],
  options: {
    table: { kind: 'setting', setting: 'identityTable' },
    host: {
      kind: 'text',
      flags: '--host <name>',
      doc: 'As if this machine had that host name (default: its own).',
    },
    json,
  },
  details: [
    'The first line of the table that fits decides. Each line has a name, exact, with * at its end ' +
      'or a /regular expression/ of the whole name; the account, or - to refuse; and perhaps the ' +
      'machine that it is for. Who fits no line is refused.',
  ],
  examples: [
    {
      line: 'windrow identity map ada@uni.example',
      does: 'the account, and the line that says so',
    },
    { line: 'windrow identity map grid-17 --host node4', does: 'the same on another machine' },
  ],
  exitCodes: { 1: 'the name is refused' },
  load: async (): Promise<CommandAction> => (await import('../commands/identity.ts')).identityMap,
} as const satisfies CommandSpec;
