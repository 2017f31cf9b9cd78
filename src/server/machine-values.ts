/** Fills in what a job takes from the machine that its tasks are given to. */
import { type Ambient, EXACT, evaluate, printValue, type Value } from '#classad';
import { type JobSpec, type MachineValue, readMachineValue, type SetAttribute } from '#model';
import { adOfJob } from './ads/facts.ts';
import type { Core, Job, Worker } from './core.ts';

/** Of one value; a longer one would not fit the arguments of a program. */
const MOST_CHARACTERS = 32_768;
const BUDGET = { steps: 20_000, characters: 1 << 16, ms: 20 } as const;

export type Filled =
  | { readonly cells: readonly string[]; readonly attributes: readonly SetAttribute[] }
  /** Why the machine cannot have tasks of the job. */
  | { readonly missing: string };

const NOTHING: Filled = { cells: [], attributes: [] };

/** Read once; a changed job has another specification. */
const read = new WeakMap<JobSpec, readonly MachineValue[]>();

function valuesOf({ spec }: Job): readonly MachineValue[] {
  let values = read.get(spec);
  if (values === undefined) {
    values = spec.machineValues.map((written) => readMachineValue(written)!);
    read.set(spec, values);
  }
  return values;
}

/** The cells behind those of each row, and how they are remembered: as `MATCH_…`. */
export function fillIn({ ambient }: Core, job: Job, worker: Worker): Filled {
  if (job.spec.machineValues.length === 0) return NOTHING;
  const cells: string[] = [];
  const attributes: SetAttribute[] = [];
  for (const [index, one] of valuesOf(job).entries()) {
    const { cell, expression } = valueOn(one, job, worker, ambient);
    if (cell === null) {
      const written = `$$(${job.spec.machineValues[index]})`;
      return { missing: `${written} has no value on ${worker.name}` };
    }
    cells.push(cell);
    if (one.attribute) attributes.push({ name: `MATCH_${one.attribute}`, expression });
  }
  return { cells, attributes };
}

function valueOn(
  { expression, otherwise }: MachineValue,
  job: Job,
  worker: Worker,
  ambient: Ambient,
): { readonly cell: string | null; readonly expression: string } {
  const surround = { my: adOfJob(job), target: worker.ad, ambient, budget: BUDGET };
  const found = evaluate(expression, surround);
  const value = isNothing(found) ? otherwise : found;
  if (value === null) return { cell: null, expression: '' };
  const printed = printValue(value, EXACT);
  const cell = typeof value === 'string' ? value : printed;
  // What cannot be a word of a command is as good as missing.
  const isWord = cell.length <= MOST_CHARACTERS && !cell.includes('\0');
  return { cell: isWord ? cell : null, expression: printed };
}

function isNothing(value: Value): boolean {
  return value === undefined || (typeof value === 'object' && value.kind === 'error');
}
