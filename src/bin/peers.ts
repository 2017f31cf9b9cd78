/** A worker's door for other workers: a certificate of its own, known by its fingerprint. */
import { X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { fingerprintOf, systemClock } from '#base';
import { issueAuthority, issueServer } from '#certificates';
import type { Held } from '#datastore';
import { type OpenPeerDoor, openPeerDoor } from '#worker';

/** @param port 0: any that is free */
export async function openPeers(
  port: number,
  hold: (sha256: string) => Promise<Held | null>,
): Promise<OpenPeerDoor> {
  const nowMs = systemClock.now();
  const authority = await issueAuthority('windrow worker', nowMs);
  const { certificate, key } = await issueServer(authority, [hostname()], nowMs);
  const pin = fingerprintOf(new X509Certificate(certificate));
  return openPeerDoor({ port, certificate, key, pin, hold });
}
