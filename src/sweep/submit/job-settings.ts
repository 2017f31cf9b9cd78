/** Commands that hold for a whole job: what they become in its document. */
import { parseExpression } from '#classad';
import type { SweepDocument } from '../file/schema.ts';
import { amountBytes, numberOf, truthOfWord } from './amounts.ts';
import { POLICY_COMMANDS } from './commands.ts';
import type { CommandFault } from './describe-proc.ts';
import { hasMachineMark } from './macro-scope.ts';
import { RETRY_REQUESTS, retryRequests } from './retry-requests.ts';

type Document = Partial<Omit<SweepDocument, 'command' | 'parameters'>>;
type Texts = ReadonlyMap<string, string>;
type Fault = (fault: CommandFault) => void;

const MIB = 2 ** 20;
const KIB = 1024;

/** Commands of which procs that differ become different jobs. */
export const JOB_COMMANDS: readonly string[] = [
  ...['executable', 'shell', 'transfer_executable', 'batch_name', 'should_transfer_files'],
  ...['when_to_transfer_output', 'preserve_relative_paths', 'transfer_plugins'],
  ...['request_cpus', 'request_memory', 'request_disk', 'request_gpus'],
  ...['requirements', 'rank', 'concurrency_limits', 'accounting_group'],
  ...['priority', 'want_io_proxy', 'max_retries', 'success_exit_code', 'retry_until'],
  ...['allowed_job_duration', 'allowed_execute_duration'],
  ...POLICY_COMMANDS.flatMap((name) => [name, `${name}_reason`, `${name}_subcode`]),
  ...RETRY_REQUESTS,
];

/** Everything about a proc that its job has once; equal texts share a job. */
export function jobTexts(texts: Texts): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, text] of texts) {
    if (name.startsWith('my.') || JOB_COMMANDS.includes(name)) found.set(name, text.trim());
  }
  return found;
}

export function documentOf(
  texts: Texts,
  names: ReadonlyMap<string, string>,
  fault: Fault,
): Document {
  const policy = policyOf(texts, fault);
  const priority = integerOf(texts, 'priority', fault);
  const requirements = expressionOf(texts, 'requirements', fault);
  const rank = expressionOf(texts, 'rank', fault);
  const attributes = attributesOf(texts, names, fault);
  const limits = limitsOf(texts, fault);
  const retry = retryRequests(texts, fault);
  const group =
    texts.get('accounting_group') || stringIn(texts, 'my.accountinggroup', 'my.acctgroup');
  return {
    request: requestOf(texts, fault),
    ...(policy && { policy }),
    ...(Object.keys(retry).length > 0 && { retry }),
    ...(priority !== null && { priority }),
    ...(requirements !== '' && { requirements }),
    ...(rank !== '' && { rank }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    ...(Object.keys(limits).length > 0 && { 'concurrency-limits': limits }),
    ...(group !== '' && { 'accounting-group': group }),
  };
}

type PolicySection = NonNullable<Document['policy']>;

/** The policies, under the names that they have in sweep files. */
function policyOf(texts: Texts, fault: Fault): PolicySection | null {
  const section: Record<string, string | number> = {};
  const put = (command: string, value: string | number | null) => {
    if (value !== null && value !== '') section[command.replaceAll('_', '-')] = value;
  };
  for (const name of POLICY_COMMANDS) {
    put(name, expressionOf(texts, name, fault));
    for (const part of [`${name}_reason`, `${name}_subcode`]) {
      const text = expressionOf(texts, part, fault);
      if (text !== '' && !texts.get(name)) {
        fault({ command: part, found: text, expected: `${name} beside it` });
      } else put(part, text);
    }
  }
  put('retry_until', expressionOf(texts, 'retry_until', fault));
  put('max_retries', countOf(texts, 'max_retries', fault));
  put('success_exit_code', integerOf(texts, 'success_exit_code', fault));
  for (const command of ['allowed_job_duration', 'allowed_execute_duration']) {
    const seconds = countOf(texts, command, fault, 1_000_000_000);
    put(command, seconds === null ? null : seconds * 1000);
  }
  return Object.keys(section).length === 0 ? null : (section as PolicySection);
}

function requestOf(texts: Texts, fault: Fault): NonNullable<Document['request']> {
  const size = (command: string, unitBytes: number) => {
    const text = texts.get(command) ?? '';
    const bytes = text === '' ? undefined : amountBytes(text, unitBytes);
    if (bytes !== null) return bytes;
    const expected = 'a number, one with K, M, G or T, or an expression that needs no machine';
    fault({ command, found: text, expected });
    return undefined;
  };
  const cpusText = texts.get('request_cpus') ?? '';
  const cpus = cpusText === '' ? undefined : numberOf(cpusText);
  if (cpus === null || cpus === 0 || (cpus ?? 0) > 4096) {
    fault({ command: 'request_cpus', found: cpusText, expected: 'a number above 0, at most 4096' });
  }
  const memory = size('request_memory', MIB);
  const disk = size('request_disk', KIB);
  const gpus = countOf(texts, 'request_gpus', fault);
  return {
    ...(cpus != null && { cpus }),
    ...(memory !== undefined && { memory }),
    ...(disk !== undefined && { disk }),
    ...(gpus !== null && { gpus }),
  };
}

function countOf(texts: Texts, command: string, fault: Fault, most = 1_000_000): number | null {
  const text = texts.get(command) ?? '';
  if (text === '') return null;
  const value = numberOf(text);
  if (value !== null && Number.isInteger(value) && value <= most) return value;
  fault({ command, found: text, expected: `a whole number from 0 to ${most}` });
  return null;
}

function integerOf(texts: Texts, command: string, fault: Fault): number | null {
  const text = texts.get(command) ?? '';
  if (text === '') return null;
  if (/^[+-]?\d{1,7}$/.test(text)) return Number(text);
  fault({ command, found: text, expected: 'a whole number' });
  return null;
}

function expressionOf(texts: Texts, command: string, fault: Fault): string {
  const text = texts.get(command) ?? '';
  // That it may not have values of the machine was told before.
  if (text !== '' && !hasMachineMark(text)) readExpression(text, command, fault);
  return text;
}

function readExpression(text: string, command: string, fault: Fault): void {
  try {
    parseExpression(text);
  } catch (error) {
    const found = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    // It ends with the place under a caret.
    fault({ command, found, expected: `an ${(error as Error).message}` });
  }
}

/** Attributes that are settings of the job, said in another way. */
const SETTINGS: ReadonlySet<string> = new Set([
  ...['my.accountinggroup', 'my.acctgroup', 'my.jobbatchname'],
  ...['my.wantioproxy', 'my.wantdelayedupdates'],
]);

/** The text of the first of these attributes that is a string. */
export function stringIn(texts: Texts, ...keys: readonly string[]): string {
  for (const key of keys) {
    const found = /^\s*"([^"\\]*)"\s*$/.exec(texts.get(key) ?? '')?.[1];
    if (found !== undefined) return found;
  }
  return '';
}

function attributesOf(
  texts: Texts,
  names: ReadonlyMap<string, string>,
  fault: Fault,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, text] of texts) {
    if (!key.startsWith('my.') || SETTINGS.has(key)) continue;
    readExpression(text === '' ? 'undefined' : text, key, fault);
    found[names.get(key) ?? key.slice(3)] = text === '' ? 'undefined' : text;
  }
  return found;
}

/** `licence:2, disk`. */
function limitsOf(texts: Texts, fault: Fault): Record<string, number> {
  const found: Record<string, number> = {};
  const command = 'concurrency_limits';
  for (const part of (texts.get(command) ?? '').split(/[\s,]+/).filter((one) => one !== '')) {
    const [, name, amount = '1'] = /^([A-Za-z][\w.]*)(?::(\d+(?:\.\d+)?))?$/.exec(part) ?? [];
    if (name === undefined || Number(amount) <= 0) {
      fault({ command, found: part, expected: 'NAME or NAME:AMOUNT' });
    } else found[name.toLowerCase()] = Number(amount);
  }
  return found;
}

/** `"http,https = my_plugin.py; gsiftp = other"`, by schemes. */
export function pluginsOf(texts: Texts, fault: Fault): Record<string, string> {
  const text = texts.get('transfer_plugins') ?? '';
  const inner = /^\s*"(.*)"\s*$/s.exec(text)?.[1] ?? text;
  const found: Record<string, string> = {};
  for (const part of inner.split(';').map((one) => one.trim())) {
    if (part === '') continue;
    const [, schemes, path] = /^([\w+.,\s-]+?)\s*=\s*(\S.*)$/s.exec(part) ?? [];
    if (schemes === undefined || path === undefined) {
      fault({ command: 'transfer_plugins', found: part, expected: 'SCHEME,SCHEME = PROGRAM' });
    } else found[schemes.replace(/\s+/g, '')] = path;
  }
  return found;
}

/** How files travel: `scratch` brings them, `submit` runs where they lie. */
export function directoryOf(texts: Texts, fault: Fault): 'scratch' | 'submit' {
  const text = texts.get('should_transfer_files') ?? '';
  const when = texts.get('when_to_transfer_output') ?? '';
  if (!/^(on_exit|on_success|on_exit_or_evict|)$/i.test(when)) {
    fault({ command: 'when_to_transfer_output', found: when, expected: 'ON_EXIT or ON_SUCCESS' });
  } else if (/^on_exit_or_evict$/i.test(when)) {
    const expected = 'ON_EXIT: what a task had when it lost its machine is not brought back';
    fault({ command: 'when_to_transfer_output', found: when, expected });
  }
  if (/^(no|never|false)$/i.test(text)) return 'submit';
  if (/^(|yes|always|true|if_needed|auto)$/i.test(text)) return 'scratch';
  fault({ command: 'should_transfer_files', found: text, expected: 'YES, NO or IF_NEEDED' });
  return 'scratch';
}

export function flagOf(texts: Texts, command: string, otherwise: boolean, fault: Fault): boolean {
  const text = texts.get(command) ?? '';
  if (text === '') return otherwise;
  const truth = truthOfWord(text);
  if (truth === null) fault({ command, found: text, expected: 'true or false' });
  return truth ?? otherwise;
}
