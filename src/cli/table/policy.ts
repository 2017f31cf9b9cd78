import type { CommandAction, CommandSpec } from '../command.ts';
import { json } from './shared-options.ts';

export const policyTest = {
  name: 'policy test',
  summary: 'Say what policies would make of the tasks whose ads are in a file.',
  arguments: [{ usage: '<ads>', doc: 'A file of ads in any form; - is standard input.' }],
  options: {
    file: { kind: 'text', flags: '--file <file>', doc: 'The policy file (default: policy-file).' },
    exit: { kind: 'flag', flags: '--exit', doc: 'As if its program had just ended.' },
    policyFile: { kind: 'setting', setting: 'policyFile' },
    json,
  },
  details: [
    'The policies of the site come from the file, those of the job from the ad (PeriodicHold …). Every ' +
      'expression that was looked at is shown with its value, in the order of looking.',
  ],
  examples: [
    { line: 'windrow policy test job.ad --file policy.conf', does: 'try a policy file' },
    {
      line: 'windrow policy test - --exit < job.ad',
      does: 'at the end of its program, by the policy file of the settings',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/policy.ts')).test,
} as const satisfies CommandSpec;
