import type { WindrowError } from '#base';
import { planErrors } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';
import { throwProblems } from '../problems.ts';
import { describeOrigin, type Origin } from '../template/origin.ts';
import { documentSchema, type SweepDocument } from './schema.ts';

/** Where the value at a path of the document was written. */
export type FindOrigin = (path: readonly (string | number)[]) => Origin;

type Path = readonly (string | number)[];
type Issue = NonNullable<ReturnType<typeof documentSchema.safeParse>['error']>['issues'][number];

const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(documentSchema.shape),
  cluster: ['nodes', 'at-least', 'advertise', 'slots', 'dir', 'walls'],
  parameters: ['file', 'format', 'lines', 'set', 'range'],
  isolation: ['walls', 'require', 'network', 'root', 'write'],
  request: ['cpus', 'memory', 'disk', 'processes', 'gpus', 'time'],
};

/** Checks keys and values. @throws every problem at once, each with its place */
export function checkDocument(
  data: Record<string, unknown>,
  findOrigin: FindOrigin,
): SweepDocument {
  const parsed = documentSchema.safeParse(data);
  const problems: Placed[] = [];
  for (const issue of parsed.error?.issues ?? []) {
    problems.push(...problemsOf(issue, data, findOrigin));
  }
  problems.sort((a, b) => a.line - b.line);
  throwProblems(problems.map(({ error }) => error));
  return parsed.data!;
}

interface Placed {
  readonly error: WindrowError;
  readonly line: number;
}

function lineOf({ line }: Origin): number {
  return line ?? 0;
}

function problemsOf(issue: Issue, data: unknown, findOrigin: FindOrigin): Placed[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const line = lineOf(findOrigin([...path, key]));
      return { error: unknownKey(path, key, findOrigin), line };
    });
  }
  const found = valueAt(data, path);
  const meant = meantBranch(issue, found);
  if (meant !== null) {
    return meant.flatMap((one) => {
      return problemsOf({ ...one, path: [...issue.path, ...one.path] }, data, findOrigin);
    });
  }
  if (found === undefined && path.length === 1) {
    return [{ error: missingKey(path, findOrigin), line: 0 }];
  }
  const facts = {
    where: describeOrigin(findOrigin(path)),
    found: printValue(found),
    expected: issue.message,
  };
  const error = planErrors.create('SWEEP_BAD_VALUE', facts);
  return [{ error, line: lineOf(findOrigin(path)) }];
}

/** Of several forms of a table the one whose keys are all there: what is wrong is within it. */
function meantBranch(issue: Issue, found: unknown): readonly Issue[] | null {
  const isTable = typeof found === 'object' && found !== null && !Array.isArray(found);
  if (issue.code !== 'invalid_union' || !isTable) return null;
  const isWithin = (one: Issue) =>
    one.code === 'unrecognized_keys' ||
    (one.path.length > 0 && valueAt(found, one.path as Path) !== undefined);
  const fitting = (issue.errors as Issue[][]).filter((branch) => branch.every(isWithin));
  return fitting.length === 1 ? fitting[0]! : null;
}

function unknownKey(path: Path, key: string, findOrigin: FindOrigin): WindrowError {
  const known = KNOWN_KEYS[path.join('.')] ?? [];
  const nearest = nearestName(key, known);
  const all = known.length === 0 ? 'Remove it.' : `Known are: ${known.join(', ')}.`;
  const advice = nearest === undefined ? all : `Did you mean "${nearest}"?`;
  const where = describeOrigin(findOrigin([...path, key]));
  return planErrors.create('SWEEP_UNKNOWN_KEY', { where, found: key, advice });
}

function missingKey(path: Path, findOrigin: FindOrigin): WindrowError {
  const expected = String(path[0]);
  const { file, what } = findOrigin([]);
  const example = 'command = "./program --beta $beta"';
  return planErrors.create('SWEEP_MISSING_KEY', { where: file ?? what, expected, example });
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null) return value;
    return Reflect.get(value, key) as unknown;
  }, data);
}

function printValue(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? String(part) : part,
  );
  return text === undefined ? 'nothing' : text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
