import type { TrapRecord } from '#model';
import { answersOf, askEach, collectorUrls, withCollectors } from '../collectors.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import type { ls as spec } from '../table/traps.ts';
import { isWished, trapTable } from '../trap-table.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow traps ls` */
export async function trapsLs(input: Input, world: World): Promise<number> {
  const { fitsPattern, HISTORY_TOLD_MOST: most } = await import('#traps');
  if ((input.options.history ?? 0) > most) {
    const problem = `--history is ${input.options.history}, expected at most ${most}`;
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow traps ls --help' });
  }
  const urls = await collectorUrls(input.args, input, world);
  const found = await lookAt(urls, input, world);
  const traps = found.filter((trap) => isWished(input.options, trap, fitsPattern));
  if (input.options.json) await world.stdout.json({ traps });
  else if (traps.length === 0) await world.stdout.line('There are no such traps.');
  else await world.stdout.write(trapTable(traps, world));
  return 0;
}

async function lookAt(
  urls: readonly string[],
  { options }: Input,
  world: World,
): Promise<readonly TrapRecord[]> {
  const { mergeTraps } = await import('#traps');
  const { history } = options;
  return await withCollectors(urls, null, async (clients) => {
    const asked = await askEach(clients, async (client) => {
      const traps =
        history === undefined
          ? ((await client.view(null, 0))?.traps ?? [])
          : await client.history(history);
      return [client.url, traps] as const;
    });
    const merged = mergeTraps(new Map(answersOf(asked, world)));
    if (history !== undefined) return merged.slice(-history);
    return options.all ? merged : merged.filter(isOfInterest);
  });
}

/** What holds, and what has happened; not what is over, nor what somebody silenced. */
function isOfInterest({ kind, over, silence }: TrapRecord): boolean {
  return kind !== 'clear' && over === null && silence === null;
}
