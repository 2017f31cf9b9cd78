import type { CommandAction, CommandSpec } from '../command.ts';
import { json } from './shared-options.ts';

export const procwatch = {
  name: 'procwatch',
  summary: 'Watch the processes of batch jobs; tell of, or kill, what outlives them.',
  arguments: [
    {
      usage: '[daemon...]',
      doc: "Names of daemons whose children are jobs (default: launcher, Windrow's own).",
    },
  ],
  options: {
    json,
    kill: { kind: 'flag', flags: '--kill', doc: 'Kill what outlives its job.' },
    grace: {
      kind: 'duration',
      flags: '--grace <duration>',
      doc: 'How long after its end something of a job may be left (default: 5 s).',
    },
    all: {
      kind: 'flag',
      flags: '--all',
      doc: 'Tell also of jobs that begin and end, and of processes that daemonise while they run.',
    },
  },
  details: [
    'A job is what a child of such a daemon begins: slurmstepd of Slurm, condor_starter of HTCondor, ' +
      'sge_shepherd of Grid Engine. Everything that descends from it belongs to it, whatever sessions ' +
      'or parents it gives itself: the kernel tells of each fork, and the batch system is not asked.',
    'When the kernel had to drop events, that is said, and a look at all processes finds what was ' +
      'missed. It needs root, on the machine itself and not in a container.',
  ],
  examples: [
    { line: 'windrow procwatch slurmstepd', does: 'tell of what jobs of Slurm leave behind' },
    { line: 'windrow procwatch condor_starter --kill --grace 30s', does: 'and end it' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/procwatch.ts')).procwatch,
} as const satisfies CommandSpec;
