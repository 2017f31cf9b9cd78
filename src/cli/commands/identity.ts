import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { printable, systemReasonOf } from '#base';
import {
  decideIdentity,
  type IdentityDecision,
  type IdentityTable,
  parseIdentityTable,
} from '#model';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import type { map as spec } from '../table/identity.ts';
import type { World } from '../world.ts';

/** `windrow identity map` */
export async function identityMap(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { args, options, settings } = input;
  const name = args[0]!;
  const file = settings.values.identityTable;
  const machine = options.host ?? hostname();
  const decision = decideIdentity(await readTable(file), name, machine);
  if (options.json) await world.stdout.json({ name, machine, table: file, ...decision });
  else await world.stdout.line(printable(sentenceOf(name, machine, file, decision)));
  return decision.account === null ? 1 : 0;
}

async function readTable(file: string): Promise<IdentityTable> {
  const wrong = (why: string) => cliErrors.create('IDENTITY_TABLE_WRONG', { file, why });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw wrong(systemReasonOf(error));
  }
  const parsed = parseIdentityTable(text);
  if ('problems' in parsed) throw wrong(parsed.problems.join('; '));
  return parsed.table;
}

function sentenceOf(
  name: string,
  machine: string,
  file: string,
  { account, rule }: IdentityDecision,
): string {
  const where = rule === null ? '' : ` (${file}:${rule.line}: ${rule.text})`;
  if (account !== null) return `${name} runs as ${account} on ${machine}${where}`;
  const why = rule === null ? `: no line of ${file} fits` : where;
  return `${name} is refused on ${machine}${why}`;
}
