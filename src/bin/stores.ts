/** Stores of files, put together: the server's, which asks the world, and those of workers. */
import { mkdir, rm } from 'node:fs/promises';
import { type Clock, type StagingValues, systemClock, type WindrowError } from '#base';
import { localAmbient } from '#classad';
import {
  type ContentSource,
  contentTransport,
  type Datastore,
  type DatastoreOptions,
  findPlugins,
  openDatastore,
  openHttpTransport,
  type PluginWorld,
  pluginTransports,
  type StoreEvent,
  type Transport,
} from '#datastore';
import { runToEnd } from '#sandbox';
import { askingOf, tendingOf } from './data.ts';
import { environmentOf } from './job-plugins.ts';
import { s3Transport } from './s3.ts';

export interface StoreLog {
  info(facts: object, sentence: string): void;
  warn(facts: object, sentence: string): void;
}

interface Common {
  /** Absolute. */
  readonly directory: string;
  readonly staging: StagingValues;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly clock: Clock;
  readonly log: StoreLog;
  onEvent?(event: StoreEvent): void;
}

export interface ServerStore {
  readonly store: Datastore;
  readonly schemes: ReadonlySet<string>;
  close(): Promise<void>;
}

/** The server's: it asks origins, by HTTP, S3 and the site's plugins. */
export async function openServerStore(of: Common): Promise<ServerStore> {
  // Beside the store, so that what a killed server left goes with its next start.
  const run = `${of.directory}-plugins`;
  await rm(run, { recursive: true, force: true });
  await mkdir(run, { mode: 0o700, recursive: true });
  try {
    const { plugins, faults } = await findPlugins(of.staging.transferPlugins, worldOf(of, run));
    tellFaults(faults, of.log);
    const fromPlugins = pluginTransports(plugins, worldOf(of, run));
    const transports = [...fromPlugins, ...originTransports(of)];
    const store = await openDatastore({ ...optionsOf(of), transports: distinct(transports) });
    const schemes = new Set([...transports.flatMap((one) => one.schemes)]);
    return {
      store,
      schemes,
      close: async () => {
        await store.close();
        await rm(run, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(run, { recursive: true, force: true });
    throw error;
  }
}

/** A worker's: from its server, and from origins that are nearer where it may ask them. */
export async function openWorkerStore(
  of: Common,
  server: ContentSource,
  peers: ContentSource | null,
): Promise<Datastore> {
  const origins = of.staging.dataOrigins ? originTransports(of) : [];
  const others = peers === null ? [] : [contentTransport('peer', peers)];
  const transports = [contentTransport('windrow', server), ...others, ...origins];
  return openDatastore({ ...optionsOf(of), transports });
}

function originTransports(of: Common): Transport[] {
  const { environment, home, clock } = of;
  const onEvent = (event: StoreEvent) => tellEvent(event, of);
  const asking = askingOf(of.staging, of, { clock, onEvent });
  return [openHttpTransport(asking), s3Transport(asking, environment, home)];
}

/** A scheme belongs to the first that has it. */
function distinct(transports: readonly Transport[]): Transport[] {
  const taken = new Set<string>();
  return transports.flatMap((one) => {
    const schemes = one.schemes.filter((scheme) => !taken.has(scheme));
    for (const scheme of schemes) taken.add(scheme);
    return schemes.length === 0 ? [] : [withSchemes(one, schemes)];
  });
}

function withSchemes(transport: Transport, schemes: readonly string[]): Transport {
  if (schemes.length === transport.schemes.length) return transport;
  const close = transport.close && (() => transport.close!());
  const rest = {
    schemes,
    originOf: (url: URL) => transport.originOf(url),
    ...(close && { close }),
  };
  if (transport.kind === 'file') {
    return { kind: 'file', ...rest, bring: (order) => transport.bring(order) };
  }
  return {
    kind: 'stream',
    ...rest,
    open: (order) => transport.open(order),
    blame: (url, way) => transport.blame?.(url, way),
  };
}

function optionsOf(of: Common): Omit<DatastoreOptions, 'transports'> {
  const { directory, clock } = of;
  const onEvent = (event: StoreEvent) => tellEvent(event, of);
  return { directory, ...tendingOf(of.staging), clock, random: Math.random, onEvent };
}

function tellEvent(event: StoreEvent, { log, onEvent }: Common): void {
  const { kind, ...facts } = event;
  if (kind === 'corrupt' || kind === 'garbage') log.warn(facts, 'a stored file was damaged');
  else if (kind === 'unstored') log.warn(facts, 'a file came, and could not be stored');
  else if (kind === 'proxy-failed') log.warn(facts, 'a proxy failed; others are asked');
  onEvent?.(event);
}

function worldOf({ environment, staging }: Common, directory: string): PluginWorld {
  return {
    run: runToEnd,
    directory,
    environment: environmentOf(environment, directory),
    lifetimeMs: staging.transferPluginLifetimeMs,
    ambient: localAmbient({
      now: () => systemClock.now(),
      random: Math.random,
      elapsedMs: () => systemClock.monotonic(),
    }),
  };
}

function tellFaults(faults: readonly WindrowError[], log: StoreLog): void {
  for (const { code, message } of faults) log.warn({ code }, message);
}
