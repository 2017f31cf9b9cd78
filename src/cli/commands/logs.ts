import { printable } from '#base';
import type { LogLine } from '#wire';
import { findTaskOr, toLook } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import type { logs as spec } from '../table/look.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow logs`: 0 when there was a line, 1 when there was none, as grep does. */
export async function logs(input: Input, world: World): Promise<number> {
  const { grep, limit, json } = input.options;
  const stream = input.options.stream as LogLine['stream'] | undefined;
  let found = 0;
  await toLook(input, world, async (client) => {
    const { job, task } = await findTaskOr(input.options.task, client, input.args[0]);
    const query = { task, grep, stream, limit };
    const lines = await client.call('readLogs', { params: { job }, query, signal: world.ending });
    for await (const line of lines) {
      found++;
      if (json) await world.stdout.json(line);
      else await world.stdout.line(prefix(line, task, stream) + shown(line.text, world));
    }
  });
  return found > 0 ? 0 : 1;
}

/** What the lines do not have in common. */
function prefix(line: LogLine, task: number | undefined, stream: string | undefined): string {
  const parts: string[] = [];
  if (task === undefined) parts.push(String(line.task));
  if (stream === undefined) parts.push(line.stream);
  return parts.length > 0 ? `${parts.join('.')}: ` : '';
}

/** A terminal gets it harmless, a file or pipe as it was. */
function shown(text: string, world: World): string {
  return world.stdout.isTerminal ? printable(text) : text;
}
