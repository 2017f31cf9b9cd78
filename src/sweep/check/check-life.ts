/** Policies of a job are read before it is taken, so that later each of them is known to be one. */
import type { WindrowError } from '#base';
import { type Life, POLICY_NAMES } from '#model';
import { planErrors } from '../errors.ts';
import type { FindOrigin } from '../file/document.ts';
import { POLICY_KEYS } from '../file/life-schema.ts';
import { describeOrigin, faultError } from '../template/origin.ts';
import { checkText } from '../template/text.ts';
import { expressionProblems } from './check-matching.ts';

export function lifeProblems(
  { policy, eventLog }: Life,
  columns: readonly string[],
  findOrigin: FindOrigin,
): WindrowError[] {
  const problems: WindrowError[] = [];
  const check = (key: string, text: string): void => {
    if (text !== '') problems.push(...expressionProblems(text, findOrigin(['policy', key])));
  };
  for (const name of POLICY_NAMES) {
    const rule = policy.rules[name];
    if (!rule) continue;
    check(POLICY_KEYS[name], rule.when);
    check(`${POLICY_KEYS[name]}-reason`, rule.reason);
    check(`${POLICY_KEYS[name]}-subcode`, rule.subcode);
  }
  check('retry-until', policy.retryUntil);
  if (eventLog && eventLog.path !== '' && !/^\/[^\0]*[^/\0]$/.test(eventLog.path)) {
    const facts = {
      where: describeOrigin(findOrigin(['log'])),
      found: JSON.stringify(eventLog.path),
      expected: 'the absolute path of a file',
    };
    problems.push(planErrors.create('SWEEP_BAD_VALUE', facts));
  }
  if (eventLog?.perTask) {
    const origin = findOrigin(['log']);
    const { faults } = checkText(eventLog.path, columns);
    problems.push(...faults.map((fault) => faultError(fault, origin)));
  }
  return problems;
}
