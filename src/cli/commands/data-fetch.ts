/** `windrow data fetch` */
import { printable, type WindrowError } from '#base';
import type { EnsureRequest } from '#datastore';
import { type CommandInput, INTERRUPTED_EXIT } from '../command.ts';
import type { DataDesk } from '../data-desk.ts';
import { withData } from '../data-session.ts';
import { cliErrors } from '../errors.ts';
import { codedError, errorText } from '../report-error.ts';
import type { fetch as spec } from '../table/data.ts';
import { openTransferBar, type TransferBar } from '../transfer-bar.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** Files at a time; what is more would only part the same line. */
const AT_ONCE = 4;

export async function dataFetch(input: Input, world: World): Promise<number> {
  const wish = wishOf(input);
  const bar = await openTransferBar(input.options.quiet || input.options.json, world.stderr);
  try {
    const failed = await withData(
      input,
      world,
      (desk) => all(desk, wish, { input, world, bar }),
      bar.clear,
    );
    return world.ending.aborted ? INTERRUPTED_EXIT : failed === 0 ? 0 : 1;
  } finally {
    bar.end();
  }
}

/** Throws USAGE_WRONG. */
function wishOf({ options, args }: Input): Omit<EnsureRequest, 'key'> {
  const { sha256, revalidate, stale, pin } = options;
  const isBeside = sha256 === 'beside';
  if (sha256 !== undefined && !isBeside && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw usage('--sha256 expects 64 hex digits, or beside');
  }
  if (sha256 !== undefined && !isBeside && args.length > 1) {
    throw usage('--sha256 with a digest is for one URL');
  }
  return {
    mode: revalidate ? 'revalidate' : 'immutable',
    staleAllowed: stale,
    hasDigestBeside: isBeside,
    ...(sha256 === undefined || isBeside ? {} : { digests: { sha256 } }),
    ...(pin === undefined ? {} : { pin }),
  };
}

function usage(problem: string): WindrowError {
  return cliErrors.create('USAGE_WRONG', { problem, help: 'windrow data fetch --help' });
}

interface Telling {
  readonly input: Input;
  readonly world: World;
  readonly bar: TransferBar;
}

/** Answers with how many could not be had; paths are printed in the order of the URLs. */
async function all(
  desk: DataDesk,
  wish: Omit<EnsureRequest, 'key'>,
  telling: Telling,
): Promise<number> {
  const urls = [...telling.input.args];
  const outcomes = new Map<number, () => Promise<boolean>>();
  let next = 0;
  let told = 0;
  let failed = 0;
  let turn = Promise.resolve();
  const tell = async () => {
    for (let outcome = outcomes.get(told); outcome; outcome = outcomes.get(told)) {
      told++;
      if (!(await outcome())) failed++;
    }
  };
  const work = async () => {
    while (next < urls.length && !telling.world.ending.aborted) {
      const at = next++;
      outcomes.set(at, await one(desk, requestFor(urls[at]!, wish), telling));
      turn = turn.then(tell);
      await turn;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, urls.length) }, work));
  return failed;
}

/** To ask whether a file of this machine has changed costs nothing. */
function requestFor(key: string, wish: Omit<EnsureRequest, 'key'>): EnsureRequest {
  return { ...wish, key, ...(/^file:/i.test(key) ? { mode: 'revalidate' as const } : {}) };
}

/** Fetches one; what it answers tells of it, and whether it is here. */
async function one(
  desk: DataDesk,
  request: EnsureRequest,
  { input, world, bar }: Telling,
): Promise<() => Promise<boolean>> {
  const { json } = input.options;
  try {
    const { key, path, bytes, sha256, way } = await desk.fetch({
      ...request,
      signal: world.ending,
      onProgress({ key, bytes, totalBytes }) {
        if (bytes > 0 || totalBytes !== null) bar.update(key, bytes, totalBytes ?? bytes);
      },
    });
    return async () => {
      bar.clear();
      // What may not be kept has been fetched for nothing.
      if (path === null) world.stderr.attempt(`windrow: ${printable(key)} may not be kept\n`);
      else if (json) await world.stdout.json({ key, path, bytes, sha256, way });
      else await world.stdout.line(path);
      return path !== null;
    };
  } catch (error) {
    if (world.ending.aborted) return async () => false;
    const coded = codedError(error, world.surroundings, world.clock.now());
    return async () => {
      bar.clear();
      world.stderr.attempt(errorText(coded, json));
      return false;
    };
  }
}
