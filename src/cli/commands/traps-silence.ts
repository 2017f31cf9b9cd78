import { randomBytes } from 'node:crypto';
import { formatDuration, loginName } from '#base';
import { type Silence, TRAP_CATEGORIES, trapCategoryOf } from '#model';
import { answersOf, askEach, changeEach, collectorUrls, withCollectors } from '../collectors.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { lookOf } from '../format.ts';
import type { silence as spec } from '../table/traps.ts';
import { formatTable } from '../text-table.ts';
import { silenceEnds } from '../trap-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow traps silence` */
export async function trapsSilence(input: Input, world: World): Promise<number> {
  const { list, end, json } = input.options;
  const urls = await collectorUrls(input.args, input, world);
  const silences = list
    ? await listed(urls, world)
    : await changed(urls, input, world, end === undefined ? await wishOf(input) : { end });
  if (json) await world.stdout.json({ silences });
  else if (silences.length === 0) await world.stdout.line('Nothing is silenced.');
  else await world.stdout.write(silenceTable(silences, world));
  return 0;
}

async function listed(urls: readonly string[], world: World): Promise<Silence[]> {
  const answers = await withCollectors(urls, null, async (clients) =>
    answersOf(await askEach(clients, (client) => client.view(null, 0)), world),
  );
  const byId = new Map(answers.flatMap((view) => view?.silences ?? []).map((one) => [one.id, one]));
  return [...byId.values()].sort((a, b) => a.endsAtMs - b.endsAtMs);
}

type Wish = Omit<Silence, 'endsAtMs' | 'createdAtMs'> & { readonly forMs: number };

async function changed(
  urls: readonly string[],
  input: Input,
  world: World,
  wish: Wish | { readonly end: string },
): Promise<Silence[]> {
  const asked = await changeEach(urls, input, world, (client) =>
    'end' in wish ? client.endSilence(wish.end) : client.silence(wish),
  );
  return answersOf(asked, world).slice(0, 1);
}

async function wishOf({ options }: Input): Promise<Wish> {
  const { node = '', fs = '', message = '', category, reason = '', by } = options;
  if (options.for === undefined || options.for === 0) {
    throw usage('say how long with --for, for example --for "2 h"');
  }
  const { SILENCE_LEAST_MS: least, SILENCE_MOST_MS: most } = await import('#traps');
  if (options.for < least || options.for > most) {
    const found = formatDuration(options.for);
    throw usage(`--for is ${found}, expected ${formatDuration(least)} to ${formatDuration(most)}`);
  }
  if (node === '' && fs === '' && message === '') {
    throw usage('say what is to be silent: --node, --fs or --message ("*" fits all)');
  }
  return {
    // One id, so that mirrored collectors can end it together.
    id: `s${randomBytes(4).toString('hex')}`,
    ...{ node, fileSystem: fs, message, categoryMost: trapCategoryOf(category) ?? 3 },
    ...{ forMs: options.for, by: by ?? loginName(), reason },
  };
}

function usage(problem: string): Error {
  return cliErrors.create('USAGE_WRONG', { problem, help: 'windrow traps silence --help' });
}

function silenceTable(silences: readonly Silence[], world: World): string {
  const columns = ['ID', 'NODE', 'FS', 'MESSAGE', 'UP TO', 'ENDS', 'BY', 'REASON'];
  const rows = silences.map(({ id, node, fileSystem, message, categoryMost, ...more }) => [
    ...[id, node || '*', fileSystem || '*', message || '*', TRAP_CATEGORIES[categoryMost]],
    ...[silenceEnds(more.endsAtMs, world.clock.now()), more.by, more.reason],
  ]);
  return formatTable(
    columns.map((title) => ({ title })),
    rows,
    lookOf(world.stdout),
  );
}
