/** What went wrong on the way, in words; and whether another try is worth it. */
import { messageOf, systemCodeOf } from '#base';
import { TransferFailure } from '../transport.ts';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'dropped the connection',
  EPIPE: 'dropped the connection',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached: there is no network to it',
  ENOTFOUND: 'is not known by name',
  EAI_AGAIN: 'could not be looked up by name',
  ETIMEDOUT: 'did not take the connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'did not take the connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'stopped sending',
  UND_ERR_SOCKET: 'dropped the connection',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'sent another number of bytes than it announced',
  UND_ERR_HEADERS_OVERFLOW: 'sent too many headers',
  UND_ERR_PRX_TLS: 'showed the proxy no proper certificate',
};

/** Certificates do not get better by asking again. */
const TLS = /^(CERT_|ERR_TLS_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL_|ERR_PIN_)/;

/** `whom`: the origin, or the proxy, as users know it. */
export function connectionFailure(error: unknown, whom: string): TransferFailure {
  if (error instanceof TransferFailure) return error;
  const code = deepCode(error);
  if (TLS.test(code)) {
    const told = `${whom} has no certificate that is trusted here (${code})`;
    return new TransferFailure('refused', told, { cause: error });
  }
  const told = WORDS[code] ?? `failed: ${messageOf(error)}`;
  return new TransferFailure('again', `${whom} ${told}`, { cause: error });
}

/** Libraries wrap what the system said; several addresses of a name fail in one AggregateError. */
function deepCode(error: unknown): string {
  const code = systemCodeOf(error);
  if (code !== undefined && code !== 'UND_ERR_ABORTED') return code;
  const { cause, errors } = (error ?? {}) as { cause?: unknown; errors?: unknown[] };
  const inner = errors?.[0] ?? cause;
  return inner === undefined ? (code ?? '') : deepCode(inner);
}

/** Worth another try: the request was too slow, too early or too much, or the server is in trouble. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}
