/** What a plugin says of itself: HTCondor's `plugin -classad`. */
import { accessSync, constants, statSync } from 'node:fs';
import { basename } from 'node:path';
import { systemReasonOf, WindrowError } from '#base';
import { forPeople, readAds, readerOf } from './ads.ts';
import { pluginErrors } from './errors.ts';
import type { PluginProcessEnd } from './port.ts';
import type { PluginWorld } from './world.ts';

export interface Plugin {
  /** Absolute. */
  readonly path: string;
  /** For people, and the prefix of variables of the job that it is given: its file name. */
  readonly name: string;
  /** URL schemes in lower case. */
  readonly schemes: readonly string[];
  /** `-infile/-outfile` for a whole batch, else one process for each file. */
  readonly batches: boolean;
  /** 1, 2 or 4; 3 was never used. */
  readonly protocol: number;
  readonly version: string;
}

/** FILETRANSFER_PLUGIN_CLASSAD_TIMEOUT of HTCondor. */
const QUERY_MS = 20_000;
const SCHEME = /^[a-z][a-z0-9+.-]{0,63}$/;

/**
 * Asks a plugin which schemes it fetches. Errors: `PLUGIN_MISSING`, `PLUGIN_NOT_EXECUTABLE`,
 * `PLUGIN_UNFIT`: all of this machine, not of a transfer.
 */
export async function describePlugin(path: string, world: PluginWorld): Promise<Plugin> {
  requireExecutable(path);
  const { directory, environment } = world;
  const options = { directory, environment, lifetimeMs: QUERY_MS, signal: world.signal };
  const end = await world.run([path, '-classad'], options);
  if (end.how === 'not-started') {
    throw pluginErrors.create('PLUGIN_NOT_EXECUTABLE', {
      plugin: path,
      reason: forPeople(end.stderr),
    });
  }
  if (end.how !== 'exited' || end.exitCode !== 0) throw unfit(path, `it ${howItEnded(end)}`);
  return readDescription(path, end.stdout, world);
}

function readDescription(path: string, output: string, world: PluginWorld): Plugin {
  const ads = adsOf(path, output);
  const ad = ads[0] && readerOf(ads[0], world.ambient);
  if (!ad) throw unfit(path, 'it prints nothing');
  const type = ad.text('PluginType');
  if (type?.toLowerCase() !== 'filetransfer') {
    throw unfit(path, type === null ? 'PluginType is missing' : `its PluginType is ${type}`);
  }
  const methods = (ad.raw('SupportedMethods') ?? '').toLowerCase().split(/[\s,]+/);
  const schemes = methods.filter((method) => SCHEME.test(method));
  if (schemes.length === 0) throw unfit(path, 'SupportedMethods names no scheme');
  const batches = ad.flag('MultipleFileSupport') ?? false;
  return {
    path,
    name: basename(path),
    schemes,
    batches,
    protocol: ad.number('ProtocolVersion') ?? (batches ? 2 : 1),
    version: ad.text('PluginVersion') ?? '',
  };
}

function adsOf(path: string, output: string) {
  try {
    return readAds(output);
  } catch (error) {
    if (error instanceof WindrowError) throw unfit(path, error.message);
    throw error;
  }
}

function requireExecutable(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw pluginErrors.create('PLUGIN_MISSING', { plugin: path });
  try {
    accessSync(path, constants.X_OK);
  } catch (error) {
    const facts = { plugin: path, reason: systemReasonOf(error) };
    throw pluginErrors.create('PLUGIN_NOT_EXECUTABLE', facts);
  }
}

export function howItEnded(end: PluginProcessEnd): string {
  switch (end.how) {
    case 'timed-out':
      return 'took longer than it may, and was killed';
    case 'aborted':
      return 'was broken off';
    case 'not-started':
      return `could not be started: ${forPeople(end.stderr)}`;
    case 'exited':
      return end.signal === null
        ? `ended with exit code ${end.exitCode}`
        : `was ended by ${end.signal}`;
  }
}

function unfit(plugin: string, found: string): WindrowError {
  return pluginErrors.create('PLUGIN_UNFIT', { plugin, found });
}
