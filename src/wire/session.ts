/**
 * Secrets that let one process speak to another: the session of workers and of the open protocol,
 * and the token of the user API. They live in files of mode 0600 and travel in the
 * `Authorization` header (or, for curl, as `sessionID`), never in argv or a log.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { systemCodeOf, systemReasonOf } from '#base';
import { wireErrors } from './errors.ts';

const SECRET_BYTES = 32;
const SECRET_FILE_BYTES = 1024;
const SECRET_FORM = /^[\x21-\x7e]{16,512}$/;

/** 256 random bits as 43 characters of base64url. */
export function makeSecret(random: (bytes: number) => Buffer = randomBytes): string {
  return random(SECRET_BYTES).toString('base64url');
}

/**
 * Makes a comparison with one secret. The time it takes tells nothing of a common prefix; it may tell
 * that the length is another, and that of every secret is known (`makeSecret`).
 */
export function secretMatcher(secret: string): (candidate: string) => boolean {
  const expected = Buffer.from(secret);
  return (candidate) => {
    const given = Buffer.from(candidate);
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
}

/** The token of an `Authorization: Bearer …` header (RFC 6750), or undefined. */
export function bearerToken(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +([\x21-\x7e]+)$/i.exec(header)?.[1];
}

/**
 * Reads a secret from a file. The open file is checked, not its name, so that it cannot be
 * exchanged in between. Throws `SECRET_FILE_…`.
 */
export async function readSecretFile(path: string): Promise<string> {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    const facts = { path, reason: systemReasonOf(error) };
    throw wireErrors.create('SECRET_FILE_UNREADABLE', facts, { cause: error });
  });
  try {
    await checkSecretFile(path, file);
    return await readSecret(path, file);
  } finally {
    await file.close();
  }
}

/** Writes a secret to `path`, mode 0600, in place of what was there; durable when it returns. */
export async function writeSecretFile(path: string, secret: string): Promise<void> {
  await withDraft(path, secret, (draft) => rename(draft, path));
}

/**
 * The secret in `path`, which is made when there is none. Processes that do so at the same moment
 * all get the same one.
 */
export async function ensureSecretFile(
  path: string,
  random: (bytes: number) => Buffer = randomBytes,
): Promise<string> {
  try {
    return await readSecretFile(path);
  } catch (error) {
    if (systemCodeOf((error as Error).cause) !== 'ENOENT') throw error;
  }
  await withDraft(path, makeSecret(random), async (draft) => {
    // link, unlike rename, fails when another process was first.
    await link(draft, path).catch((error) => {
      if (systemCodeOf(error) !== 'EEXIST') throw error;
    });
  });
  return await readSecretFile(path);
}

async function withDraft(
  path: string,
  secret: string,
  publish: (draft: string) => Promise<void>,
): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.new`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${secret}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await publish(draft);
  } catch (error) {
    throw wireErrors.create('SECRET_FILE_UNWRITABLE', { path, reason: systemReasonOf(error) });
  } finally {
    await unlink(draft).catch(() => {});
  }
}

async function checkSecretFile(path: string, file: FileHandle): Promise<void> {
  const stat = await file.stat();
  if (!stat.isFile()) throw malformed(path, 'no regular file');
  if (process.platform === 'win32') return;
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    throw wireErrors.create('SECRET_FILE_OPEN_TO_OTHERS', { path, mode });
  }
  const user = process.getuid?.() ?? stat.uid;
  // root's files are trusted: administrators hand secrets to services that way.
  if (stat.uid !== user && stat.uid !== 0 && user !== 0) {
    throw wireErrors.create('SECRET_FILE_FOREIGN', { path, owner: stat.uid, expected: user });
  }
}

async function readSecret(path: string, file: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(SECRET_FILE_BYTES + 1);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  if (bytesRead === 0) throw malformed(path, 'an empty file');
  if (bytesRead > SECRET_FILE_BYTES) {
    throw malformed(path, `more than ${SECRET_FILE_BYTES} bytes`);
  }
  const secret = buffer.toString('latin1', 0, bytesRead).replace(/\r?\n$/, '');
  if (!SECRET_FORM.test(secret)) throw malformed(path, 'something else');
  return secret;
}

function malformed(path: string, found: string): Error {
  return wireErrors.create('SECRET_FILE_MALFORMED', { path, found });
}
