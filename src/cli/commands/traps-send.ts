import { hostname } from 'node:os';
import { bootId } from '#base';
import type { CollectorClient, Taken } from '#traps';
import { type Asked, answersOf, askEach, collectorUrls, withCollectors } from '../collectors.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { formatCount } from '../format.ts';
import { pipedLines } from '../piped-lines.ts';
import type { send as spec } from '../table/traps.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

const BATCH = 1000;
const PROBLEMS_TOLD = 10;

interface Batch {
  readonly traps: readonly object[];
  /** Of lines that are no traps. */
  readonly problems: readonly string[];
}

/** `windrow traps send` */
export async function trapsSend(input: Input, world: World): Promise<number> {
  const [message = '', ...named] = input.args;
  const urls = await collectorUrls(named, input, world);
  const totals = { received: 0, stored: 0, duplicate: 0, suppressed: 0, dropped: 0, malformed: 0 };
  const problems: string[] = [];
  const note = (found: readonly string[]) =>
    problems.push(...found.slice(0, PROBLEMS_TOLD - problems.length));
  await withCollectors(urls, null, async (clients) => {
    for await (const { traps, problems: unsent } of batchesOf(message, input, world)) {
      totals.received += unsent.length;
      totals.malformed += unsent.length;
      note(unsent);
      if (traps.length === 0) continue;
      const taken = best(answersOf(await sendTo(clients, traps), world));
      for (const name of Object.keys(totals) as (keyof typeof totals)[])
        totals[name] += taken[name];
      note(taken.problems);
    }
  });
  if (input.options.json) await world.stdout.json({ ...totals, problems });
  else if (message === '-') await world.stdout.line(summaryOf(totals));
  for (const problem of problems) world.stderr.attempt(`windrow: not taken: ${problem}\n`);
  return totals.malformed > 0 ? 1 : 0;
}

async function sendTo(
  clients: readonly CollectorClient[],
  traps: readonly object[],
): Promise<Asked<Taken>[]> {
  return await askEach(clients, (client) => client.report(traps));
}

/** What one collector has not taken another may have. */
function best(taken: readonly Taken[]): Taken {
  return taken.reduce((a, b) => (b.stored + b.suppressed > a.stored + a.suppressed ? b : a));
}

function summaryOf(totals: Readonly<Record<string, number>>): string {
  const parts = Object.entries(totals).filter(([, count]) => count > 0);
  return (
    parts.map(([name, count]) => `${formatCount(count)} ${name}`).join(', ') || 'nothing was sent'
  );
}

async function* batchesOf(message: string, input: Input, world: World): AsyncGenerator<Batch> {
  if (message !== '-') return yield { traps: [trapOf(message, input, world)], problems: [] };
  const { Malformed, readTrap } = await import('#traps');
  for await (const lines of pipedLines(world.stdin, world.ending)) {
    for (let from = 0; from < lines.length; from += BATCH) {
      const traps: object[] = [];
      const problems: string[] = [];
      for (const { number, text } of lines.slice(from, from + BATCH)) {
        if (text.trim() === '') continue;
        const json = parsed(text);
        // Looked at here already: whoever wrote the lines knows them by their numbers.
        const report = json === undefined ? new Malformed('it is no JSON') : readTrap(json);
        if (report instanceof Malformed) problems.push(`line ${number}: ${report.problem}`);
        else traps.push(json as object);
      }
      yield { traps, problems };
    }
  }
}

/** Undefined where it is no JSON. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** One id for all collectors, and for every repetition of this very sending. */
function trapOf(message: string, { options }: Input, world: World): object {
  const { category, node, fs, condition, clear } = options;
  if (message.trim() === '') throw usage('say what happened: the message is empty');
  if (clear && condition === undefined) throw usage('--clear needs the --condition that is over');
  return {
    node: node ?? hostname(),
    message,
    ...(clear ? { clear } : { category: category ?? 'warning' }),
    ...(fs === undefined ? {} : { fileSystem: fs }),
    ...(condition === undefined ? {} : { condition }),
    time: world.clock.now(),
    boot: bootId(),
    sequence: `${process.pid}.${process.hrtime.bigint()}`,
    source: 'command',
  };
}

function usage(problem: string): Error {
  return cliErrors.create('USAGE_WRONG', { problem, help: 'windrow traps send --help' });
}
