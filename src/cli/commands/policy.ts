import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { printable, systemCodeOf, systemReasonOf } from '#base';
import { type Ad, adOf, localAmbient, parseAds, printValue } from '#classad';
import { type Decision, decide, NO_SITE_POLICY, readPolicyFile, type SitePolicy } from '#policy';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import type { policyTest as spec } from '../table/policy.ts';
import { formatFacts } from '../text-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

interface Looked {
  readonly name: string;
  readonly value: string;
  /** What ran out, when that is why it is an error. */
  readonly exhausted: string | null;
}

/** `windrow policy test` */
export async function test(input: Input, world: World): Promise<number> {
  const { json, exit, file } = input.options;
  const directory = world.surroundings.directory;
  const path = file === undefined ? input.settings.values.policyFile : resolve(directory, file);
  const site = path === '' ? NO_SITE_POLICY : readSite(path, world);
  const ads = parseAds(await textOf(input.args[0]!, world));
  const mode = exit ? 'exit' : 'periodic';
  for (const ad of ads.length === 0 ? [adOf([])] : ads) {
    const { decision, looked } = look(ad, site, mode, world);
    if (json) await world.stdout.json({ ...decision, looked });
    else await world.stdout.write(textOfDecision(decision, looked));
  }
  return 0;
}

function readSite(path: string, world: World): SitePolicy {
  const { policy, warnings } = readPolicyFile(path);
  for (const warning of warnings) world.stderr.attempt(`windrow: warning: ${printable(warning)}\n`);
  return policy;
}

async function textOf(file: string, world: World): Promise<string> {
  if (file === '-') {
    const pieces: Buffer[] = [];
    for await (const piece of world.stdin) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces).toString('utf8');
  }
  try {
    return await readFile(resolve(world.surroundings.directory, file), 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    const problem = `${file} cannot be read: ${systemReasonOf(error)}`;
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow policy test --help' });
  }
}

function look(
  ad: Ad,
  site: SitePolicy,
  mode: 'periodic' | 'exit',
  { clock }: World,
): { decision: Decision; looked: Looked[] } {
  const looked: Looked[] = [];
  const ambient = localAmbient({
    now: () => clock.now(),
    elapsedMs: () => clock.monotonic(),
    random: Math.random,
  });
  const decision = decide(ad, site, mode, {
    ambient,
    onLook: (name, { value, exhausted }) =>
      void looked.push({ name, value: printValue(value), exhausted }),
  });
  return { decision, looked };
}

const MEANINGS: Readonly<Record<Decision['verdict'], string>> = {
  stay: 'nothing fires: it stays as it is',
  leave: 'it has ended and leaves the queue',
  hold: 'it is held',
  release: 'it is released',
  remove: 'it is removed',
  vacate: 'it is stopped and waits again',
  requeue: 'it is run once more',
};

function textOfDecision(decision: Decision, looked: readonly Looked[]): string {
  const { verdict, fired, reason, hold } = decision;
  const rows = looked.map(({ name, value, exhausted }) => {
    const spent = exhausted === null ? '' : ` (it spent its ${exhausted})`;
    return [name, `${printable(value)}${spent}`] as const;
  });
  return formatFacts([
    ['outcome', MEANINGS[verdict]],
    ['by', fired],
    ['reason', reason],
    ['code', hold ? `${hold.code}, subcode ${hold.subcode}` : ''],
    ...rows,
  ]);
}
