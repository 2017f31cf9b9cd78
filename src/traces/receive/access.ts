/** Who may upload, and how: decided before anything of a body is read. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { isLoopback } from '#base';
import { secretMatcher } from '#wire';
import { tracesErrors } from '../errors.ts';

export interface AccessRules {
  /** What senders call themselves; `rocks` in clients of old. */
  readonly account: string;
  /** `''`: none is needed. */
  readonly secret: string;
  /** Only senders whose certificate the TLS side has checked. */
  readonly needsCertificate: boolean;
  /** Take uploads over plain HTTP from other machines. */
  readonly insecure: boolean;
}

/** Checks what the connection and the head of the request tell. Throws TRACE_PLAIN_HTTP, TRACE_CERTIFICATE_MISSING, TRACE_SECRET_WRONG. */
export function requireSender(request: IncomingMessage, rules: AccessRules): void {
  const socket = request.socket as TLSSocket;
  if (!socket.encrypted && !rules.insecure && !isLoopback(addressOf(socket)))
    throw tracesErrors.create('TRACE_PLAIN_HTTP');
  if (rules.needsCertificate && !socket.authorized)
    throw tracesErrors.create('TRACE_CERTIFICATE_MISSING');
  if (rules.secret !== '' && !secretMatcher(rules.secret)(secretOf(request)))
    throw tracesErrors.create('TRACE_SECRET_WRONG');
}

/** Throws TRACE_ACCOUNT_WRONG, TRACE_FIELD_MISSING. */
export function requireAccount(account: string | null | undefined, rules: AccessRules): void {
  if (!account) throw tracesErrors.create('TRACE_FIELD_MISSING', { field: 'username' });
  if (!secretMatcher(rules.account)(account)) throw tracesErrors.create('TRACE_ACCOUNT_WRONG');
}

/** `Bearer SECRET`, or the password of `Basic`, which is what old tools can send. */
function secretOf(request: IncomingMessage): string {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ');
  if (/^bearer$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return '';
  const pair = Buffer.from(value, 'base64').toString();
  return pair.slice(pair.indexOf(':') + 1);
}

/** IPv4 as such, where it came by a socket of IPv6. */
function addressOf({ remoteAddress = '' }: TLSSocket): string {
  return remoteAddress.replace(/^::ffff:/, '');
}
