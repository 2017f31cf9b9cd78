import { resolve } from 'node:path';
import { formatBytes, pause, printableLines, type WindrowError } from '#base';
import type { CollectStep } from '#traces';
import type { TraceCollectionView } from '#wire';
import { toChange } from '../ask.ts';
import { showCollection } from '../collect-bar.ts';
import { type CollectWish, collectBySsh } from '../collect-by-ssh.ts';
import { sumText, tellCollection } from '../collect-table.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { findServer } from '../find-server.ts';
import { codedError, errorText } from '../report-error.ts';
import type { collect as spec } from '../table/traces.ts';
import { traceSourceOf } from '../trace-source.ts';
import { openTransferBar } from '../transfer-bar.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

const LOOK_MS = 500;
const PROGRESS_MS = 1000;
const SECRET_CHARACTERS = 4096;

/** `windrow traces collect`: 0 when all that was found is stored, 1 when something is not, or there was nothing. */
export async function tracesCollect(input: Input, world: World): Promise<number> {
  if (input.options.here) return await collectHere(input, world);
  const view = await (input.args[0] === undefined ? byWorkers : bySsh)(input, world);
  if (input.options.json) await world.stdout.json(view);
  else await tellCollection(view, world);
  const isAll = view.workers.every(({ state, failed }) => state === 'done' && failed === 0);
  return isAll && view.workers.some(({ stored }) => stored > 0) ? 0 : 1;
}

/** Throws SECRET_FILE_…. */
async function wishOf(input: Input, world: World): Promise<CollectWish> {
  const { values } = input.settings;
  const { dir, match, remove, id } = input.options;
  const { readSecretFile } = await import('#wire');
  const { traceSecretFile } = values;
  return {
    id: await input.composition.traceIdFor(id),
    directory: dir === undefined ? '' : resolve(world.surroundings.directory, dir),
    match: match ?? '',
    compression: isGiven('traceCompression', input)
      ? (values.traceCompression as CollectWish['compression'])
      : '',
    remove: remove ?? values.traceRemove,
    account: values.traceAccount,
    secret: input.options.secretStdin
      ? await firstLine(world)
      : traceSecretFile === ''
        ? ''
        : await readSecretFile(traceSecretFile),
    insecure: values.insecure,
  };
}

/** By the command line: the settings here are of this machine. */
function isGiven(key: keyof Input['settings']['origins'], { settings }: Input): boolean {
  return settings.origins[key].kind === 'command line';
}

/** Where the traces go; `''` is the server itself. Throws TRACE_TARGET_…. */
function destinationOf(input: Input): string {
  const to = input.options.to ?? 'local';
  const { traceLocal, traceCentral } = input.settings.values;
  if (to === 'central' && traceCentral === '') {
    throw cliErrors.create('TRACE_TARGET_UNSET', { to, setting: 'trace-central' });
  }
  const url = to === 'local' ? traceLocal : to === 'central' ? traceCentral : to;
  if (url === '' || /^https?:$/.test(URL.parse(url)?.protocol ?? '')) return url;
  throw cliErrors.create('TRACE_TARGET_WRONG', { to: url });
}

/** Empty where there is none. */
async function firstLine({ stdin }: World): Promise<string> {
  let text = '';
  for await (const piece of stdin) {
    text += String(piece);
    if (text.includes('\n') || text.length > SECRET_CHARACTERS) break;
  }
  return text.split('\n', 1)[0]!.slice(0, SECRET_CHARACTERS);
}

async function collectHere(input: Input, world: World): Promise<number> {
  const { values } = input.settings;
  const wish = await wishOf(input, world);
  const source = traceSourceOf(values);
  const url = destinationOf(input) || (await serverUrl(input, world));
  const bar = await openTransferBar(input.options.json, world.stderr);
  const tellJson = jsonTeller(world);
  const onStep = (step: CollectStep) => {
    if (step.kind === 'sending') bar.update(step.file, step.sent, step.bytes);
    else if (step.kind !== 'progress') bar.clear();
    if (input.options.json) tellJson(step);
    else tell(step, url, world);
  };
  try {
    const { stored, failed, bytes } = await input.composition.collectTraces(
      {
        ...source,
        ...wish,
        directory: wish.directory || source.directory,
        match: wish.match || source.match,
        compression: wish.compression || source.compression,
        url,
        memory: `${values.stateDirectory}/begun-uploads`,
        onStep,
      },
      world.ending,
    );
    const sum = { id: wish.id, stored, failed, bytes };
    if (input.options.json) await world.stdout.json({ kind: 'end', ...sum });
    else await world.stdout.line(sumText(sum));
    return failed > 0 || stored === 0 ? 1 : 0;
  } finally {
    bar.end();
  }
}

async function byWorkers(input: Input, world: World): Promise<TraceCollectionView> {
  const url = destinationOf(input);
  if (isGiven('traceSwitch', input)) {
    // Workers may be root: no server is to write into files of its choice there.
    const problem =
      '--trace-switch is for --here and for machines by ssh; of workers each says it in its settings';
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow traces collect --help' });
  }
  const wish = await wishOf(input, world);
  return await toChange(input, world, async (client) => {
    let view = await client.call('collectTraces', { body: { ...wish, url } });
    const { collection } = view;
    const count = view.workers.length;
    if (!input.options.json) {
      world.stderr.attempt(
        `windrow: ${count} ${count === 1 ? 'worker brings' : 'workers bring'} trace ${wish.id}\n`,
      );
    }
    const bar = await openTransferBar(input.options.json, world.stderr);
    try {
      while (view.workers.some(({ state }) => state === 'told' || state === 'running')) {
        await pause(LOOK_MS, world.ending);
        if (world.ending.aborted) break;
        view = await client.call('getTraceCollection', { params: { collection } });
        showCollection(bar, view.workers);
      }
    } finally {
      bar.end();
    }
    return view;
  });
}

async function bySsh(input: Input, world: World): Promise<TraceCollectionView> {
  const nodes = input.args[0]!;
  const wish = await wishOf(input, world);
  const collector = destinationOf(input);
  const { traceSwitch, traceSwitchText } = input.settings.values;
  const way = {
    nodes,
    wish,
    stopping: isGiven('traceSwitch', input)
      ? ['--trace-switch', traceSwitch, '--trace-switch-text', traceSwitchText]
      : [],
    collector,
    serverUrl: () => serverUrl(input, world),
    isQuiet: input.options.json,
  };
  return await collectBySsh(way, input, world);
}

/** Throws SERVER_NOT_FOUND. */
async function serverUrl(input: Input, world: World): Promise<string> {
  const openState = (directory: string) => input.composition.openState(directory);
  const reached = await findServer(input.settings, { readOnly: false, openState }, world);
  await reached.close();
  return reached.url;
}

function tell(step: CollectStep, url: string, world: World): void {
  if (step.kind === 'found') {
    const { files, bytes } = step;
    const what = files === 0 ? 'no trace' : files === 1 ? '1 trace' : `${files} traces`;
    const size = files === 0 ? ' was found' : ` (${formatBytes(bytes)}) to ${url}`;
    world.stderr.attempt(`windrow: ${what}${size}\n`);
  } else if (step.kind === 'stored') {
    const fate = { kept: '', removed: ', removed here', changed: ', changed meanwhile: kept here' };
    const line = `${step.file} → ${step.storedAs} (${formatBytes(step.bytes)}${fate[step.fate]})`;
    world.stdout.attempt(`${printableLines(line)}\n`);
  } else if (step.kind === 'failed') {
    world.stderr.attempt(errorText(codedOf(step, world), false));
  }
}

/** Lines of JSON; how far it is once a second. */
function jsonTeller(world: World): (step: CollectStep) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  const say = (line: object) => world.stdout.attempt(`${JSON.stringify(line)}\n`);
  return (step) => {
    if (step.kind === 'sending') return;
    if (step.kind === 'progress') {
      const nowMs = world.clock.monotonic();
      if (nowMs - toldMs < PROGRESS_MS) return;
      toldMs = nowMs;
    }
    if (step.kind !== 'failed') return say(step);
    const { code, message, todo, facts } = codedOf(step, world);
    const { kind, file } = step;
    say({ kind, file, error: { code, message, todo, facts } });
  };
}

function codedOf({ error }: { error: unknown }, world: World): WindrowError {
  return codedError(error, world.surroundings, world.clock.now());
}
