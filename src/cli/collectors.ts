/** The trap collectors that a command means, and the tokens that let it change something there. */
import { join } from 'node:path';
import { isThisMachine, systemCodeOf, WindrowError } from '#base';
import type { CollectorClient } from '#traps';
import { cliErrors } from './errors.ts';
import { readServerFile, TOKEN_FILE } from './find-server.ts';
import { errorText } from './report-error.ts';
import { readTrapSettings } from './trap-settings.ts';
import type { ReadSettings, World } from './world.ts';

interface Asking {
  readonly options: Readonly<Record<string, unknown>>;
  readonly settings: ReadSettings;
}

/** Addresses (URLs, perhaps with a pin) of the named collectors, or of the one that the settings of this machine describe. */
export async function collectorUrls(
  named: readonly string[],
  { options }: Pick<Asking, 'options'>,
  world: World,
): Promise<string[]> {
  const { collectorUrl } = await import('#traps');
  if (named.length > 0) return [...new Set(named.map(collectorUrl))];
  const { host, port } = readTrapSettings(options, world).settings.values;
  const name = host === '' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return [collectorUrl(`http://${name}:${port}`)];
}

/** Lets `use` talk to collectors, and leaves them whatever happens. */
export async function withCollectors<T>(
  addresses: readonly string[],
  token: string | null,
  use: (clients: readonly CollectorClient[]) => Promise<T>,
): Promise<T> {
  const { CollectorClient } = await import('#traps');
  const clients = addresses.map((address) => new CollectorClient(address, token));
  try {
    return await use(clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

export interface Asked<T> {
  readonly url: string;
  /** With the pin that it is known by. */
  readonly address: string;
  readonly answer: T | null;
  readonly error: WindrowError | null;
}

/** Asks all of them at once; errors that are not coded are thrown. */
export async function askEach<T>(
  clients: readonly CollectorClient[],
  ask: (client: CollectorClient) => Promise<T>,
): Promise<Asked<T>[]> {
  return await Promise.all(
    clients.map(async (client) => {
      const { url, address } = client;
      try {
        return { url, address, answer: await ask(client), error: null };
      } catch (error) {
        if (!(error instanceof WindrowError)) throw error;
        return { url, address, answer: null, error };
      }
    }),
  );
}

/** The answers there are, with a word on stderr for each that is missing. Throws when all are. */
export function answersOf<T>(asked: readonly Asked<T>[], world: World): T[] {
  const answers = asked.flatMap(({ answer }) => (answer === null ? [] : [answer]));
  const errors = asked.flatMap(({ error }) => error ?? []);
  if (answers.length === 0 && errors[0]) throw errors[0];
  for (const error of errors) world.stderr.attempt(errorText(error, false));
  return answers;
}

/**
 * Changes something at all of them. A token goes only to whom it is for: a collector of this machine
 * gets the token of the collector here and that of this user's server, whose collector it may be,
 * and the first that is taken counts; any other gets the token that was named.
 */
export async function changeEach<T>(
  addresses: readonly string[],
  asking: Asking,
  world: World,
  change: (client: CollectorClient) => Promise<T>,
): Promise<Asked<T>[]> {
  const { tokenFile, stateDirectory } = readTrapSettings(asking.options, world).settings.values;
  await checkWays(addresses, asking, tokenFile);
  const { readSecretFile } = await import('#wire');
  const places = [stateDirectory, asking.settings.values.stateDirectory];
  const tokens = tokenFile === '' ? await tokensIn(places) : [await readSecretFile(tokenFile)];
  let asked: Asked<T>[] = [];
  let left = addresses;
  for (const token of tokens) {
    const now = await withCollectors(left, token, (clients) => askEach(clients, change));
    const refused = now.filter(({ error }) => error?.code === 'TRAP_TOKEN_WRONG');
    asked = [...asked.filter(({ address }) => !left.includes(address)), ...now];
    left = refused.map(({ address }) => address);
    if (left.length === 0) break;
  }
  return asked;
}

/** @throws WindrowError TRAP_TOKEN_NOT_OURS, TRAP_TOKEN_IN_CLEAR: before anything is sent */
async function checkWays(
  addresses: readonly string[],
  { settings }: Asking,
  tokenFile: string,
): Promise<void> {
  const { stateDirectory, insecure } = settings.values;
  const server = await readServerFile(stateDirectory);
  const serverOrigin = server && URL.parse(server.url)?.origin;
  for (const address of addresses) {
    const { hostname, protocol, origin: url } = new URL(address);
    if (isThisMachine(hostname.replace(/^\[|\]$/g, ''))) continue;
    if (tokenFile === '' && url !== serverOrigin) {
      throw cliErrors.create('TRAP_TOKEN_NOT_OURS', { url });
    }
    if (protocol !== 'https:' && !insecure) {
      throw cliErrors.create('TRAP_TOKEN_IN_CLEAR', { url });
    }
  }
}

/** @throws WindrowError when there is none at all: TRAP_TOKEN_MISSING, or why one could not be read */
async function tokensIn(directories: readonly string[]): Promise<string[]> {
  const { readSecretFile } = await import('#wire');
  const tried = await Promise.allSettled(
    directories.map((directory) => readSecretFile(join(directory, TOKEN_FILE))),
  );
  const found = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (found.length > 0) return found;
  const failures = tried.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  const told = failures.find((error) => systemCodeOf(error?.cause) !== 'ENOENT');
  throw told ?? cliErrors.create('TRAP_TOKEN_MISSING', { places: directories.join(', ') });
}
