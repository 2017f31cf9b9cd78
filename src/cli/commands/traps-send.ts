import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { bootId } from '#base';
import type { CollectorClient, Taken } from '#traps';
import { type Asked, answersOf, askEach, collectorUrls, withCollectors } from '../collectors.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { formatCount } from '../format.ts';
import type { send as spec } from '../table/traps.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

const BATCH = 1000;

/** `windrow traps send` */
export async function trapsSend(input: Input, world: World): Promise<number> {
  const [message = '', ...named] = input.args;
  const urls = await collectorUrls(named, input, world);
  const totals = { received: 0, stored: 0, duplicate: 0, suppressed: 0, dropped: 0, malformed: 0 };
  const problems: string[] = [];
  await withCollectors(urls, null, async (clients) => {
    for await (const traps of batchesOf(message, input, world)) {
      const taken = best(answersOf(await sendTo(clients, traps), world));
      for (const name of Object.keys(totals) as (keyof typeof totals)[])
        totals[name] += taken[name];
      problems.push(...taken.problems.slice(0, 10 - problems.length));
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

async function* batchesOf(
  message: string,
  input: Input,
  world: World,
): AsyncGenerator<readonly object[]> {
  if (message !== '-') return yield [trapOf(message, input, world)];
  let batch: object[] = [];
  let number = 0;
  for await (const line of createInterface({ input: world.stdin })) {
    number++;
    if (world.ending.aborted) return;
    if (line.trim() === '') continue;
    batch.push(parsed(line, number));
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function parsed(line: string, number: number): object {
  try {
    const json = JSON.parse(line);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  } catch {}
  const problem = `stdin:${number}: expected a trap as a JSON object`;
  throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow traps send --help' });
}

/** One id for all collectors, and for every repetition of this very sending. */
function trapOf(message: string, { options }: Input, world: World): object {
  const { category, node, fs, condition, clear } = options;
  if (clear && condition === undefined) {
    const problem = '--clear needs the --condition that is over';
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow traps send --help' });
  }
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
