import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf, WindrowError } from '#base';
import {
  type Ad,
  type Ambient,
  compileExpression,
  evaluate,
  localAmbient,
  parseAds,
  printValue,
  type Surround,
  typeOf,
} from '#classad';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import type { classad as spec } from '../table/classad.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

interface Answer {
  readonly type: string;
  readonly value: string;
}

/** `windrow classad eval` */
export async function classad({ args, options }: Input, world: World): Promise<number> {
  const [action, expression] = args;
  if (action !== 'eval' || expression === undefined) {
    throw cliErrors.create('USAGE_WRONG', {
      problem: `classad can eval, not ${action}`,
      help: 'windrow classad --help',
    });
  }
  const my = await readAd(options.my, world);
  const target = await readAd(options.target, world);
  const surround = { my, target, ambient: ambientOf(world) };
  const write = (answer: Answer) =>
    options.json ? world.stdout.json(answer) : world.stdout.line(shown(answer));
  if (expression !== '-') await write(evaluated(expression, surround));
  else await answerLines(surround, world, write);
  return 0;
}

async function answerLines(
  surround: Surround,
  world: World,
  write: (answer: Answer) => Promise<void>,
): Promise<void> {
  const lines = createInterface({ input: world.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) {
      if (world.ending.aborted) return;
      await write(answerOf(line, surround));
    }
  } finally {
    lines.close();
  }
}

/** As `evaluated`; what cannot be read is an answer too. */
function answerOf(line: string, surround: Surround): Answer {
  try {
    return evaluated(line, surround);
  } catch (error) {
    if (!(error instanceof WindrowError)) throw error;
    // Without the lines of the caret: one line in, one line out.
    const [problem] = error.message.split('\n');
    return { type: 'parse-error', value: problem ?? '' };
  }
}

function evaluated(text: string, surround: Surround): Answer {
  const value = evaluate(compileExpression(text), surround);
  return { type: typeOf(value), value: printValue(value) };
}

function shown({ type, value }: Answer): string {
  return type === 'parse-error' ? `parse-error: ${value}` : value;
}

function ambientOf({ clock }: World): Ambient {
  return localAmbient({
    now: () => clock.now(),
    random: Math.random,
    elapsedMs: () => clock.monotonic(),
  });
}

/** The first ad of a file; an empty file is an empty ad. */
async function readAd(file: string | undefined, world: World): Promise<Ad | null> {
  if (file === undefined) return null;
  let text: string;
  try {
    text = await readFile(resolve(world.surroundings.directory, file), 'utf8');
  } catch (cause) {
    throw cliErrors.create('AD_UNREADABLE', { file, reason: messageOf(cause) }, { cause });
  }
  return parseAds(text)[0] ?? null;
}
