import { type ErrorEntry, type Facts, nearestWord } from '#base';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { lookOf } from '../format.ts';
import type { errors as spec } from '../table/about.ts';
import { formatFacts, formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

interface KnownError extends ErrorEntry {
  readonly code: string;
  readonly room: string;
}

/** `windrow errors` */
export async function errors(input: Input, world: World): Promise<number> {
  const known = (await input.composition.errorTables()).flatMap(({ room, entries }) =>
    Object.entries(entries).map(([code, entry]): KnownError => ({ code, room, ...entry })),
  );
  const wanted = input.args[0]?.toUpperCase();
  if (wanted === undefined) return await listErrors(known, input, world);
  const entry = known.find(({ code }) => code === wanted);
  if (!entry) throw unknownCode(wanted, known);
  if (input.options.json) await world.stdout.json(entry);
  else await world.stdout.write(explanation(entry));
  return 0;
}

async function listErrors(
  known: readonly KnownError[],
  input: Input,
  world: World,
): Promise<number> {
  if (input.options.json) await world.stdout.json({ errors: known });
  else {
    const rows = known.map(({ code, message }) => [code, message]);
    const columns = [{ title: 'CODE' }, { title: 'MESSAGE' }];
    await world.stdout.write(formatTable(columns, rows, lookOf(world.stdout)));
  }
  return 0;
}

function explanation(entry: KnownError): string {
  return formatFacts([
    ['code', entry.code],
    ['message', entry.message],
    ['example', filled(entry.message, entry.example)],
    ['what to do', filled(entry.todo, entry.example)],
    ['HTTP status', String(entry.status)],
  ]);
}

/** A message or todo of an error's table with facts put into its places. */
export function filled(template: string, facts: Facts): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? '?'));
}

function unknownCode(code: string, known: readonly KnownError[]): Error {
  const near = nearestWord(
    code,
    known.map((entry) => entry.code),
  );
  const shown = near === undefined ? code : `${code} (did you mean ${near}?)`;
  return cliErrors.create('ERROR_CODE_UNKNOWN', { code: shown });
}
