/** The ad of a job: what holds for all its tasks. Names and units are HTCondor's where it has one. */
import {
  type Ad,
  adOf,
  adOfThing,
  attributeTable,
  type Node,
  parseExpression,
  real,
} from '#classad';
import type { Command, JobId, JobSpec } from '../job.ts';
import { type Matching, printLimits, shareOf } from '../matching.ts';
import { POLICY_AD_NAMES, policyAttributes } from './policy-attributes.ts';
import { epochSeconds, kibibytes, mebibytes } from './quantities.ts';
import { printArguments, printEnvironment } from './words.ts';

/** What is known of a job wherever its ad is made, on the server as on a worker. */
export interface JobFacts
  extends Pick<
      JobSpec,
      | 'name'
      | 'command'
      | 'environment'
      | 'directory'
      | 'request'
      | 'timeoutMs'
      | 'retries'
      | 'priority'
      | 'policy'
    >,
    Matching {
  readonly id: JobId;
  readonly rows: number;
  readonly submittedAtMs: number;
}

/** Vanilla: the universe of programs that know nothing of the system that runs them. */
const UNIVERSE = 5;

const TABLE = attributeTable<JobFacts>({
  MyType: () => 'Job',
  TargetType: () => 'Machine',
  ClusterId: ({ id }) => id,
  JobUniverse: () => UNIVERSE,
  JobBatchName: ({ name }) => name,
  JobPrio: ({ priority }) => priority,
  Owner: ({ owner }) => owner || undefined,
  User: ({ owner }) => owner || undefined,
  AcctGroup: ({ accountingGroup }) => accountingGroup || undefined,
  AcctGroupUser: ({ accountingGroup, owner }) => (accountingGroup && owner) || undefined,
  AccountingGroup: (job) => (job.accountingGroup && shareOf(job)) || undefined,
  Cmd: ({ command }) => wordsOf(command)[0],
  Arguments: ({ command }) => printArguments(wordsOf(command).slice(1)),
  Environment: ({ environment }) => printEnvironment(environment),
  Iwd: ({ directory }) => (directory.kind === 'submit' ? directory.path : undefined),
  ShouldTransferFiles: ({ directory }) => (directory.kind === 'scratch' ? 'YES' : 'NO'),
  WhenToTransferOutput: () => 'ON_EXIT',
  QDate: ({ submittedAtMs }) => epochSeconds(submittedAtMs),
  TotalSubmitProcs: ({ rows }) => rows,
  RequestCpus: ({ request: { cpus } }) => (Number.isInteger(cpus) ? cpus : real(cpus)),
  RequestMemory: ({ request }) => mebibytes(request.memoryBytes),
  RequestDisk: ({ request }) => kibibytes(request.diskBytes),
  RequestGPUs: ({ request }) => request.gpus,
  RequestProcesses: ({ request }) => request.processes,
  RequestTime: ({ request }) => Math.ceil(request.timeMs / 1000),
  MinHosts: () => 1,
  MaxHosts: () => 1,
  ConcurrencyLimits: ({ concurrencyLimits }) => printLimits(concurrencyLimits) || undefined,
});

/** Lower-case names that a job's ad tells by itself, `requirements` and `rank` included. */
export const JOB_AD_NAMES: ReadonlySet<string> = new Set([
  ...TABLE.keys(),
  ...POLICY_AD_NAMES,
  'requirements',
  'rank',
]);

/**
 * The job's ad; `Requirements` is true where the job has none, and `Rank` is 0. Its own attributes
 * never hide what is told here. Errors: `CLASSAD_SYNTAX_WRONG` for expressions that nobody checked.
 */
export function jobAd(job: JobFacts): Ad {
  return adOfThing(TABLE, job, ownAttributes(job));
}

const TRUE: Node = { kind: 'literal', value: true };
const NOTHING: Node = { kind: 'literal', value: real(0) };

function ownAttributes({ requirements, rank, attributes, policy }: JobFacts): Ad {
  const written = [...Object.entries(attributes), ...policyAttributes(policy)];
  const own = written.map(([name, text]) => ({
    name,
    value: parseExpression(text),
  }));
  return adOf([
    ...own,
    { name: 'Requirements', value: requirements === '' ? TRUE : parseExpression(requirements) },
    { name: 'Rank', value: rank === '' ? NOTHING : parseExpression(rank) },
  ]);
}

function wordsOf(command: Command): readonly string[] {
  return command.kind === 'argv' ? command.template : ['/bin/sh', '-c', command.template];
}
