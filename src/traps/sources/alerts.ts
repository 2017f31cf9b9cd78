/**
 * Alerts in the two forms of Prometheus' world: what Alertmanager sends to webhooks (version 4,
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config), and what Prometheus
 * sends to Alertmanagers (`POST /api/v2/alerts`). An alert that fires is a condition that is
 * raised; its labels are what the condition is.
 */
import { hash } from 'node:crypto';
import type { TrapCategory } from '#model';
import { type TrapReport, trapReport } from '../report.ts';
import { Malformed, timeOf } from './json-report.ts';

const SEVERITIES: Readonly<Record<string, TrapCategory>> = {
  ...{ none: 0, info: 0, information: 0, notice: 0, debug: 0 },
  ...{ warning: 1, warn: 1, minor: 1 },
  ...{ critical: 2, error: 2, major: 2, high: 2 },
  ...{ fatal: 3, page: 3, emergency: 3, disaster: 3, alert: 3 },
};
const UNKNOWN_SEVERITY: TrapCategory = 1;
const LABELS_MOST = 200;

/** The alerts of a body, unread; null when it is of neither form. */
export function alertsOf(json: unknown): readonly unknown[] | null {
  if (Array.isArray(json)) return json;
  const { alerts } = (json ?? {}) as { alerts?: unknown };
  return Array.isArray(alerts) ? alerts : null;
}

/** @param nowMs decides whether an alert without status has ended */
export function readAlert(json: unknown, nowMs: number): TrapReport | Malformed {
  if (typeof json !== 'object' || json === null) return new Malformed('it is no object');
  const alert = json as Record<string, unknown>;
  const labels = textsOf(alert.labels);
  const annotations = textsOf(alert.annotations ?? {});
  if (labels === null || labels.size === 0) return new Malformed('labels: expected named texts');
  if (annotations === null) return new Malformed('annotations: expected named texts');
  const startsAtMs = timeOf(alert.startsAt);
  const isOver = hasEnded(alert, nowMs);
  const endsAtMs = isOver ? timeOf(alert.endsAt) : null;
  const name = labels.get('alertname') ?? 'alert';
  const text = annotations.get('summary') ?? annotations.get('description') ?? name;
  return trapReport({
    node: nodeOf(labels),
    fileSystem: labels.get('fs') ?? labels.get('filesystem') ?? '',
    category: isOver ? 0 : categoryOf(labels.get('severity')),
    message: isOver ? `resolved: ${text}` : text,
    kind: isOver ? 'clear' : 'raise',
    condition: `alert ${name} ${digestOf(labels)}`,
    source: 'alertmanager',
    atMs: (isOver ? endsAtMs : startsAtMs) ?? startsAtMs,
    // It is the same firing however often it is sent.
    sequence: startsAtMs === null ? null : String(startsAtMs),
  });
}

function textsOf(value: unknown): Map<string, string> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  const isRight =
    entries.length <= LABELS_MOST && entries.every(([, one]) => typeof one === 'string');
  return isRight ? new Map(entries) : null;
}

/** Prometheus gives no status; the end of what still fires lies ahead, or is the year 1. */
function hasEnded({ status, endsAt }: Record<string, unknown>, nowMs: number): boolean {
  if (status === 'resolved') return true;
  if (status === 'firing') return false;
  const endsAtMs = timeOf(endsAt);
  return endsAtMs !== null && endsAtMs > 0 && endsAtMs <= nowMs;
}

function nodeOf(labels: ReadonlyMap<string, string>): string {
  const named = labels.get('node') ?? labels.get('host') ?? labels.get('hostname');
  // `instance` is what was scraped, with the port of its exporter.
  return named ?? labels.get('instance')?.replace(/:\d+$/, '') ?? 'unknown';
}

function categoryOf(severity: string | undefined): TrapCategory {
  const known = severity?.toLowerCase() ?? '';
  return Object.hasOwn(SEVERITIES, known) ? SEVERITIES[known]! : UNKNOWN_SEVERITY;
}

function digestOf(labels: ReadonlyMap<string, string>): string {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(sorted), 'base64url').slice(0, 16);
}
