/** A job's description, made ready once for all of its attempts. */
import { messageOf } from '#base';
import { type Ad, parseAds } from '#classad';
import { type ProgramBuild, type ResultSource, templateOf } from '#model';
import { type CompiledCommand, type CompiledText, compileCommand, compileText } from '#sweep';
import type { JobDescription } from '#wire';
import { type EnvironmentMaker, environmentMaker } from './environment.ts';
import { workerErrors } from './errors.ts';
import type { AgentOptions } from './port.ts';

export interface JobPlan {
  readonly job: JobDescription;
  /** The job's ad; null where the server has told none. Read when it is first asked for. */
  readonly ad: () => Ad | null;
  readonly command: CompiledCommand;
  readonly environment: EnvironmentMaker;
  /** The build for this platform, or null when the job ships none. */
  readonly program: ProgramBuild | null;
  /** Templates of result paths and patterns, by the result's index; null for streams. */
  readonly resultPaths: readonly (CompiledText | null)[];
  /** Compiled template inputs by digest, filled in when the first attempt has fetched them. */
  readonly templates: Map<string, CompiledText>;
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
  options: Pick<AgentOptions, 'hostEnvironment' | 'platform'>,
): JobPlan | NoPlan {
  try {
    return {
      job,
      ad: lazily(() => adOf(job)),
      command: compileCommand(job.command, job.columns, undefined, job.id),
      environment: environmentMaker(job, options.hostEnvironment),
      program: chooseBuild(job, options.platform),
      resultPaths: job.results.map((result) => pathTemplate(result, job)),
      templates: new Map(),
      resultStreams: new Set(job.results.map((result) => result.from.kind)),
    };
  } catch (error) {
    return { job, fault: `The job cannot run on this machine: ${messageOf(error)}.` };
  }
}

function adOf({ ad }: JobDescription): Ad | null {
  return ad === '' ? null : (parseAds(ad)[0] ?? null);
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function pathTemplate(result: ResultSource, job: JobDescription): CompiledText | null {
  const { from, name } = result;
  const template = templateOf(from);
  if (template === null) return null;
  return compileText(template, job.columns, { what: `result "${name}"` }, job.id);
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
