/** Transfer plugins that jobs bring: run with the rights of the attempt, in a directory of their own. */
import { chownSync, constants, copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StagingValues, systemClock, systemCodeOf } from '#base';
import { localAmbient } from '#classad';
import { describePlugin, type Outcome, pluginEnvironment, runPlugin } from '#datastore';
import { findTool, runToEnd } from '#sandbox';
import type { RunJobPlugin } from '#worker';
import { binErrors } from './errors.ts';

type Order = Parameters<RunJobPlugin>[0];

export function jobPluginRunner(
  values: StagingValues,
  host: Readonly<Record<string, string | undefined>>,
): RunJobPlugin {
  return async (order) => {
    if (!values.jobTransferPlugins) {
      throw binErrors.create('JOB_PLUGINS_REFUSED', { plugin: order.name });
    }
    // Another account cannot get to what lies in the worker's own directory.
    const place =
      order.account === null ? order.directory : await mkdtemp(join(tmpdir(), 'windrow-plugin-'));
    try {
      return await runIn(place, order, values, host);
    } finally {
      if (place !== order.directory) await rm(place, { recursive: true, force: true });
    }
  };
}

async function runIn(
  place: string,
  { plugin: file, name, transfers, environment, account, signal }: Order,
  values: StagingValues,
  host: Readonly<Record<string, string | undefined>>,
): Promise<readonly Outcome[]> {
  const path = join(place, name);
  copyFileSync(file, path, constants.COPYFILE_FICLONE);
  const files = join(place, '.files');
  mkdirSync(files, { mode: 0o700 });
  const handOver = (path: string) => {
    if (account) chownSync(path, account.uid, account.gid);
  };
  for (const one of [place, path, files]) handOver(one);
  const world = {
    run: (argv: readonly [string, ...string[]], options: Parameters<typeof runToEnd>[1]) =>
      runToEnd([...asAccount(account), ...argv] as [string, ...string[]], options),
    directory: place,
    environment: environmentOf(host, place),
    handOver,
    lifetimeMs: values.transferPluginLifetimeMs,
    ambient: localAmbient({
      now: () => systemClock.now(),
      random: Math.random,
      elapsedMs: () => systemClock.monotonic(),
    }),
    signal,
  };
  const plugin = await describePlugin(path, world);
  const inPlace = transfers.map(({ url }, index) => ({ url, path: join(files, String(index)) }));
  const own = { ...world, environment: pluginEnvironment(plugin, world.environment, environment) };
  const outcomes = await runPlugin(plugin, inPlace, 'download', own);
  return outcomes.map((outcome, index) => moved(outcome, transfers[index]!));
}

function moved(outcome: Outcome, transfer: Outcome['transfer']): Outcome {
  if (outcome.ok) moveFile(outcome.transfer.path, transfer.path);
  return { ...outcome, transfer };
}

function moveFile(from: string, to: string): void {
  try {
    renameSync(from, to);
    chownSync(to, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  } catch (error) {
    if (systemCodeOf(error) !== 'EXDEV') throw error;
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    rmSync(from, { force: true });
  }
}

/** util-linux: the groups go first, then the rights to get anything back. */
function asAccount(account: Order['account']): string[] {
  if (account === null) return [];
  const setpriv = findTool('setpriv');
  if (setpriv === null) throw binErrors.create('SETPRIV_MISSING', {});
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  return [setpriv, ...ids, '--no-new-privs', '--inh-caps=-all', '--'];
}

const KEPT = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'http_proxy', 'https_proxy', 'no_proxy'];

export function environmentOf(
  host: Readonly<Record<string, string | undefined>>,
  directory: string,
): Record<string, string> {
  const kept: Record<string, string> = { TMPDIR: directory, HOME: directory };
  for (const name of KEPT) {
    const value = host[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
