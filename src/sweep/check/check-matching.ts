/** Expressions of a job are read before it is taken, so that later each of them is known to be one. */
import type { WindrowError } from '#base';
import { namesIn, readExpression } from '#classad';
import {
  JOB_AD_NAMES,
  type JobSpec,
  MATCHING_LIMITS,
  type Matching,
  readMachineValue,
  TASK_AD_NAMES,
} from '#model';
import { planErrors } from '../errors.ts';
import type { FindOrigin } from '../file/document.ts';
import { describeOrigin, type Origin } from '../template/origin.ts';

export function matchingProblems(job: Matching, findOrigin: FindOrigin): WindrowError[] {
  const { requirements, rank, attributes } = job;
  const written = Object.entries(attributes);
  const count = written.length;
  const tooMany = count > MATCHING_LIMITS.attributes;
  return [
    ...(requirements === '' ? [] : expressionProblems(requirements, findOrigin(['requirements']))),
    ...(rank === '' ? [] : expressionProblems(rank, findOrigin(['rank']))),
    ...written.flatMap(([name, text]) => attributeProblems(name, text, findOrigin)),
    ...(tooMany
      ? [
          badValue(
            findOrigin(['attributes']),
            String(count),
            `at most ${MATCHING_LIMITS.attributes}`,
          ),
        ]
      : []),
  ];
}

function attributeProblems(name: string, text: string, findOrigin: FindOrigin): WindrowError[] {
  const origin = findOrigin(['attributes', name]);
  const lower = name.toLowerCase();
  if (JOB_AD_NAMES.has(lower) || TASK_AD_NAMES.has(lower)) {
    const where = describeOrigin(origin);
    return [planErrors.create('SWEEP_TOLD_ATTRIBUTE', { where, found: name })];
  }
  const isName = /^[A-Za-z_][A-Za-z0-9_]{0,199}$/.test(name);
  const expected = 'a name of letters, digits and _';
  return [
    ...(isName ? [] : [badValue(origin, JSON.stringify(name), expected)]),
    ...expressionProblems(text, origin),
  ];
}

export function machineValueProblems(
  { machineValues }: Pick<JobSpec, 'machineValues'>,
  findOrigin: FindOrigin,
): WindrowError[] {
  const wrong = machineValues.filter((written) => readMachineValue(written) === null);
  const expected = 'NAME, NAME:otherwise or [expression]';
  return wrong.map((one) => badValue(findOrigin(['machineValues']), one, expected));
}

/** Columns that some expression of the job names. */
export function columnsInExpressions(
  { requirements, rank, attributes, policy }: Pick<JobSpec, keyof Matching | 'policy'>,
  columns: readonly string[],
): string[] {
  const rules = Object.values(policy.rules).flatMap(({ when, reason, subcode }) => [
    ...[when, reason, subcode],
  ]);
  const texts = [requirements, rank, policy.retryUntil, ...Object.values(attributes), ...rules];
  const named = new Set(
    texts.flatMap((text) => {
      const { node } = readExpression(text.slice(0, MATCHING_LIMITS.expressionCharacters));
      return node ? [...namesIn(node).names] : [];
    }),
  );
  return columns.filter((column) => named.has(column.toLowerCase()));
}

/** What is wrong with an expression, its place marked. */
export function expressionProblems(text: string, origin: Origin): WindrowError[] {
  const most = MATCHING_LIMITS.expressionCharacters;
  if (text.length > most) {
    return [badValue(origin, `${text.length} characters`, `an expression of at most ${most}`)];
  }
  const { problem: fault } = readExpression(text);
  if (!fault) return [];
  const { problem, line, column, caret } = fault;
  const facts = { where: describeOrigin(origin), problem, line, column, caret };
  return [planErrors.create('SWEEP_BAD_EXPRESSION', facts)];
}

function badValue(origin: Origin, found: string, expected: string): WindrowError {
  return planErrors.create('SWEEP_BAD_VALUE', { where: describeOrigin(origin), found, expected });
}
