/**
 * What is shown to an origin that asks who is there. Credentials belong to scheme, host and port; they
 * are read when they are needed, and stay in memory.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { type Clock, messageOf, systemCodeOf, systemReasonOf } from '#base';
import { datastoreErrors } from '../errors.ts';
import type { Login } from '../transport.ts';
import { netrcLogin, parseNetrc } from './netrc.ts';

const MOST_FILE_BYTES = 1 << 20;
const COMMAND_MS = 10_000;
const MOST_TOKEN_BYTES = 64 * 1024;
/** Tokens live for minutes; a command may take a second. */
const KEPT_MS = 60_000;

export interface Credentials {
  /** The value of Authorization, or null: nothing is known. Rejects with DATA_CREDENTIALS_WRONG. */
  authorizationFor(url: URL): Promise<string | null>;
  /** The origin would not have it. True when there may be a newer one now. */
  refused(url: URL): boolean;
}

export interface CredentialPlaces {
  /** Absolute; need not be there. */
  readonly netrc: string;
  /** Absolute; TOML, a table for each origin. */
  readonly file: string;
  /** Somebody has named the file: it must be there. */
  readonly isFileNamed: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly clock: Clock;
}

/** `["https://data.example"]` of the file: one of the three ways. */
type OriginEntry =
  | { readonly user: string; readonly password: string }
  | { readonly 'bearer-file': string }
  | { readonly 'bearer-command': readonly string[] };

export function basicAuthorization({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export function openCredentials(places: CredentialPlaces): Credentials {
  const kept = new Map<
    string,
    { readonly value: string; readonly untilMs: number; isOld: boolean }
  >();
  const { clock } = places;
  return {
    async authorizationFor(url) {
      const known = kept.get(url.origin);
      if (known && clock.monotonic() < known.untilMs) {
        known.isOld = true;
        return known.value;
      }
      const value = await find(places, url);
      const untilMs = clock.monotonic() + KEPT_MS;
      if (value !== null) kept.set(url.origin, { value, untilMs, isOld: false });
      return value;
    },
    refused(url) {
      const known = kept.get(url.origin);
      kept.delete(url.origin);
      return known?.isOld === true;
    },
  };
}

async function find(places: CredentialPlaces, url: URL): Promise<string | null> {
  const entry = await entryFor(places, url);
  if (entry !== null) return authorizationOf(entry, places);
  const text = await readPrivateFile(places.netrc, (netrc) => {
    return netrcLogin(parseNetrc(netrc), url.hostname) !== null;
  });
  const login = text === null ? null : netrcLogin(parseNetrc(text), url.hostname);
  return login === null ? null : basicAuthorization(login);
}

async function entryFor(places: CredentialPlaces, url: URL): Promise<OriginEntry | null> {
  const { file, isFileNamed } = places;
  const text = await readPrivateFile(file, () => true);
  const wrong = (reason: string) => {
    return datastoreErrors.create('DATA_CREDENTIALS_WRONG', { file, reason });
  };
  if (text === null && isFileNamed) throw wrong('it is not there');
  if (text === null) return null;
  let origins: Record<string, unknown>;
  try {
    origins = parse(text) as Record<string, unknown>;
  } catch (error) {
    // The library's message shows the line, which may hold the secret.
    throw wrong(`it is no TOML${lineOf(error)}`);
  }
  for (const [name, value] of Object.entries(origins)) {
    if (!URL.canParse(name))
      throw wrong(`${JSON.stringify(name)} is no origin like "https://host"`);
    if (new URL(name).origin !== url.origin) continue;
    if (isEntry(value)) return value;
    throw wrong(`${name} needs user and password, bearer-file, or bearer-command`);
  }
  return null;
}

function lineOf(error: unknown): string {
  const { line } = error as { line?: unknown };
  return typeof line === 'number' ? ` from line ${line} on` : '';
}

function isEntry(value: unknown): value is OriginEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Record<string, unknown>;
  const command = entry['bearer-command'];
  return (
    (typeof entry.user === 'string' && typeof entry.password === 'string') ||
    typeof entry['bearer-file'] === 'string' ||
    (Array.isArray(command) &&
      command.length > 0 &&
      command.every((one) => typeof one === 'string'))
  );
}

async function authorizationOf(entry: OriginEntry, places: CredentialPlaces): Promise<string> {
  if ('user' in entry) return basicAuthorization(entry);
  if ('bearer-command' in entry) return bearer(await runFor(entry['bearer-command'], places.file));
  const path = entry['bearer-file'];
  if (path === 'discover') return bearer(await discoverToken(places));
  const file = path.startsWith('~/') ? join(places.home, path.slice(2)) : path;
  const token = await readPrivateFile(file, () => true);
  if (token !== null) return bearer(checkedToken(token, file));
  throw datastoreErrors.create('DATA_CREDENTIALS_WRONG', { file, reason: 'it is not there' });
}

function bearer(token: string): string {
  return `Bearer ${token}`;
}

/**
 * WLCG Bearer Token Discovery (zenodo.org/records/3937438): the first place that has one. It is not
 * passed over when it is wrong: that would hide why.
 */
async function discoverToken({ environment, file }: CredentialPlaces): Promise<string> {
  const user = process.getuid?.() ?? 0;
  if (environment.BEARER_TOKEN) return checkedToken(environment.BEARER_TOKEN, 'BEARER_TOKEN');
  const runtime = environment.XDG_RUNTIME_DIR;
  const named = environment.BEARER_TOKEN_FILE;
  const usual = [...(runtime ? [join(runtime, `bt_u${user}`)] : []), `/tmp/bt_u${user}`];
  for (const path of named ? [named] : usual) {
    const token = await readPrivateFile(path, () => true);
    if (token !== null) return checkedToken(token, path);
  }
  const reason = 'no bearer token was found where WLCG looks for one';
  throw datastoreErrors.create('DATA_CREDENTIALS_WRONG', { file, reason });
}

/** RFC 6750's b64token: anything else could write headers of its own. */
function checkedToken(text: string, file: string): string {
  const token = text.trim();
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
  throw datastoreErrors.create('DATA_CREDENTIALS_WRONG', { file, reason: 'it holds no token' });
}

function runFor(argv: readonly string[], file: string): Promise<string> {
  const [command = '', ...args] = argv;
  const options = {
    timeout: COMMAND_MS,
    maxBuffer: MOST_TOKEN_BYTES,
    killSignal: 'SIGKILL',
  } as const;
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout) => {
      const reason = `${command} failed: ${error ? systemReasonOf(error) : ''}`;
      if (error) reject(datastoreErrors.create('DATA_CREDENTIALS_WRONG', { file, reason }));
      else resolve(stdout);
    });
  }).then((stdout) => checkedToken(String(stdout).split('\n')[0] ?? '', `what ${command} prints`));
}

/**
 * Null when there is no such file. A file that others may read is refused, if what is in it is
 * needed at all.
 */
export async function readPrivateFile(
  path: string,
  isNeeded: (text: string) => boolean,
): Promise<string | null> {
  const wrong = (reason: string) => {
    return datastoreErrors.create('DATA_CREDENTIALS_WRONG', { file: path, reason });
  };
  if (path === '') return null;
  try {
    await using handle = await open(path, constants.O_RDONLY);
    const { mode, uid, size } = await handle.stat();
    if (size > MOST_FILE_BYTES) throw wrong('it is longer than 1 MiB');
    const text = await handle.readFile('utf8');
    if (!isNeeded(text)) return null;
    const own = process.getuid?.();
    if ((mode & 0o077) !== 0) throw wrong('others may read it');
    if (own !== undefined && uid !== own && uid !== 0) throw wrong('it belongs to somebody else');
    return text;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (code?.startsWith('DATA_')) throw error;
    throw wrong(messageOf(error));
  }
}
