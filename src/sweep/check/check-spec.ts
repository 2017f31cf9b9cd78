import type { WindrowError } from '#base';
import { columnsGiven, type Digest, type JobSpec, templateOf } from '#model';
import { planErrors } from '../errors.ts';
import type { FindOrigin } from '../file/document.ts';
import { nearestName } from '../nearest-name.ts';
import { throwProblems } from '../problems.ts';
import { checkCommand } from '../template/command.ts';
import { describeOrigin, faultError, type Origin } from '../template/origin.ts';
import { checkText } from '../template/text.ts';
import { lifeProblems } from './check-life.ts';
import { columnsInExpressions, machineValueProblems, matchingProblems } from './check-matching.ts';
import { normalizePath, pathFault, resultNameFault } from './names.ts';
import { readsAgain } from './read-again.ts';

/** Whatever is wrong, and what was used; collected over the whole spec. */
interface Findings {
  readonly columns: readonly string[];
  readonly findOrigin: FindOrigin;
  readonly problems: WindrowError[];
  readonly used: Set<string>;
}

/**
 * Checks what a job says against the columns of its parameters: every placeholder in the command,
 * in input templates, result paths and the environment; every name of an input and a result.
 * `templates` are the texts of input templates by digest; those that are missing are not checked.
 * @throws all problems at once
 */
export function checkSpec(
  spec: JobSpec,
  columns: readonly string[],
  templates: ReadonlyMap<Digest, string>,
  findOrigin: FindOrigin = originOfSpec,
): { warnings: string[] } {
  const { problems, warnings } = inspectSpec(spec, columns, templates, findOrigin);
  throwProblems(problems);
  return { warnings };
}

/** The same as `checkSpec`, for callers with problems of their own to report. */
export function inspectSpec(
  spec: JobSpec,
  columns: readonly string[],
  templates: ReadonlyMap<Digest, string>,
  findOrigin: FindOrigin,
): { problems: readonly WindrowError[]; warnings: string[] } {
  const findings: Findings = { columns, findOrigin, problems: [], used: new Set() };
  const given = columnsGiven(spec, columns);
  const command = checkCommand(spec.command, given, findOrigin(['command']));
  take(findings, command.problems, command.usedColumns);
  checkInputs(findings, spec, templates);
  checkResults(findings, spec);
  checkEnvironment(findings, spec);
  checkPlacement(findings, spec);
  findings.problems.push(...machineValueProblems(spec, findOrigin));
  findings.problems.push(
    ...matchingProblems(spec, findOrigin),
    ...lifeProblems(spec, columns, findOrigin),
  );
  for (const column of columnsInExpressions(spec, columns)) findings.used.add(column);
  const script = [spec.command.template].flat().join('\n');
  // Columns of a submit description were made from it; nobody has written them.
  const written = spec.place === null ? columns : [];
  const unused = written.filter(
    (column) => !findings.used.has(column) && !script.includes(variableOf(column)),
  );
  const warnings = [...unused.map(unusedWarning), ...evaluationWarnings(spec)];
  return { problems: findings.problems, warnings };
}

/** Places of a spec that came without a file. */
function originOfSpec(path: readonly (string | number)[]): Origin {
  const [section, name] = path;
  return { what: name === undefined ? String(section) : `[${section}] "${name}"` };
}

function take(
  findings: Findings,
  problems: readonly WindrowError[],
  used: readonly string[],
): void {
  findings.problems.push(...problems);
  for (const column of used) findings.used.add(column);
}

function checkTemplate(findings: Findings, template: string, origin: Origin): void {
  const { faults, usedColumns } = checkText(template, findings.columns);
  const problems = faults.map((fault) => faultError(fault, origin));
  take(findings, problems, usedColumns);
}

function checkInputs(
  findings: Findings,
  { inputs, programName }: JobSpec,
  templates: ReadonlyMap<Digest, string>,
): void {
  const taken = new Map<string, string>();
  if (programName !== '') taken.set(normalizePath(programName), `the program ${programName}`);
  for (const { name, from } of inputs) {
    const origin = findings.findOrigin(['inputs', name]);
    checkName(findings, name, origin, pathFault(name));
    checkCollision(
      findings,
      taken,
      name,
      origin,
      name === 'stdin' ? 'stdin\0' : normalizePath(name),
    );
    if (from.kind === 'parameter') checkParameter(findings, from.column, origin);
    if (from.kind === 'files') checkStaged(findings, from, origin);
    if (from.kind !== 'template') continue;
    const text = templates.get(from.blob);
    const inner = findings.findOrigin(['inputs', name, 'template']);
    if (text !== undefined) checkTemplate(findings, text, inner);
  }
}

function checkStaged(
  findings: Findings,
  { column, files }: Extract<JobSpec['inputs'][number]['from'], { kind: 'files' }>,
  origin: Origin,
): void {
  if (column !== '') checkParameter(findings, column, origin);
  const names = new Set(Object.values(files).flatMap((list) => list.map(({ name }) => name)));
  for (const name of names) checkName(findings, name, origin, pathFault(name));
}

function checkResults(findings: Findings, { results }: JobSpec): void {
  const taken = new Map<string, string>();
  for (const { name, from } of results) {
    const origin = findings.findOrigin(['results', name]);
    checkName(findings, name, origin, resultNameFault(name));
    checkCollision(findings, taken, name, origin, name);
    const path = templateOf(from);
    if (path === null) continue;
    checkTemplate(findings, path, origin);
    // What values put in is checked where it is known; here only what is written.
    const fault = pathFault(path.replace(/\$(?:\{[^}]*\}|\w+)/g, 'x'));
    checkName(findings, path, origin, fault);
  }
}

/** Only a client reads these; what values put in is checked there. */
function checkPlacement(findings: Findings, { place }: JobSpec): void {
  for (const { result, from, to } of place?.files ?? []) {
    const origin = findings.findOrigin(['place', result]);
    checkTemplate(findings, from, origin);
    checkTemplate(findings, to, origin);
  }
}

function checkName(
  findings: Findings,
  name: string,
  origin: Origin,
  expected: string | undefined,
): void {
  if (expected === undefined) return;
  const facts = { where: describeOrigin(origin), found: JSON.stringify(name), expected };
  findings.problems.push(planErrors.create('SWEEP_BAD_NAME', facts));
}

/** Refuses a path that is taken, lies below a file, or is a directory of another. */
function checkCollision(
  findings: Findings,
  taken: Map<string, string>,
  name: string,
  origin: Origin,
  path: string,
): void {
  const other = [...taken].find(
    ([one]) => one === path || one.startsWith(`${path}/`) || path.startsWith(`${one}/`),
  );
  if (!other) {
    taken.set(path, JSON.stringify(name));
    return;
  }
  const facts = { where: describeOrigin(origin), found: JSON.stringify(name), other: other[1] };
  findings.problems.push(planErrors.create('SWEEP_DUPLICATE_NAME', facts));
}

function checkParameter(findings: Findings, column: string, origin: Origin): void {
  if (findings.columns.includes(column)) {
    findings.used.add(column);
    return;
  }
  const nearest = nearestName(column, findings.columns);
  const known = findings.columns.slice(0, 8).join(', ') || 'none';
  const advice =
    nearest === undefined ? `The columns are: ${known}.` : `Did you mean "${nearest}"?`;
  const facts = { where: describeOrigin(origin), found: column, advice };
  findings.problems.push(planErrors.create('SWEEP_UNKNOWN_PARAMETER', facts));
}

function checkEnvironment(found: Findings, spec: JobSpec): void {
  const { environment } = spec;
  const findings = { ...found, columns: columnsGiven(spec, found.columns) };
  for (const [name, value] of Object.entries(environment)) {
    const origin = findings.findOrigin(['environment', name]);
    const reserved = name.startsWith('WINDROW_');
    if (reserved || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      const expected = reserved
        ? 'a name that does not begin with WINDROW_'
        : 'letters, digits and _';
      checkName(findings, name, origin, expected);
    }
    if (value.includes('\0')) checkName(findings, value, origin, 'a value without NUL');
    checkTemplate(findings, value, origin);
  }
}

/** The variable that holds the column's value in the environment of attempts. */
function variableOf(column: string): string {
  return `WINDROW_PARAM_${column.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`;
}

function unusedWarning(column: string): string {
  return `the column "${column}" of the parameters is used by no placeholder`;
}

function evaluationWarnings({ command }: JobSpec): string[] {
  const name = readsAgain(command);
  if (name === null) return [];
  return [
    `the command gives values to "${name}", which reads them once more as shell code; ` +
      `give them as arguments instead, e.g. sh -c 'echo "$$1"' sh $name`,
  ];
}
