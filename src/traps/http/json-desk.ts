/** What is asked in JSON: reports in, alerts in, the view of those who watch, and their changes. */
import type { IncomingMessage } from 'node:http';
import type { WindrowError } from '#base';
import type { TrapRecord } from '#model';
import { bearerToken } from '#wire';
import type { Collector } from '../collector/collector.ts';
import { trapsErrors } from '../errors.ts';
import type { TrapReport } from '../report.ts';
import { alertsOf, readAlert } from '../sources/alerts.ts';
import { itemsOf, Malformed, readNode, readTrap } from '../sources/json-report.ts';
import { acknowledge, addSilence, endSilence } from './changes.ts';
import { ViewDesk } from './view-desk.ts';

export interface JsonDeskParts {
  readonly collector: Collector;
  readonly now: () => number;
  /** Resolves with whether all that was taken in is on disk. */
  readonly durable: () => Promise<boolean>;
  /** What was raised before, newest first. */
  readonly history: (most: number) => Promise<readonly TrapRecord[]>;
  /** Whether it is the admin token, which changes need; null: none are taken. */
  readonly isToken: ((candidate: string) => boolean) | null;
  /** Name of the collector for those who watch several. */
  readonly name: string;
  readonly version: string;
  /** Tells this life of the collector from others. */
  readonly life: string;
}

export interface JsonAnswer {
  readonly status: number;
  readonly json: string;
}

type Handle = (json: unknown, request: IncomingMessage) => Promise<JsonAnswer>;

export interface JsonRoute {
  readonly mostBytes: number;
  readonly handle: Handle;
}

const REPORTS_MOST_BYTES = 4 << 20;
const QUESTION_MOST_BYTES = 64 << 10;
const PROBLEMS_TOLD = 10;
/** Of the history, in one answer. */
export const HISTORY_TOLD_MOST = 10_000;

export class JsonDesk {
  readonly routes: ReadonlyMap<string, JsonRoute>;
  readonly #parts: JsonDeskParts;
  readonly #view: ViewDesk;

  constructor(parts: JsonDeskParts) {
    this.#parts = parts;
    this.#view = new ViewDesk(parts);
    const reports = (handle: Handle): JsonRoute => ({ mostBytes: REPORTS_MOST_BYTES, handle });
    const asks = (handle: Handle): JsonRoute => ({ mostBytes: QUESTION_MOST_BYTES, handle });
    const alerts = reports((json) => this.#alerts(json));
    const { collector, now } = parts;
    this.routes = new Map([
      ['/v1/traps', reports((json) => this.#traps(json))],
      ['/v1/alertmanager', alerts],
      ['/api/v2/alerts', alerts],
      ['/v1/traps/view', asks((json, request) => this.#view.answer(json, request))],
      ['/v1/traps/history', asks((json) => this.#history(json))],
      ['/v1/traps/acknowledge', this.#change((json) => acknowledge(collector, json))],
      ['/v1/traps/silence', this.#change((json) => addSilence(collector, json, now()))],
      ['/v1/traps/silence/end', this.#change((json) => endSilence(collector, json))],
    ]);
  }

  close(): void {
    this.#view.close();
  }

  async #traps(json: unknown): Promise<JsonAnswer> {
    const items = itemsOf(json);
    if (items === null) throw malformed('expected a trap, an array of traps, or {"traps": […]}');
    const problems: string[] = [];
    this.#takeNodes(items.nodes, problems);
    return this.#take(items.traps, readTrap, problems);
  }

  async #alerts(json: unknown): Promise<JsonAnswer> {
    const alerts = alertsOf(json);
    if (alerts === null) throw malformed('expected {"alerts": […]} or an array of alerts');
    const nowMs = this.#parts.now();
    return this.#take(alerts, (alert) => readAlert(alert, nowMs), []);
  }

  /** A node is no trap: what is wrong with one is told, but not counted. */
  #takeNodes(nodes: readonly unknown[], problems: string[]): void {
    nodes.forEach((node, index) => {
      const report = readNode(node);
      if (!(report instanceof Malformed)) this.#parts.collector.observe(report);
      else if (problems.length < PROBLEMS_TOLD) {
        problems.push(`node ${index + 1}: ${report.problem}`);
      }
    });
  }

  async #take(
    items: readonly unknown[],
    read: (item: unknown) => TrapReport | Malformed,
    problems: string[],
  ): Promise<JsonAnswer> {
    const { collector, durable } = this.#parts;
    const fates = { stored: 0, duplicate: 0, suppressed: 0, dropped: 0, denied: 0, malformed: 0 };
    for (let index = 0; index < items.length; index++) {
      const report = read(items[index]);
      if (report instanceof Malformed) {
        fates.malformed++;
        collector.refuse('malformed');
        if (problems.length < PROBLEMS_TOLD) problems.push(`trap ${index + 1}: ${report.problem}`);
      } else fates[collector.accept(report)]++;
    }
    if (items.length > 0 && fates.malformed === items.length) {
      const facts = { count: items.length, problems: problems.join('; ') };
      throw trapsErrors.create('TRAP_REPORTS_MALFORMED', facts);
    }
    const isDurable = await durable();
    // 202: it is shown to monitors, but a restart would not remember it.
    return answer({ received: items.length, ...fates, problems }, isDurable ? 200 : 202);
  }

  async #history(json: unknown): Promise<JsonAnswer> {
    const { limit = 100 } = objectOf(json) as { limit?: unknown };
    if (
      !Number.isSafeInteger(limit) ||
      (limit as number) < 1 ||
      (limit as number) > HISTORY_TOLD_MOST
    ) {
      throw malformed(`limit: expected a whole number from 1 to ${HISTORY_TOLD_MOST}`);
    }
    return answer({ traps: await this.#parts.history(limit as number) });
  }

  #change(change: (json: Record<string, unknown>) => object): JsonRoute {
    const handle: Handle = async (json, request) => {
      this.#requireToken(request);
      const done = change(objectOf(json));
      await this.#parts.durable();
      return answer(done);
    };
    return { mostBytes: QUESTION_MOST_BYTES, handle };
  }

  #requireToken(request: IncomingMessage): void {
    const { isToken } = this.#parts;
    if (isToken === null) throw trapsErrors.create('TRAP_CHANGES_OFF');
    const token = bearerToken(request.headers.authorization);
    if (token === undefined || !isToken(token)) throw trapsErrors.create('TRAP_TOKEN_WRONG');
  }
}

function answer(json: object, status = 200): JsonAnswer {
  return { status, json: JSON.stringify(json) };
}

export function malformed(why: string): WindrowError {
  return trapsErrors.create('TRAP_REQUEST_MALFORMED', { why });
}

export function objectOf(json: unknown): Record<string, unknown> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw malformed('expected an object');
}
