/** A job's description, made ready once for all of its attempts. */
import { messageOf } from '#base';
import type { ProgramBuild } from '#model';
import type { JobDescription } from '#wire';
import { type EnvironmentMaker, environmentMaker } from './environment.ts';
import { workerErrors } from './errors.ts';
import type { AgentOptions, Templates } from './port.ts';

type TextTemplate = ReturnType<Templates['text']>;

export interface JobPlan {
  readonly job: JobDescription;
  readonly command: ReturnType<Templates['command']>;
  readonly environment: EnvironmentMaker;
  /** The build for this platform, or null when the job ships none. */
  readonly program: ProgramBuild | null;
  /** Templates of result paths and patterns, by the result's index; null for streams. */
  readonly resultPaths: readonly (TextTemplate | null)[];
  /** Compiled template inputs by digest, filled in when the first attempt has fetched them. */
  readonly templates: Map<string, TextTemplate>;
  /** Throws what the template compiler throws. */
  readonly compileText: (text: string) => TextTemplate;
  /** Streams that are results, and are therefore wanted whole. */
  readonly resultStreams: ReadonlySet<string>;
}

/** Why no attempt of a job can start here, as a sentence. */
export interface NoPlan {
  readonly job: JobDescription;
  readonly fault: string;
}

/** Compiles a description. A job that cannot run here is a value: its attempts say why. */
export function planJob(
  job: JobDescription,
  options: Pick<AgentOptions, 'templates' | 'hostEnvironment' | 'platform'>,
): JobPlan | NoPlan {
  const { templates } = options;
  try {
    return {
      job,
      command: templates.command(job.command, job.columns),
      environment: environmentMaker(job, options.hostEnvironment, templates),
      program: chooseBuild(job, options.platform),
      resultPaths: job.results.map((result) => pathTemplate(result.from, job, templates)),
      templates: new Map(),
      compileText: (text) => templates.text(text, job.columns),
      resultStreams: new Set(job.results.map((result) => result.from.kind)),
    };
  } catch (error) {
    return { job, fault: `The job cannot run on this machine: ${messageOf(error)}.` };
  }
}

function pathTemplate(
  from: JobDescription['results'][number]['from'],
  job: JobDescription,
  templates: Templates,
): TextTemplate | null {
  if (from.kind === 'stdout' || from.kind === 'stderr') return null;
  return templates.text(from.kind === 'file' ? from.path : from.pattern, job.columns);
}

function chooseBuild(job: JobDescription, platform: string): ProgramBuild | null {
  if (job.programs.length === 0 || job.programName === '') return null;
  const build =
    job.programs.find((candidate) => candidate.platform === platform) ??
    job.programs.find((candidate) => candidate.platform === 'any');
  if (build) return build;
  const known = job.programs.map((candidate) => candidate.platform).join(', ');
  throw workerErrors.create('WORKER_NO_BUILD', { program: job.programName, platform, known });
}
