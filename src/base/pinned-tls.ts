/**
 * TLS to a server whose certificate is known by its fingerprint: of the certificate itself, or of
 * the authority that signed it and is sent along. Then no name and no authority of the system
 * matters, only the chain up to the pinned certificate and the time.
 */
import type { X509Certificate } from 'node:crypto';
import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { systemCodeOf } from './errors.ts';

export const LEAST_TLS_VERSION = 'TLSv1.2';

/** A chain longer than this is none of ours. */
const MOST_CERTIFICATES = 5;
/** A connection that takes longer is none; where packets vanish nothing else would end it. */
const CONNECT_MS = 10_000;

/** Why a certificate is not accepted: `code` is stable, `found` what was seen instead. */
export class CertificateRefused extends Error {
  readonly code: 'ERR_PIN_MISMATCH' | 'ERR_PIN_EXPIRED' | 'ERR_PIN_CHAIN';
  readonly found: string;

  constructor(code: CertificateRefused['code'], found: string) {
    super(`${code}: ${found}`);
    this.code = code;
    this.found = found;
  }
}

const UNTRUSTED =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CRL_|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH)/;

/** Whether a connection failed because the certificate that was shown is not accepted: trying again is no use. */
export function isCertificateFault(error: unknown): boolean {
  return error instanceof CertificateRefused || UNTRUSTED.test(systemCodeOf(error) ?? '');
}

/** SHA-256 of a certificate (DER) in 64 lower-case hex digits. */
export function fingerprintOf(certificate: Pick<X509Certificate, 'fingerprint256'>): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** `sha256:AB:CD…` or the same without colons, in any case, to 64 hex digits; null for anything else. */
export function parsePin(text: string): string | null {
  const [, digits = ''] = /^sha256[:=]([0-9a-f:]+)$/i.exec(text.trim()) ?? [];
  const pin = digits.replaceAll(':', '').toLowerCase();
  return /^[0-9a-f]{64}$/.test(pin) ? pin : null;
}

/**
 * Why the certificate that a connected socket was shown is not the pinned one or signed by it; null
 * when all is well. To be asked before anything is sent, of a session that was not resumed: that one
 * brings no certificates.
 */
export function refusalOf(socket: TLSSocket, pin: string): CertificateRefused | null {
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return new CertificateRefused('ERR_PIN_CHAIN', 'no certificate');
  const nowMs = Date.now();
  for (let certificate = leaf, seen = 0; seen < MOST_CERTIFICATES; seen++) {
    if (certificate.validToDate.getTime() < nowMs)
      return new CertificateRefused('ERR_PIN_EXPIRED', certificate.validTo);
    if (fingerprintOf(certificate) === pin) return null;
    const issuer = certificate.issuerCertificate;
    if (!issuer || fingerprintOf(issuer) === fingerprintOf(certificate)) break;
    const isSigned =
      issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    if (!isSigned) return new CertificateRefused('ERR_PIN_CHAIN', 'a signature is wrong');
    certificate = issuer;
  }
  return new CertificateRefused('ERR_PIN_MISMATCH', `sha256:${fingerprintOf(leaf)}`);
}

/** Nobody took the connection, or shook hands, in time. */
export class ConnectTimeout extends Error {
  readonly code = 'ETIMEDOUT';
}

/**
 * For node:https. `pin` null: certificates are trusted as the system says. No class of its own, whose
 * base would be loaded where nobody speaks TLS.
 */
export function pinnedAgent(
  options: AgentOptions,
  pin: string | null,
  connectMs = CONNECT_MS,
): Agent {
  const agent = new Agent({ ...options, maxCachedSessions: 0, minVersion: LEAST_TLS_VERSION });
  /** Of those the agent knows nothing yet. */
  const connecting = new Set<TLSSocket>();
  // Given to `done` only when its certificate is accepted.
  agent.createConnection = (target: ConnectionOptions, done: Connected): undefined => {
    const socket = connect(pin === null ? target : { ...target, rejectUnauthorized: false });
    connecting.add(socket);
    const fail = (error: Error) => {
      clearTimeout(timer);
      connecting.delete(socket);
      socket.destroy();
      done(error, socket);
    };
    const timer = setTimeout(() => {
      socket.off('error', fail);
      fail(new ConnectTimeout());
    }, connectMs);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      connecting.delete(socket);
      socket.off('error', fail);
      const refusal = pin === null ? null : refusalOf(socket, pin);
      if (refusal) fail(refusal);
      else done(null, socket);
    });
  };
  const destroyIdle = agent.destroy.bind(agent);
  agent.destroy = () => {
    for (const socket of connecting) socket.destroy(new Error('the connection was closed'));
    destroyIdle();
  };
  return agent;
}

type Connected = (error: Error | null, stream: Duplex) => void;

/** An address of a server: `https://HOST:PORT#sha256:…` carries the pin where there is one. */
export interface ServerAddress {
  /** Without the pin: for requests and messages. */
  readonly origin: string;
  readonly pin: string | null;
}

/** What an address carries behind `#`. The pin is no secret. */
export function withPin(origin: string, pin: string | null): string {
  return pin === null ? origin : `${origin}#sha256:${pin}`;
}
