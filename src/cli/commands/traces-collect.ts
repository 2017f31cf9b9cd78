import { formatBytes, printableLines, type WindrowError } from '#base';
import type { CollectStep } from '#traces';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { findServer } from '../find-server.ts';
import { codedError, errorText } from '../report-error.ts';
import type { collect as spec } from '../table/traces.ts';
import { openTransferBar } from '../transfer-bar.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow traces collect`: 0 when all that was found is stored, 1 when something is not. */
export async function tracesCollect(input: Input, world: World): Promise<number> {
  const { values } = input.settings;
  if (values.traceDirectory === '') throw cliErrors.create('TRACE_DIRECTORY_UNSET');
  const url = await destinationOf(input, world);
  const bar = await openTransferBar(input.options.json, world.stderr);
  const onStep = (step: CollectStep) => {
    if (step.kind === 'sending') bar.update(step.file, step.sent, step.bytes);
    else bar.clear();
    if (input.options.json) tellJson(step, world);
    else tell(step, url, world);
  };
  try {
    const { id, stored, failed, bytes } = await input.composition.collectTraces(
      {
        url,
        id: input.options.id,
        directory: values.traceDirectory,
        match: values.traceMatch,
        switchFile: values.traceSwitch,
        switchText: `${values.traceSwitchText}\n`,
        compression: values.traceCompression,
        remove: values.traceRemove,
        account: values.traceAccount,
        secretFile: values.traceSecretFile,
        insecure: values.insecure,
        stateDirectory: values.stateDirectory,
        onStep,
      },
      world,
    );
    if (input.options.json) await world.stdout.json({ kind: 'end', id, stored, failed, bytes });
    else
      await world.stdout.line(
        `trace ${id}: ${stored} files stored (${formatBytes(bytes)}), ${failed} failed`,
      );
    return failed > 0 || stored === 0 ? 1 : 0;
  } finally {
    bar.end();
  }
}

/** Throws TRACE_TARGET_UNSET, SERVER_NOT_FOUND. */
async function destinationOf(input: Input, world: World): Promise<string> {
  const to = input.options.to ?? 'local';
  const { traceLocal, traceCentral } = input.settings.values;
  if (to === 'central') {
    if (traceCentral !== '') return traceCentral;
    throw cliErrors.create('TRACE_TARGET_UNSET', { to, setting: 'trace-central' });
  }
  if (to !== 'local') return to;
  if (traceLocal !== '') return traceLocal;
  const openState = (directory: string) => input.composition.openState(directory);
  const reached = await findServer(input.settings, { readOnly: false, openState }, world);
  await reached.close();
  return reached.url;
}

function tell(step: CollectStep, url: string, world: World): void {
  if (step.kind === 'found') {
    const { files, bytes } = step;
    world.stderr.attempt(`windrow: ${files} files (${formatBytes(bytes)}) to ${url}\n`);
  } else if (step.kind === 'stored') {
    const fate = { kept: '', removed: ', removed here', changed: ', changed meanwhile: kept here' };
    const line = `${step.file} → ${step.storedAs} (${formatBytes(step.bytes)}${fate[step.fate]})`;
    world.stdout.attempt(`${printableLines(line)}\n`);
  } else if (step.kind === 'failed') {
    world.stderr.attempt(errorText(codedOf(step, world), false));
  }
}

function tellJson(step: CollectStep, world: World): void {
  if (step.kind === 'sending') return;
  if (step.kind !== 'failed') return world.stdout.attempt(`${JSON.stringify(step)}\n`);
  const { code, message, todo, facts } = codedOf(step, world);
  const { kind, file } = step;
  world.stdout.attempt(
    `${JSON.stringify({ kind, file, error: { code, message, todo, facts } })}\n`,
  );
}

function codedOf({ error }: { error: unknown }, world: World): WindrowError {
  return codedError(error, world.surroundings, world.clock.now());
}
