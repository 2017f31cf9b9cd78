import type pino from 'pino';
import { printable } from './terminal-text.ts';

export type Log = pino.Logger;

export interface LogOptions {
  readonly level: string;
  readonly format: 'pretty' | 'json';
  readonly color: boolean;
  /** Takes whole lines; stderr, unless a test looks. */
  write(line: string): void;
}

// Secrets as they stand in URLs, headers and JSON. The value ends at what cannot be in one.
const SECRETS = [
  /(\b(?:session(?:_?id)?|token)=)[^&\s"'\\#]+/gi,
  /(\bBearer\s+)[^\s"'\\,]+/gi,
  /("(?:authorization|cookie|set-cookie|token|session|sessionID|secret|password)"\s*:\s*")(?:[^"\\]|\\.)*/gi,
];

/**
 * Takes secrets out of a line, wherever in it they stand. The last look before the line leaves,
 * because a secret also comes inside messages, paths and errors of libraries.
 */
export function withoutSecrets(line: string): string {
  return SECRETS.reduce((text, pattern) => text.replace(pattern, '$1[hidden]'), line);
}

/** A log of one JSON document or one readable line per event; no secret ever leaves in it. */
export async function openLog(options: LogOptions): Promise<Log> {
  // Loaded here, because most commands never log and its loading would be felt in their start.
  const { default: pino } = await import('pino');
  const shape = options.format === 'pretty' ? (line: string) => pretty(line, options.color) : same;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A stack is for the log only, never for a user; the log is where it is looked for.
      serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
    },
    { write: (line: string) => options.write(shape(withoutSecrets(line))) },
  );
}

function same(line: string): string {
  return line;
}

const COLORS: Record<string, string> = { warn: '33', error: '31', fatal: '31' };

function pretty(line: string, color: boolean): string {
  const { level, time, msg, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const paint = color ? COLORS[String(level)] : undefined;
  const label = String(level).padEnd(5);
  const words = [
    String(time).slice(11, 19),
    paint === undefined ? label : `\u001b[${paint}m${label}\u001b[0m`,
    printable(String(msg ?? '')),
    ...Object.entries(facts).map(([name, value]) => printable(`${name}=${shown(value)}`)),
  ];
  return `${words.filter((word) => word !== '').join(' ')}\n`;
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? '';
  return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
}
