/** What was noticed about batch jobs, as one flat record with a sentence for people. */
import { printable } from '#base';
import { readVariable } from '../process-table.ts';
import type { Job } from './job-tree.ts';
import type { Noticed } from './procwatch.ts';

export interface ProcessNotice {
  readonly kind: Noticed['kind'];
  readonly text: string;
  /** What the batch system calls the job, from the environment of its processes; `''`: not told. */
  readonly job: string;
  readonly daemon: string;
  readonly daemonPid: number | null;
  /** First process of the job. */
  readonly root: number | null;
  /** The process that it is about. */
  readonly pid: number | null;
  readonly command: string;
  /** Events that the kernel dropped, null: unknown or none. */
  readonly missed: number | null;
}

const NOTHING: ProcessNotice = {
  kind: 'watching',
  text: '',
  job: '',
  daemon: '',
  daemonPid: null,
  root: null,
  pid: null,
  command: '',
  missed: null,
};

export function describe(noticed: Noticed): ProcessNotice {
  const { kind } = noticed;
  switch (kind) {
    case 'watching':
      return { ...NOTHING, text: `watching; ${noticed.jobs} jobs run already` };
    case 'events-lost': {
      const { missed, how } = noticed;
      const count = missed === null ? 'an unknown number of' : String(missed);
      const text =
        how === 'overrun'
          ? `the kernel dropped ${count} events; looking at all processes instead`
          : `a look at all processes found ${count} changes that no event had told of`;
      return { ...NOTHING, kind, text, missed };
    }
    case 'too-many':
      return {
        ...NOTHING,
        kind,
        text: `jobs have more than ${noticed.most} processes; not all are followed`,
      };
    case 'begun':
    case 'ended': {
      const { job } = noticed;
      const command = kind === 'begun' ? noticed.command : '';
      const named = about(job, job.root);
      const text =
        kind === 'begun'
          ? `${named.title} began: ${job.root} ${printable(command)}`
          : `${named.title} ended with ${leftText(noticed.left)}`;
      return { ...NOTHING, ...named.fields, kind, text, pid: job.root, command };
    }
    default: {
      const { pid, command, job } = noticed.member;
      const named = about(job, pid);
      const does = {
        daemonised: `left its parents behind`,
        'left-behind': 'outlived its job',
        killed: 'outlived its job and was killed',
        stuck: `cannot be killed (state ${kind === 'stuck' ? noticed.state : ''})`,
      }[kind];
      const text = `process ${pid} ${printable(command)} of ${named.title} ${does}`;
      return { ...NOTHING, ...named.fields, kind, text, pid, command };
    }
  }
}

function leftText(left: number): string {
  return left === 0 ? 'nothing left of it' : `${left} process${left === 1 ? '' : 'es'} left`;
}

/** A process that is gone tells nothing any more: what one of the job told before counts. */
const names = new WeakMap<Job, string>();

function about(job: Job, pid: number) {
  const name = jobName(pid) || (names.get(job) ?? '');
  if (name !== '') names.set(job, name);
  const { root, daemon, daemonPid } = job;
  const title = `${name === '' ? `job ${root}` : name} of ${printable(daemon)} ${daemonPid}`;
  return { title, fields: { job: name, daemon, daemonPid, root } };
}

/** Variables by which batch systems tell a job its name. */
const NAMES: readonly (readonly [system: string, ...variables: string[]])[] = [
  ['Windrow', 'WINDROW_JOB', 'WINDROW_TASK'],
  ['Slurm', 'SLURM_JOB_ID'],
  ['PBS', 'PBS_JOBID'],
  ['LSF', 'LSB_JOBID'],
  ['Grid Engine', 'JOB_ID'],
];

function jobName(pid: number): string {
  for (const [system, ...variables] of NAMES) {
    const values = variables.map((variable) => readVariable(pid, variable));
    if (values.every((value) => typeof value === 'string')) {
      return `${system} job ${printable(values.join('.')).slice(0, 100)}`;
    }
  }
  return '';
}
