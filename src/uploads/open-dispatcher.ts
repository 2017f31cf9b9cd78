/** Connections of undici to a server, which the tus client and traces speak through. */
import type { TLSSocket } from 'node:tls';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { LEAST_TLS_VERSION, refusalOf } from '#base';

/** A peer that has vanished answers no probe; without them an idle connection lives for ever. */
const PROBED_AFTER_MS = 15_000;
const CONNECT_MS = 10_000;

/** What shows who we are to servers that ask for a certificate; PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * @param origin `http(s)://host[:port]`
 * @param pin of the certificate; null: it is trusted as the system says
 * @param own null: none is shown
 */
export function openDispatcher(
  origin: string,
  pin: string | null,
  own: ClientCertificate | null = null,
): Dispatcher {
  return new Pool(origin, {
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 60_000,
    connect: connectorFor(pin, own),
    // Whoever sends knows how long an answer may take; this only measures silence.
    headersTimeout: 0,
    bodyTimeout: 120_000,
  });
}

/** Checks a pinned certificate before the first request is sent. */
function connectorFor(pin: string | null, own: ClientCertificate | null): buildConnector.connector {
  const options = {
    ...own,
    timeout: CONNECT_MS,
    keepAliveInitialDelay: PROBED_AFTER_MS,
    minVersion: LEAST_TLS_VERSION,
  } as const;
  if (pin === null) return buildConnector(options);
  const connect = buildConnector({
    ...options,
    rejectUnauthorized: false,
    maxCachedSessions: 0,
  });
  return (options, done) =>
    connect(options, (error, socket) => {
      if (error) return done(error, null);
      const refusal = refusalOf(socket as TLSSocket, pin);
      if (!refusal) return done(null, socket);
      socket.destroy();
      done(refusal, null);
    });
}
