/** The datastore as settings have it: its limits, and the ways to origins. */
import { join } from 'node:path';
import type { Clock, DataValues, Surroundings } from '#base';
import type { DataOptions } from '#cli';
import {
  type Datastore,
  type DatastoreOptions,
  openCredentials,
  openDatastore,
  openFileTransport,
  openHttpTransport,
  parseSplit,
  proxyRules,
  type StoreEvent,
  type Transport,
} from '#datastore';
import { VERSION } from './version.ts';

export async function openData(
  { values, onEvent }: DataOptions,
  surroundings: Surroundings,
  clock: Clock,
): Promise<Datastore> {
  const http = httpTransport(values, surroundings, { clock, onEvent });
  const transports = [http, openFileTransport()];
  return openDatastore({ ...optionsOf(values), transports, clock, random: Math.random, onEvent });
}

/** What of the settings is the store's own. */
export function optionsOf(
  values: DataValues,
): Pick<DatastoreOptions, 'directory' | 'split' | 'limits' | 'fetching'> {
  const { dataDirectory, dataSplit, dataSpaceBytes, dataFiles, dataFreeBytes } = values;
  const limits = {
    mostBytes: dataSpaceBytes,
    mostFiles: dataFiles,
    leastFreeBytes: dataFreeBytes,
  };
  const fetching = {
    perOrigin: values.dataPerOrigin,
    inAll: values.dataPerOrigin * 4,
    tries: values.dataTries,
    slowBytesPerSecond: values.dataSlowBytes,
    slowMs: values.dataSlowMs,
  };
  const split = dataSplit === '' ? {} : { split: parseSplit(dataSplit) };
  return { directory: dataDirectory, limits, fetching, ...split };
}

/** To origins, by the proxies and with the credentials of the settings. */
export function httpTransport(
  { dataProxy, dataCredentials }: DataValues,
  { environment, home }: Pick<Surroundings, 'environment' | 'home'>,
  { clock, onEvent }: { readonly clock: Clock; onEvent(event: StoreEvent): void },
): Transport {
  const netrc = environment.NETRC || join(home, '.netrc');
  return openHttpTransport({
    proxies: proxyRules(dataProxy, environment),
    credentials: openCredentials({ netrc, file: dataCredentials, environment, home, clock }),
    userAgent: `windrow/${VERSION}`,
    clock,
    random: Math.random,
    onEvent,
  });
}
