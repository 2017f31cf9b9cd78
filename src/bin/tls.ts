/** Certificates: those of a server while it runs, and the commands that make them. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { formatDuration, messageOf, systemClock, systemReasonOf } from '#base';
import {
  certificateErrors,
  filesIn,
  initTls,
  type ServerTls as ReadTls,
  readTls,
  renewTls,
} from '#certificates';
import type { Certificates, TlsWish } from '#cli';
import type { ServerTls } from '#server';

const LOOK_MS = 10_000;
/** Before its end the server says so at each start. */
const WARN_MS = 30 * 86_400_000;

export interface OpenTls {
  readonly first: ServerTls;
  close(): void;
}

interface TlsPorts {
  /** The files were changed: new connections are to get the new certificate. */
  readonly onRenewed: (tls: ServerTls) => void;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
}

/** Reads the certificate, and again whenever its file changes. Throws TLS_…. */
export function openTls(files: TlsWish, clientAuthority: string, ports: TlsPorts): OpenTls {
  const clients = clientAuthority === '' ? null : readAuthority(clientAuthority);
  const first = readTls(files, systemClock.now());
  warnOfEnd(first, ports);
  let seen = markOf(files);
  let { pin } = first;
  const look = () => {
    const mark = markOf(files);
    if (mark === seen) return;
    try {
      const renewed = readTls(files, systemClock.now());
      seen = mark;
      ports.onRenewed(withClients(renewed, clients));
      ports.log('info', 'new connections get the new certificate', { names: renewed.names });
      if (renewed.pin !== pin) {
        ports.log('warn', 'it has another authority: who pins the old one must be told the new');
      }
      pin = renewed.pin;
    } catch (error) {
      ports.log('warn', 'the changed certificate cannot be used', { error: messageOf(error) });
    }
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return { first: withClients(first, clients), close: () => clearInterval(timer) };
}

function withClients(tls: ReadTls, clientAuthority: string | null): ServerTls {
  const { certificate, key, pin } = tls;
  return { certificate, key, pin, clientAuthority };
}

function warnOfEnd({ validToMs }: ReadTls, { log }: TlsPorts): void {
  const leftMs = validToMs - systemClock.now();
  if (leftMs > WARN_MS) return;
  const left = formatDuration(leftMs);
  log('warn', 'the certificate is soon over; make a new one with `windrow tls renew`', { left });
}

/** Changes when a file does. */
function markOf({ certificate, key }: TlsWish): string {
  return [certificate, key]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat ? `${stat.ino}:${stat.mtimeMs}:${stat.size}` : 'none';
    })
    .join(' ');
}

function readAuthority(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  } catch (error) {
    throw certificateErrors.create('TLS_UNUSABLE', { file, reason: systemReasonOf(error) });
  }
  throw certificateErrors.create('TLS_UNUSABLE', { file, reason: 'there is no certificate in it' });
}

/**
 * Certificates of a directory, which are made, or made anew when they are soon over, or when a kill
 * while they were made left them by halves. Throws TLS_….
 */
export async function ensureCertificates(directory: string): Promise<TlsWish> {
  const files = filesIn(directory);
  const nowMs = systemClock.now();
  if (!existsSync(join(directory, 'ca.pem'))) {
    await initTls(directory, certificates.ownNames(), nowMs);
  } else if (!isFit(files, nowMs)) {
    await renewTls(directory, certificates.ownNames(), nowMs);
  }
  return files;
}

function isFit(files: TlsWish, nowMs: number): boolean {
  try {
    return readTls(files, nowMs).validToMs - nowMs > WARN_MS;
  } catch {
    return false;
  }
}

export const certificates: Certificates = {
  init: initTls,
  renew: renewTls,
  show: readTls,
  ownNames() {
    const addresses = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ address }) => !/^fe80:/i.test(address))
      .map(({ address }) => address);
    return [...new Set([hostname(), 'localhost', ...addresses])];
  },
};
