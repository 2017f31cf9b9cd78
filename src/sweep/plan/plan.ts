import { resolve } from 'node:path';
import type { WindrowError } from '#base';
import {
  type Input,
  type Isolation,
  type JobSpec,
  LEVELS,
  NO_DEALINGS,
  type ResultSource,
} from '#model';
import { inspectSpec } from '../check/check-spec.ts';
import type { FindOrigin } from '../file/document.ts';
import { throwProblems } from '../problems.ts';
import { planAxes } from './axes.ts';
import { planCluster } from './cluster.ts';
import type { PlannedBlob, SweepDraft, SweepPlan } from './draft.ts';
import { planInputs } from './inputs.ts';
import { budgetsOf, planLife } from './life.ts';
import { planPrograms } from './programs.ts';
import { planReferences } from './references.ts';
import { planResults } from './results.ts';
import { orProblem, planCollection, planValidator } from './user-code.ts';

const DEFAULTS = {
  killGraceMs: 5000,
  validateTimeoutMs: 60_000,
  logBytes: 2 ** 20,
  resultBytes: 2 ** 30,
} as const;

const CHIRP: Readonly<Record<'none' | 'delayed' | 'io', JobSpec['chirp']>> = {
  none: NO_DEALINGS.chirp,
  delayed: { io: false, delayed: true },
  io: { io: true, delayed: true },
};

/** Parts of a job that were made elsewhere than from a document. */
export interface MadeParts
  extends Pick<JobSpec, 'axes' | 'inputs' | 'results' | 'place' | 'chirp' | 'machineValues'> {
  readonly columns: readonly string[];
}

function namesOf({ name, from }: Input): readonly string[] {
  if (from.kind !== 'files') return [name];
  return Object.values(from.files).flatMap((files) => files.map((file) => file.name));
}

/**
 * Reads the files that a draft names and makes the job of it.
 * @throws every problem found, at once
 */
export async function makePlan(
  draft: SweepDraft,
  made: MadeParts | null = null,
): Promise<SweepPlan> {
  const problems: WindrowError[] = [];
  const results = made?.results ?? planResults(draft.document.results);
  const directory = draft.document.directory ?? defaultDirectory(draft, results);
  const planned = made ? { ...made, tables: [], problems: [] } : await planAxes(draft.axes);
  const shipped = await planPrograms(draft, directory);
  const inputs = await planInputs(draft);
  const codes: PlannedBlob[] = [];
  const validate = await orProblem(problems, () => planValidator(draft, codes));
  const collect = await orProblem(problems, () => planCollection(draft, codes));
  problems.push(...planned.problems, ...shipped.problems, ...inputs.problems);
  const allInputs = [...inputs.inputs, ...(made?.inputs ?? [])];
  const names = new Set([shipped.programName, ...allInputs.flatMap(namesOf)]);
  const named = await planReferences(draft, shipped.command, names, directory);

  const spec: JobSpec = {
    ...settingsOf(draft, directory),
    command: shipped.command,
    axes: planned.axes,
    inputs: allInputs,
    results,
    programName: shipped.programName,
    programs: shipped.programs,
    references: named.references,
    validate: validate ?? null,
    collect: collect ?? { kind: 'concat' },
    place: made?.place ?? null,
    machineValues: made?.machineValues ?? [],
    chirp: made?.chirp ?? CHIRP[draft.document.chirp ?? 'none'],
  };
  const findOrigin = withTemplateFiles(draft);
  const { columns } = planned;
  const checked = columns && inspectSpec(spec, columns, inputs.templates, findOrigin);
  throwProblems([...problems, ...(checked?.problems ?? [])]);
  return {
    spec,
    tables: planned.tables,
    blobs: distinct([...shipped.blobs, ...inputs.blobs, ...codes]),
    templates: inputs.templates,
    findOrigin,
    columns,
    warnings: [...draft.warnings, ...named.warnings, ...(checked?.warnings ?? [])],
    cluster: planCluster(draft),
  };
}

/** Faults inside a template are told by the template's own file and line. */
function withTemplateFiles({ document, findOrigin }: SweepDraft): FindOrigin {
  return (path) => {
    const [section, name, key] = path;
    const input = section === 'inputs' && key === 'template' && document.inputs?.[name ?? ''];
    if (typeof input !== 'object' || !('template' in input)) return findOrigin(path);
    return { what: `[inputs] ${JSON.stringify(name)}`, file: input.template, line: 1 };
  };
}

/**
 * Results from files need a directory of the attempt's own, or attempts would overwrite them; and
 * inputs would not lie where the program looks for their names.
 */
function defaultDirectory(
  { defaultDirectory, document }: SweepDraft,
  results: readonly ResultSource[],
): 'scratch' | 'submit' {
  const fromFiles = results.some(({ from }) => from.kind === 'file' || from.kind === 'glob');
  const { inputs = {}, data = {} } = document;
  const isNamed = Object.keys({ ...data, ...inputs }).some((name) => name !== 'stdin');
  return fromFiles || isNamed ? 'scratch' : defaultDirectory;
}

type Settings = Omit<
  JobSpec,
  | 'command'
  | 'axes'
  | 'inputs'
  | 'results'
  | 'programName'
  | 'programs'
  | 'references'
  | 'validate'
  | 'collect'
  | 'place'
  | 'chirp'
  | 'machineValues'
>;

function settingsOf(draft: SweepDraft, directory: 'scratch' | 'submit'): Settings {
  const { document, base } = draft;
  return {
    name: document.name ?? draft.defaultName,
    environment: document.environment ?? {},
    directory: directory === 'scratch' ? { kind: 'scratch' } : { kind: 'submit', path: base },
    retries: document.retries ?? 0,
    retryByCause: budgetsOf(document.retry),
    ...planLife(draft),
    timeoutMs: document.timeout ?? 0,
    killGraceMs: document['kill-grace'] ?? DEFAULTS.killGraceMs,
    idempotent: document.idempotent ?? true,
    request: {
      cpus: document.request?.cpus ?? 1,
      memoryBytes: document.request?.memory ?? 0,
      diskBytes: document.request?.disk ?? 0,
      processes: document.request?.processes ?? 0,
      gpus: document.request?.gpus ?? 0,
      timeMs: document.request?.time ?? 0,
    },
    isolation: isolationOf(document.isolation),
    validateTimeoutMs: document['validate-timeout'] ?? DEFAULTS.validateTimeoutMs,
    order: document.order ?? 'table',
    keep: document.keep ?? 'packed',
    output: document.output === undefined ? '' : resolve(base, document.output),
    logBytes: document['log-size'] ?? DEFAULTS.logBytes,
    resultBytes: document['result-size'] ?? DEFAULTS.resultBytes,
    deleteWorker: document['delete-worker'] ?? false,
    deleteClient: document['delete-client'] ?? false,
    priority: document.priority ?? 0,
    requirements: document.requirements ?? '',
    rank: document.rank ?? '',
    attributes: document.attributes ?? {},
    concurrencyLimits: document['concurrency-limits'] ?? {},
    // Who submits it is known to the one that does.
    owner: '',
    accountingGroup: document['accounting-group'] ?? '',
  };
}

function isolationOf(section: SweepDraft['document']['isolation']): Isolation {
  const required = section?.require ?? [];
  return {
    walls: section?.walls ?? null,
    require: typeof required === 'string' ? LEVELS[required] : required,
    network: section?.network ?? null,
    root: section?.root ?? '',
    write: section?.write ?? [],
  };
}

function distinct(blobs: readonly PlannedBlob[]): readonly PlannedBlob[] {
  const byDigest = new Map<string, PlannedBlob>();
  for (const blob of blobs) {
    const known = byDigest.get(blob.sha256);
    if (!known || (blob.executable && !known.executable)) byDigest.set(blob.sha256, blob);
  }
  return [...byDigest.values()];
}
