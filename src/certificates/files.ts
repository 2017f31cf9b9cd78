/**
 * Certificates on disk, all PEM: `ca.pem` and `ca-key.pem` of the site's authority, `server.pem`
 * (the server's certificate with the authority's behind it) and `server-key.pem`. Keys have mode 0600.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { fingerprintOf, makeDirectories, systemReasonOf, WindrowError } from '#base';
import { certificateErrors } from './errors.ts';
import { type Issued, issueAuthority, issueServer } from './issue.ts';

const MOST_BYTES = 1024 * 1024;

/** Where a server's certificate and key are. */
export interface TlsFiles {
  /** Absolute. */
  readonly certificate: string;
  readonly key: string;
}

/** What a server needs to speak TLS, and what others may know of it. */
export interface ServerTls {
  /** PEM, with its chain. */
  readonly certificate: string;
  readonly key: string;
  /**
   * SHA-256 by which others know the server: of its authority where that is sent along, so that it
   * outlives renewals; else of its certificate.
   */
  readonly pin: string;
  /** SHA-256 of the certificate itself. */
  readonly fingerprint: string;
  readonly names: readonly string[];
  readonly validFromMs: number;
  readonly validToMs: number;
}

export function filesIn(directory: string): TlsFiles {
  return { certificate: join(directory, 'server.pem'), key: join(directory, 'server-key.pem') };
}

/** Makes an authority and a first certificate. Throws TLS_EXISTS, TLS_NAME_WRONG, TLS_UNWRITABLE. */
export async function initTls(
  directory: string,
  names: readonly string[],
  nowMs: number,
): Promise<ServerTls> {
  requireNames(names);
  if (existsSync(join(directory, 'ca.pem')))
    throw certificateErrors.create('TLS_EXISTS', { directory });
  const authority = await issueAuthority(`Windrow at ${names[0]}`, nowMs);
  writeAll(directory, { 'ca-key.pem': authority.key, 'ca.pem': authority.certificate });
  return await issueInto(directory, authority, names, nowMs);
}

/**
 * A new certificate by the same authority: whoever pins that goes on. Without names it has those of
 * the last one. Throws TLS_MISSING, TLS_NAME_WRONG, TLS_UNWRITABLE.
 */
export async function renewTls(
  directory: string,
  names: readonly string[],
  nowMs: number,
): Promise<ServerTls> {
  requireNames(names);
  const authority: Issued = {
    certificate: read(join(directory, 'ca.pem'), directory),
    key: readKey(join(directory, 'ca-key.pem'), directory),
  };
  const known = names.length > 0 ? names : namesOf(read(join(directory, 'server.pem'), directory));
  return await issueInto(directory, authority, known, nowMs);
}

async function issueInto(
  directory: string,
  authority: Issued,
  names: readonly string[],
  nowMs: number,
): Promise<ServerTls> {
  const issued = await issueServer(authority, names, nowMs);
  const chain = issued.certificate + authority.certificate;
  // Two names cannot change at once: a server that reads in between finds a key that does not fit,
  // and reads again.
  writeAll(directory, { 'server-key.pem': issued.key, 'server.pem': chain });
  return readTls(filesIn(directory), nowMs);
}

/** Reads and checks what a server is to use. Throws TLS_…. */
export function readTls(files: TlsFiles, nowMs: number): ServerTls {
  const { certificate: file } = files;
  const certificate = read(file, file);
  const key = readKey(files.key, files.key);
  const chain = chainOf(certificate, file);
  const leaf = chain[0]!;
  if (!leaf.checkPrivateKey(parseKey(key, files.key)))
    throw certificateErrors.create('TLS_UNUSABLE', {
      file,
      reason: `the key in ${files.key} is another one`,
    });
  const validToMs = leaf.validToDate.getTime();
  if (validToMs < nowMs)
    throw certificateErrors.create('TLS_EXPIRED', {
      file,
      date: leaf.validToDate.toISOString().slice(0, 10),
    });
  return {
    certificate,
    key,
    pin: fingerprintOf(anchorOf(chain)),
    fingerprint: fingerprintOf(leaf),
    names: namesOf(certificate),
    validFromMs: leaf.validFromDate.getTime(),
    validToMs,
  };
}

/** The last of the chain that signed, one by the other, what comes before. */
function anchorOf(chain: readonly X509Certificate[]): X509Certificate {
  let anchor = chain[0]!;
  for (const next of chain.slice(1)) {
    if (!next.ca || !anchor.checkIssued(next) || !anchor.verify(next.publicKey)) break;
    anchor = next;
  }
  return anchor;
}

function chainOf(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length === 0) throw new Error('there is no certificate in it');
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw certificateErrors.create('TLS_UNUSABLE', { file, reason: (error as Error).message });
  }
}

function namesOf(pem: string): string[] {
  const text = new X509Certificate(pem).subjectAltName ?? '';
  return text.split(', ').flatMap((part) => /^(?:DNS|IP Address):(.+)$/.exec(part)?.[1] ?? []);
}

function parseKey(pem: string, file: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    throw certificateErrors.create('TLS_UNUSABLE', { file, reason: 'it holds no key' });
  }
}

function requireNames(names: readonly string[]): void {
  const wrong = names.find(
    (name) => isIP(name) === 0 && !/^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name),
  );
  if (wrong !== undefined)
    throw certificateErrors.create('TLS_NAME_WRONG', { name: JSON.stringify(wrong) });
}

function readKey(path: string, directory: string): string {
  const text = read(path, directory);
  const mode = statSync(path).mode & 0o7777;
  if ((mode & 0o077) === 0) return text;
  const shown = mode.toString(8).padStart(4, '0');
  throw certificateErrors.create('TLS_KEY_OPEN_TO_OTHERS', { file: path, mode: shown });
}

function read(path: string, directory: string): string {
  try {
    if (statSync(path).size > MOST_BYTES) throw new Error(`${path} is too large`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof WindrowError) throw error;
    const facts = { directory, reason: systemReasonOf(error) };
    throw certificateErrors.create('TLS_MISSING', facts, { cause: error });
  }
}

/** Each whole or not there; others may read at any time. */
function writeAll(directory: string, files: Readonly<Record<string, string>>): void {
  try {
    makeDirectories(directory, 0o700);
    for (const [name, text] of Object.entries(files)) {
      const draft = join(directory, `.${name}.${process.pid}`);
      rmSync(draft, { force: true });
      writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
      renameSync(draft, join(directory, name));
    }
  } catch (error) {
    const facts = { directory, reason: systemReasonOf(error) };
    throw certificateErrors.create('TLS_UNWRITABLE', facts, { cause: error });
  }
}
