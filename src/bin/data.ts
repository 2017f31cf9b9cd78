/** The datastore as settings have it: its limits, and the ways to origins. */
import { join } from 'node:path';
import type { Clock, DataValues, Surroundings } from '#base';
import type { DataOptions } from '#cli';
import {
  type Datastore,
  type DatastoreOptions,
  type HttpOptions,
  openCredentials,
  openDatastore,
  openFileTransport,
  openHttpTransport,
  parseSplit,
  proxyRules,
  type StoreEvent,
} from '#datastore';
import { s3Transport } from './s3.ts';
import { VERSION } from './version.ts';

export async function openData(
  { values, onEvent }: DataOptions,
  surroundings: Surroundings,
  clock: Clock,
): Promise<Datastore> {
  const asking = askingOf(values, surroundings, { clock, onEvent });
  const { environment, home } = surroundings;
  const s3 = s3Transport(asking, environment, home);
  const transports = [openHttpTransport(asking), s3, openFileTransport()];
  return openDatastore({
    directory: values.dataDirectory,
    ...tendingOf(values),
    transports,
    clock,
    random: Math.random,
    onEvent,
  });
}

/** What of the settings is the store's own, wherever it lies. */
export function tendingOf(
  values: DataValues,
): Pick<DatastoreOptions, 'split' | 'limits' | 'fetching' | 'recheckMs'> {
  const limits = {
    mostBytes: values.dataSpaceBytes,
    mostFiles: values.dataFiles,
    leastFreeBytes: values.dataFreeBytes,
  };
  const fetching = {
    perOrigin: values.dataPerOrigin,
    inAll: values.dataPerOrigin * 4,
    tries: values.dataTries,
    slowBytesPerSecond: values.dataSlowBytes,
    slowMs: values.dataSlowMs,
  };
  const split = values.dataSplit === '' ? {} : { split: parseSplit(values.dataSplit) };
  return { limits, fetching, recheckMs: values.dataRecheckMs, ...split };
}

/** How origins are asked: by the proxies and with the credentials of the settings. */
export function askingOf(
  { dataProxy, dataCredentials }: DataValues,
  { environment, home }: Pick<Surroundings, 'environment' | 'home'>,
  { clock, onEvent }: { readonly clock: Clock; onEvent(event: StoreEvent): void },
): HttpOptions {
  const netrc = environment.NETRC || join(home, '.netrc');
  const configHome = environment.XDG_CONFIG_HOME || join(home, '.config');
  const file = dataCredentials || join(configHome, 'windrow', 'credentials.toml');
  const isFileNamed = dataCredentials !== '';
  return {
    proxies: proxyRules(dataProxy, environment),
    credentials: openCredentials({ netrc, file, isFileNamed, environment, home, clock }),
    userAgent: `windrow/${VERSION}`,
    clock,
    random: Math.random,
    onEvent,
  };
}
