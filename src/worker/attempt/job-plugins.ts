/**
 * Inputs that transfer plugins of the job's own bring: once for each attempt, straight into its
 * directory, as HTCondor does it. What such a plugin refuses holds the task, in the plugin's words.
 */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import type { Outcome } from '#datastore';
import type { PluginInput } from '#model';
import { type Attempt, AttemptFault, stopFault } from './attempt.ts';
import { type PluginFile, pluginFiles } from './fetch.ts';
import { stageFault } from './stage-fault.ts';

/** HTCondor's HoldReasonCode for input. */
const HELD_FOR_INPUT = 13;

export async function bringByPlugins(
  attempt: Attempt,
  targetOf: (name: string) => string,
): Promise<void> {
  const files = pluginFiles(attempt);
  for (const blob of new Set(files.map(({ from }) => from.plugin.blob))) {
    const own = files.filter(({ from }) => from.plugin.blob === blob);
    const outcomes = await run(attempt, own[0]!.from.plugin, own, targetOf);
    for (const [index, file] of own.entries()) await check(attempt, file, outcomes[index]);
  }
}

async function run(
  attempt: Attempt,
  plugin: PluginInput['plugin'],
  files: readonly PluginFile[],
  targetOf: (name: string) => string,
): Promise<readonly Outcome[]> {
  const { workshop, plan, walls, taken, aborter } = attempt;
  const directory = `${workshop.spoolRoot}/${attempt.name}.plugin`;
  mkdirSync(directory, { mode: 0o700 });
  try {
    const outcomes = await workshop.runPlugin({
      plugin: taken.get(plugin.blob)?.path ?? '',
      name: plugin.name,
      transfers: files.map(({ name, from }) => ({ url: from.url, path: targetOf(name) })),
      directory,
      environment: plan.job.environment,
      account: walls?.account ?? null,
      signal: aborter.signal,
    });
    if (attempt.stopped) throw stopFault(attempt.stopped);
    return outcomes;
  } catch (error) {
    if (error instanceof AttemptFault) throw error;
    throw stageFault(`The transfer plugin ${plugin.name} of the job could not be used`, error);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function check(
  attempt: Attempt,
  { name, from }: PluginFile,
  outcome: Outcome | undefined,
): Promise<void> {
  if (!outcome?.ok) {
    const said = outcome?.reason ?? 'it said nothing';
    const codes = `(code ${HELD_FOR_INPUT}, subcode ${outcome?.subcode ?? 0})`;
    const reason = `Input ${name}: ${from.plugin.name} says: ${said} ${codes}.`;
    throw new AttemptFault('held', reason);
  }
  const found = await digestsOf(outcome.transfer.path);
  for (const digest of ['sha256', 'md5'] as const) {
    if (from[digest] === '' || from[digest] === found[digest]) continue;
    const reason = `Input ${name}: what ${from.plugin.name} brought has ${digest} ${found[digest]}, not ${from[digest]}.`;
    throw new AttemptFault('held', reason);
  }
  attempt.ways.set(name, {
    name,
    how: 'plugin',
    via: from.plugin.name,
    source: '',
    into: 'file',
    bytes: found.bytes,
  });
}

async function digestsOf(path: string): Promise<{ sha256: string; md5: string; bytes: number }> {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')];
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    sha256.update(chunk as Buffer);
    md5.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex'), bytes };
}
