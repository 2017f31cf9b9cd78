import { printable } from '#base';
import type { RuleEvent } from './event-ad.ts';
import { type Action, FinalFailure } from './outbox.ts';

/** How this site sends mail: by its program (which is given addresses as words), or by SMTP. */
export type MailWay =
  | { readonly kind: 'sendmail'; readonly program: string }
  | {
      readonly kind: 'smtp';
      readonly url: string;
      readonly user: string;
      readonly password: string;
    };

export interface MailOptions {
  readonly rule: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly way: MailWay;
}

const TIMEOUT_MS = 30_000;
const SUBJECT_MOST = 200;

export function mail({ rule, from, to, way }: MailOptions): Action {
  return {
    what: `mail to ${to.join(', ')}`,
    async act(event, leftOut, signal) {
      // Loaded only where something is mailed.
      const { createTransport } = await import('nodemailer');
      const transport = createTransport(transportOf(way) as never);
      const stop = () => transport.close();
      signal.addEventListener('abort', stop, { once: true });
      try {
        await transport.sendMail({
          ...{ from, to: [...to], subject: subjectOf(rule, event) },
          text: textOf(event, leftOut),
          // Nobody answers a machine's mail by another machine's.
          headers: { 'Auto-Submitted': 'auto-generated' },
          disableFileAccess: true,
          disableUrlAccess: true,
        });
      } catch (error) {
        throw isFinal(error) ? new FinalFailure((error as Error).message) : error;
      } finally {
        signal.removeEventListener('abort', stop);
        transport.close();
      }
    },
  };
}

function transportOf(way: MailWay): object {
  if (way.kind === 'sendmail') return { sendmail: true, newline: 'unix', path: way.program };
  const { hostname, port, protocol } = new URL(way.url);
  return {
    ...{ host: hostname.replace(/^\[|\]$/g, ''), secure: protocol === 'smtps:' },
    ...(port === '' ? {} : { port: Number(port) }),
    ...(way.user === '' ? {} : { auth: { user: way.user, pass: way.password } }),
    // A password is never sent in clear.
    requireTLS: way.user !== '',
    ...{ connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS },
  };
}

/** The server took the mail for wrong, once and for all (RFC 5321, section 4.2.1). */
function isFinal(error: unknown): boolean {
  return Number((error as { responseCode?: unknown }).responseCode ?? 0) >= 500;
}

function subjectOf(rule: string, event: RuleEvent): string {
  const said = event.message ?? event.reason ?? event.name ?? '';
  const subject = `[windrow] ${rule}: ${event.kind} ${printable(String(said))}`.trim();
  return subject.length > SUBJECT_MOST ? `${subject.slice(0, SUBJECT_MOST)}…` : subject;
}

function textOf(event: RuleEvent, leftOut: number): string {
  const lines = Object.entries(event).map(
    ([name, value]) =>
      `${name}: ${typeof value === 'string' ? printable(value) : JSON.stringify(value)}`,
  );
  const more =
    leftOut > 0
      ? ['', `Before this one ${leftOut} others were left out: there were too many.`]
      : [];
  return `${[...lines, ...more].join('\n')}\n`;
}
