/** What a machine says of itself to jobs: what its system is, and what its owner wrote. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { messageOf, WindrowError, type WorkerPolicy } from '#base';
import { type Ad, type Node, parseAds, printNode, readExpression } from '#classad';
import { MACHINE_AD_NAMES, type MachineOffer, OFFER_LIMITS } from '#model';
import { binErrors } from './errors.ts';

const FILE_MOST_BYTES = 1 << 20;

export interface OfferWorld {
  /** Of /etc/os-release; `''` where there is none. */
  readonly osRelease: string;
  readonly host: string;
}

/** @throws WindrowError WORKER_POLICY_WRONG */
export function workerOffer(policy: WorkerPolicy, { osRelease, host }: OfferWorld): MachineOffer {
  const attributes = systemAttributes(osRelease, host);
  const file = policy.file === '' ? new Map<string, string>() : attributesOf(policy.file);
  const own = [...file].filter(([name]) => !/^(start|rank)$/i.test(name));
  const written = policy.attributes.map(pairOf);
  for (const [name, text] of [...own, ...written]) {
    if (MACHINE_AD_NAMES.has(name.toLowerCase())) {
      throw wrong(`attribute ${name}`, 'Windrow tells this one by itself', '');
    }
    // An attribute may be written in other cases than the system's.
    const known = Object.keys(attributes).find((one) => one.toLowerCase() === name.toLowerCase());
    if (known !== undefined) delete attributes[known];
    attributes[name] = checked(`attribute ${name}`, text);
  }
  if (Object.keys(attributes).length > OFFER_LIMITS.attributes) {
    throw wrong('attributes', `there are more than ${OFFER_LIMITS.attributes}`, '');
  }
  return {
    start: chosen('worker-start', policy.start, file, 'start'),
    rank: chosen('worker-rank', policy.rank, file, 'rank'),
    attributes,
  };
}

/** The setting goes before the file. */
function chosen(
  setting: string,
  text: string,
  file: ReadonlyMap<string, string>,
  name: string,
): string {
  if (text !== '') return checked(setting, text);
  return [...file].find(([one]) => one.toLowerCase() === name)?.[1] ?? '';
}

function checked(where: string, text: string): string {
  const { problem: fault } = readExpression(text);
  if (fault) throw wrong(where, `${fault.problem}, at column ${fault.column}`, `\n${fault.caret}`);
  if (text.length <= OFFER_LIMITS.expressionCharacters) return text;
  throw wrong(where, `it is longer than ${OFFER_LIMITS.expressionCharacters} characters`, '');
}

function wrong(where: string, problem: string, caret: string): Error {
  return binErrors.create('WORKER_POLICY_WRONG', { where, problem, caret });
}

function pairOf(text: string): [string, string] {
  const equals = text.indexOf('=');
  const name = text.slice(0, equals).trim();
  if (equals > 0 && /^[A-Za-z_]\w{0,199}$/.test(name)) return [name, text.slice(equals + 1)];
  throw wrong(`--attribute ${text}`, 'expected NAME=EXPRESSION', '');
}

function attributesOf(path: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const ad of readAds(path)) {
    for (const { name, expression } of ad.attributes.values()) {
      found.set(name, printNode(expression.node));
    }
  }
  return found;
}

function readAds(path: string): Ad[] {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > FILE_MOST_BYTES) throw new Error('it is longer than 1 MiB');
    return parseAds(bytes.toString('utf8'));
  } catch (error) {
    const why =
      error instanceof WindrowError ? error.message.replace(/^ad, /, '') : messageOf(error);
    throw wrong(path, why, '');
  }
}

const literal = (value: string | number): string =>
  printNode({ kind: 'literal', value } satisfies Node);

/** With HTCondor's names: `Debian12`, 12, `Debian GNU/Linux 12 (bookworm)`. */
function systemAttributes(osRelease: string, host: string): Record<string, string> {
  const told = new Map(
    [...osRelease.matchAll(/^([A-Z_]+)=(?:"([^"\n]*)"|'([^'\n]*)'|(.*))$/gm)].map(
      ([, name, a, b, c]) => [name!, a ?? b ?? c ?? ''] as const,
    ),
  );
  const id = told.get('ID') ?? process.platform;
  const name = (told.get('NAME') ?? id).split(/[\s/]/)[0] ?? id;
  const version = told.get('VERSION_ID') ?? '';
  const [major = '', minor = '0'] = version.split('.');
  const attributes: Record<string, string> = {
    OpSysName: literal(name),
    OpSysShortName: literal(name),
    OpSysAndVer: literal(`${name}${major}`),
    OpSysLongName: literal(told.get('PRETTY_NAME') ?? name),
    KernelVersion: literal(release()),
    UidDomain: literal(host),
    FileSystemDomain: literal(host),
  };
  if (/^\d{1,6}$/.test(major)) {
    attributes.OpSysMajorVer = literal(Number(major));
    attributes.OpSysVer = literal(Number(major) * 100 + (Number(minor) || 0));
  }
  return attributes;
}
