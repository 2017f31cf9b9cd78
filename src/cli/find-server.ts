import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { messageOf, plainShellWord, systemCodeOf, systemReasonOf, WindrowError } from '#base';
import { cliErrors } from './errors.ts';
import type { OpenedServer } from './port.ts';
import type { ReadSettings, World } from './world.ts';

/** How to reach a server, and how to leave it. */
export interface Reached extends OpenedServer {
  /** False: it was opened by this process to read what is stored; it changes nothing. */
  readonly writable: boolean;
  /** Absolute state directory, where it is a server of this machine that was found by it. */
  readonly place: string | null;
}

export interface ServerWish {
  /** The command only looks; a state directory without a server is enough. */
  readonly readOnly: boolean;
  openState(stateDirectory: string): Promise<OpenedServer>;
}

/** What a server writes into its state directory (mode 0600) when it accepts connections. */
export interface ServerFile {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
}

export const SERVER_FILE = 'server.json';
export const TOKEN_FILE = 'admin-token';
export const SESSION_FILE = 'session';

const SERVER_FILE_MOST_BYTES = 4096;
/** A server on this machine answers in milliseconds; one that hangs must not hang us. */
const PROBE_MS = 3000;

/**
 * Finds the server that a command means: the one that --server names, else that of the state
 * directory, else, for those who only look, the state directory itself.
 * Throws SERVER_NOT_FOUND, SERVER_NOT_RUNNING, SECRET_FILE_….
 */
export async function findServer(
  settings: ReadSettings,
  wish: ServerWish,
  world: World,
): Promise<Reached> {
  const { server } = settings.values;
  if (server !== '')
    return {
      ...(await namedServer(settings)),
      close: async () => {},
      writable: true,
      place: null,
    };
  const places = placesToLook(settings, world);
  const stored: string[] = [];
  for (const place of places) {
    const running = await runningServer(place, settings);
    if (running) return { ...running, close: async () => {}, writable: true, place };
    if (await isThere(join(place, TOKEN_FILE))) stored.push(place);
  }
  const here = world.surroundings.directory;
  const shown = (place: string) => shortest(here, place);
  if (stored.length === 0) {
    throw cliErrors.create('SERVER_NOT_FOUND', { places: places.map(shown).join(', ') });
  }
  if (!wish.readOnly) throw cliErrors.create('SERVER_NOT_RUNNING', { state: shown(stored[0]!) });
  return { ...(await wish.openState(stored[0]!)), writable: false, place: stored[0]! };
}

/** What commands that are given in `here` must say to find the server of a state directory. */
export function reachOf(stateDirectory: string, here: string): string {
  if (usualPlaces(here).includes(stateDirectory)) return '';
  const named = basename(stateDirectory) === '.windrow' ? dirname(stateDirectory) : stateDirectory;
  return ` --state ${plainShellWord(shortest(here, named))}`;
}

function usualPlaces(here: string): string[] {
  return [resolve(here, '.windrow'), resolve(here, 'results', '.windrow')];
}

/** A state directory that was named is the only place; `DIR` may also hold it as `DIR/.windrow`. */
function placesToLook(settings: ReadSettings, world: World): string[] {
  const { stateDirectory } = settings.values;
  if (settings.origins.stateDirectory.kind !== 'default') {
    return [stateDirectory, join(stateDirectory, '.windrow')];
  }
  return [...usualPlaces(world.surroundings.directory), stateDirectory];
}

async function namedServer(settings: ReadSettings): Promise<{ url: string; token: string }> {
  const { server, token, tokenFile, stateDirectory } = settings.values;
  if (token !== '') return { url: server, token };
  return {
    url: server,
    token: await readToken(server, tokenFile || join(stateDirectory, TOKEN_FILE)),
  };
}

/** The token of a server that was named. Throws TOKEN_MISSING, SECRET_FILE_…. */
export async function readToken(server: string, path: string): Promise<string> {
  const { readSecretFile } = await import('#wire');
  try {
    return await readSecretFile(path);
  } catch (error) {
    if (!(error instanceof WindrowError && error.code === 'SECRET_FILE_UNREADABLE')) throw error;
    const reason = systemReasonOf(error.cause);
    throw cliErrors.create('TOKEN_MISSING', { server, path, reason }, { cause: error });
  }
}

/** The server of a state directory if it answers; its file may be left from one that was killed. */
async function runningServer(
  place: string,
  settings: ReadSettings,
): Promise<{ url: string; token: string } | null> {
  const file = await readServerFile(place);
  if (!file) return null;
  const { ApiClient, readSecretFile } = await import('#wire');
  const { token, tokenFile } = settings.values;
  const secret = token || (await readSecretFile(tokenFile || join(place, TOKEN_FILE)));
  const client = new ApiClient({ url: file.url, token: secret, timeoutMs: PROBE_MS });
  try {
    const { stateDirectory } = await client.call('getServer', {});
    // Another server may have got the port since; its answer says whose it is.
    return resolve(stateDirectory) === resolve(place) ? { url: file.url, token: secret } : null;
  } catch (error) {
    if (error instanceof WindrowError && GONE.has(error.code)) return null;
    throw error;
  } finally {
    await client.close();
  }
}

/** Nothing is there, or something else than the server that wrote the file. */
const GONE = new Set([
  'SERVER_UNREACHABLE',
  'SERVER_CONNECTION_LOST',
  'SERVER_REFUSED',
  'SERVER_ANSWER_MALFORMED',
  'API_TOKEN_WRONG',
]);

/** Reads `server.json`; null when there is none. Throws SERVER_FILE_MALFORMED. */
export async function readServerFile(stateDirectory: string): Promise<ServerFile | null> {
  const path = join(stateDirectory, SERVER_FILE);
  const malformed = (reason: string) => cliErrors.create('SERVER_FILE_MALFORMED', { path, reason });
  let text: string;
  try {
    if ((await stat(path)).size > SERVER_FILE_MOST_BYTES) throw malformed('it is too long');
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT' || systemCodeOf(error) === 'ENOTDIR') return null;
    throw error instanceof WindrowError ? error : malformed(messageOf(error));
  }
  try {
    const { url, pid, version } = JSON.parse(text);
    if (typeof url !== 'string' || !Number.isSafeInteger(pid))
      throw new Error('no url and pid in it');
    return { url, pid, version: String(version) };
  } catch (error) {
    throw malformed(messageOf(error));
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

function shortest(here: string, path: string): string {
  const near = relative(here, path);
  return near.startsWith('..') || near === '' ? path : `./${near}`;
}
