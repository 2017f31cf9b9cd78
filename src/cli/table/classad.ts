import type { CommandAction, CommandSpec } from '../command.ts';
import { json } from './shared-options.ts';

export const classad = {
  name: 'classad',
  summary: 'Evaluate expressions of the policy language.',
  arguments: [
    { usage: '<action>', doc: 'eval.' },
    { usage: '<expression>', doc: 'The expression; - reads one from each line of stdin.' },
  ],
  options: {
    my: { kind: 'text', flags: '--my <file>', doc: 'The ad that names are looked up in.' },
    target: { kind: 'text', flags: '--target <file>', doc: 'The ad that it is matched with.' },
    json,
  },
  details: [
    'Prints the value as HTCondor does. Ads may be in any of the forms: one attribute per line, ' +
      '[ a = 1; b = 2 ], JSON, XML.',
    'An expression that begins with a minus goes into parentheses. Of expressions from stdin each ' +
      'is answered with one line, a wrong one with parse-error.',
    'With --json a line is {"type": …, "value": …}; the type is undefined, error, boolean, integer, ' +
      'real, string, abstime, reltime, list, classad or parse-error, the value the printed form.',
  ],
  examples: [
    { line: "windrow classad eval '1 + 2 * 3'", does: '7' },
    {
      line: "windrow classad eval 'TARGET.Memory >= RequestMemory' --my job.ad --target slot.ad",
      does: 'whether a job asks for no more than there is',
    },
    {
      line: 'windrow classad eval --json - < expressions.txt',
      does: 'one line of JSON for each line',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/classad.ts')).classad,
} as const satisfies CommandSpec;
