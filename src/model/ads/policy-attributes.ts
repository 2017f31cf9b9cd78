/** A job's policies as attributes of its ad, under HTCondor's names. */
import { type JobPolicy, POLICY_NAMES, type PolicyName } from '../life.ts';

/** What HTCondor allows when a job says something about retries, but not how many. */
const DEFAULT_RETRIES = 2;

const ATTRIBUTES: Readonly<Record<PolicyName, string>> = {
  periodicHold: 'PeriodicHold',
  periodicRelease: 'PeriodicRelease',
  periodicRemove: 'PeriodicRemove',
  periodicVacate: 'PeriodicVacate',
  onExitHold: 'OnExitHold',
  onExitRemove: 'OnExitRemove',
};

/** Lower-case names of all that `policyAttributes` may tell. */
export const POLICY_AD_NAMES: readonly string[] = [
  ...Object.values(ATTRIBUTES).flatMap((name) => [name, `${name}Reason`, `${name}SubCode`]),
  ...['JobMaxRetries', 'JobSuccessExitCode', 'AllowedJobDuration', 'AllowedExecuteDuration'],
].map((name) => name.toLowerCase());

/** Name and expression of each attribute. */
export function policyAttributes(policy: JobPolicy): [name: string, expression: string][] {
  const { maxRetries, successExitCode, allowedJobMs, allowedExecuteMs } = policy;
  const found: [string, string][] = [];
  const put = (name: string, text: string): void => {
    if (text !== '') found.push([name, text]);
  };
  for (const name of POLICY_NAMES) {
    const rule = policy.rules[name];
    const attribute = ATTRIBUTES[name];
    put(attribute, name === 'onExitRemove' ? onExitRemove(policy) : (rule?.when ?? ''));
    put(`${attribute}Reason`, rule?.reason ?? '');
    put(`${attribute}SubCode`, rule?.subcode ?? '');
  }
  if (saysRetries(policy)) put('JobMaxRetries', String(maxRetries ?? DEFAULT_RETRIES));
  if (successExitCode !== null) put('JobSuccessExitCode', String(successExitCode));
  if (allowedJobMs > 0) put('AllowedJobDuration', String(Math.ceil(allowedJobMs / 1000)));
  if (allowedExecuteMs > 0)
    put('AllowedExecuteDuration', String(Math.ceil(allowedExecuteMs / 1000)));
  return found;
}

/** Whether the ends of its programs are judged by `OnExitRemove` instead of by `retries`. */
export function saysRetries({ maxRetries, successExitCode, retryUntil }: JobPolicy): boolean {
  return maxRetries !== null || successExitCode !== null || retryUntil !== '';
}

/** As HTCondor's submit writes it: enough retries, success, the job's own words, or until something. */
function onExitRemove(policy: JobPolicy): string {
  const own = policy.rules.onExitRemove?.when ?? '';
  if (!saysRetries(policy)) return own;
  const { retryUntil } = policy;
  const parts = ['NumJobCompletions > JobMaxRetries'];
  parts.push(`ExitCode =?= ${policy.successExitCode === null ? '0' : 'JobSuccessExitCode'}`);
  if (/^\s*-?\d+\s*$/.test(retryUntil)) parts.push(`ExitCode =?= ${retryUntil.trim()}`);
  else if (retryUntil !== '') parts.push(`(${retryUntil})`);
  if (own !== '') parts.push(`(${own})`);
  return parts.join(' || ');
}
