import { loginName } from '#base';
import { TRAP_CATEGORIES, trapCategoryOf } from '#model';
import type { MergedTrap, WatchedCollector } from '#traps';
import { changeEach, collectorUrls, withCollectors } from '../collectors.ts';
import type { CommandInput } from '../command.ts';
import { openScreen } from '../screen.ts';
import type { watch as spec } from '../table/traps.ts';
import { type TrapEvent, TrapEvents } from '../trap-events.ts';
import { drawTraps, inOrder } from '../trap-screen.ts';
import { isWished, trapLine } from '../trap-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow traps watch` */
export async function trapsWatch(input: Input, world: World): Promise<number> {
  const urls = await collectorUrls(input.args, input, world);
  const { json, lines } = input.options;
  if (world.stdout.isTerminal && !json && !lines) await fillScreen(urls, input, world);
  else await printLines(urls, input, world);
  return 0;
}

type Watch = (
  onNews: (collectors: readonly WatchedCollector[], traps: readonly MergedTrap[]) => void,
  signal: AbortSignal,
) => Promise<void>;

/** Watches until `signal` is aborted; `use` hears of every change with all traps merged. */
async function watching(
  urls: readonly string[],
  use: (watch: Watch) => Promise<void>,
): Promise<void> {
  const { mergeTraps, watchCollectors } = await import('#traps');
  await withCollectors(urls, null, async (clients) => {
    await use((onNews, signal) =>
      watchCollectors(
        clients,
        (collectors) => {
          const views = collectors.flatMap(({ url, view }) =>
            view ? [[url, view.traps] as const] : [],
          );
          onNews(collectors, mergeTraps(new Map(views)));
        },
        signal,
      ),
    );
  });
}

async function printLines(urls: readonly string[], input: Input, world: World): Promise<void> {
  const { fitsPattern } = await import('#traps');
  const events = new TrapEvents();
  const gone = new AbortController();
  const signal = AbortSignal.any([world.ending, gone.signal]);
  let writing: Promise<unknown> = Promise.resolve();
  let failure: unknown;
  await watching(urls, async (watch) => {
    await watch((collectors, traps) => {
      const wished = traps.filter((trap) => isWished(input.options, trap, fitsPattern));
      const news = events.look(collectors, wished);
      // A reader that has gone ends the watch.
      writing = writing
        .then(() => print(news, input, world))
        .catch((error) => {
          failure ??= error;
          gone.abort();
        });
    }, signal);
  });
  await writing;
  if (failure) throw failure;
}

async function print(news: readonly TrapEvent[], input: Input, world: World): Promise<void> {
  for (const event of news) {
    if (input.options.json) await world.stdout.json(flat(event));
    else if (event.event === 'trap') {
      await world.stdout.line(trapLine(event.trap, world.stdout.color));
    } else if (event.event === 'collector') {
      const { url, away } = event;
      const text = away === null ? `${url} is watched` : `${url} is away: ${away}`;
      world.stderr.attempt(`windrow: ${text}\n`);
    }
  }
}

function flat(event: TrapEvent): object {
  return event.event === 'trap' ? { event: 'trap', ...event.trap } : event;
}

async function fillScreen(urls: readonly string[], input: Input, world: World): Promise<void> {
  const { fitsPattern } = await import('#traps');
  let collectors: readonly WatchedCollector[] = [];
  let all: readonly MergedTrap[] = [];
  let traps: readonly MergedTrap[] = [];
  let least: number = trapCategoryOf(input.options.category) ?? 0;
  let chosen = '';
  let note = '';
  const draw = (): void => {
    const wish = { ...input.options, category: TRAP_CATEGORIES[least] };
    traps = inOrder(all).filter((trap) => isWished(wish, trap, fitsPattern));
    if (!traps.some(({ id }) => id === chosen)) chosen = traps[0]?.id ?? '';
    const { columns, rows } = world.stdout.options;
    const size = { columns: columns(), rows: rows() };
    const text = drawTraps({ collectors, traps, chosen, least, note }, size, world.stdout.color);
    // A terminal that has gone ends the command by its signal.
    screen.draw(text).catch(() => {});
  };
  const onKey = (key: string): void => {
    const at = traps.findIndex(({ id }) => id === chosen);
    if (DOWN.has(key)) chosen = traps[Math.min(traps.length - 1, at + 1)]?.id ?? '';
    else if (UP.has(key)) chosen = traps[Math.max(0, at - 1)]?.id ?? '';
    else if (key === 'c') least = (least + 1) % TRAP_CATEGORIES.length;
    else if (key === 'a' && traps[at]) {
      void acknowledge(traps[at], input, world).then((said) => {
        note = said;
        draw();
      });
    }
    draw();
  };
  const screen = await openScreen(world, onKey);
  try {
    draw();
    await watching(urls, async (watch) => {
      await watch((now, merged) => {
        collectors = now;
        all = merged;
        draw();
      }, screen.leaving);
    });
  } finally {
    screen.close();
  }
}

const UP = new Set(['k', '\u001b[A', '\u001bOA']);
const DOWN = new Set(['j', '\u001b[B', '\u001bOB']);

/** Where the trap was seen; answers with what to tell. */
async function acknowledge(trap: MergedTrap, input: Input, world: World): Promise<string> {
  const wish = { id: trap.id, by: input.options.by ?? loginName(), comment: '', withdraw: false };
  try {
    const asked = await changeEach(trap.seenBy, input, world, (client) => client.acknowledge(wish));
    const failed = asked.find(({ error }) => error !== null);
    return failed?.error?.message ?? `acknowledged: ${trap.node}: ${trap.message}`;
  } catch (error) {
    return error instanceof Error ? error.message : 'it could not be acknowledged';
  }
}
