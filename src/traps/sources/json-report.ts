/**
 * Reports as JSON, of `POST /v1/traps`: one trap, an array of them, or an object with `traps` and
 * `nodes`. Read by hand, field by field, because a storm brings fifty thousand a second.
 */
import { nearestWord } from '#base';
import { TRAP_CATEGORIES, type TrapCategory, trapCategoryOf } from '#model';
import { cleanName, type NodeReport, type TrapReport, trapReport } from '../report.ts';

/** What is wrong with one item. */
export class Malformed {
  readonly problem: string;
  constructor(problem: string) {
    this.problem = problem;
  }
}

export interface JsonReports {
  readonly traps: readonly unknown[];
  readonly nodes: readonly unknown[];
}

/** Numbers below it are seconds since 1970, others milliseconds: the year 5138 in the one, March 1973 in the other. */
const SECONDS_BELOW = 1e11;
const TIME_MOST_MS = 8.64e15;
const FILE_SYSTEMS_MOST = 64;

/** The items of a body, unread; null when it is of no form that is known. */
export function itemsOf(json: unknown): JsonReports | null {
  if (Array.isArray(json)) return { traps: json, nodes: [] };
  if (typeof json !== 'object' || json === null) return null;
  if ('traps' in json || 'nodes' in json) {
    const { traps = [], nodes = [] } = json as { traps?: unknown; nodes?: unknown };
    return Array.isArray(traps) && Array.isArray(nodes) ? { traps, nodes } : null;
  }
  return { traps: [json], nodes: [] };
}

const TRAP_FIELDS = [
  'node',
  'message',
  'category',
  'fileSystem',
  'condition',
  'clear',
  'time',
  'boot',
  'sequence',
  'source',
  'count',
];

export function readTrap(json: unknown): TrapReport | Malformed {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return new Malformed('it is no object');
  }
  const given = json as Record<string, unknown>;
  let isClear = false;
  let node = '';
  let message: string | null = null;
  let category: TrapCategory | null = null;
  const more: Partial<Record<'fileSystem' | 'condition' | 'boot' | 'sequence' | 'source', string>> =
    {};
  let atMs: number | null = null;
  let count = 1;
  for (const name in given) {
    const value = given[name];
    switch (name) {
      case 'node':
        if (typeof value !== 'string' || value === '') return wrong(name, value, 'a name');
        node = value;
        break;
      case 'message':
        if (typeof value !== 'string') return wrong(name, value, 'text');
        message = value;
        break;
      case 'category':
        category = categoryOf(value);
        if (category === null) return wrong(name, value, `0 to 3 or ${TRAP_CATEGORIES.join(', ')}`);
        break;
      case 'fileSystem':
      case 'condition':
      case 'boot':
      case 'source':
        if (typeof value !== 'string') return wrong(name, value, 'text');
        more[name] = value;
        break;
      case 'sequence':
        if (typeof value !== 'string' && !Number.isSafeInteger(value)) {
          return wrong(name, value, 'a whole number or text');
        }
        more.sequence = String(value);
        break;
      case 'clear':
        if (typeof value !== 'boolean') return wrong(name, value, 'true or false');
        isClear = value;
        break;
      case 'time':
        atMs = timeOf(value);
        if (atMs === null)
          return wrong(
            name,
            value,
            'a time like 2026-11-21T16:22:04Z, or seconds or milliseconds since 1970',
          );
        break;
      case 'count':
        if (!isWhole(value) || value < 1) return wrong(name, value, 'a whole number from 1');
        count = value;
        break;
      default:
        return unknownField(name, TRAP_FIELDS);
    }
  }
  if (node === '') return new Malformed('node is missing');
  if (message === null) return new Malformed('message is missing');
  const condition = more.condition ?? '';
  if (isClear && condition === '') return new Malformed('clear needs the condition that is over');
  if (category === null && !isClear) return new Malformed('category is missing');
  const kind = isClear ? 'clear' : condition === '' ? 'event' : 'raise';
  const source = more.source || 'http';
  return trapReport({ ...more, node, message, category: category ?? 0, kind, atMs, count, source });
}

const NODE_FIELDS = [
  'node',
  'fileSystems',
  'state',
  'health',
  'freeBytes',
  'totalBytes',
  'responding',
  'heartbeatMs',
  'time',
];

export function readNode(json: unknown): NodeReport | Malformed {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return new Malformed('it is no object');
  }
  const report: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    const problem = takeNodeField(report, name, value);
    if (problem) return problem;
  }
  if (report.node === undefined) return new Malformed('node is missing');
  return report as unknown as NodeReport;
}

function takeNodeField(
  report: Record<string, unknown>,
  name: string,
  value: unknown,
): Malformed | null {
  switch (name) {
    case 'node':
      if (typeof value !== 'string' || value === '') return wrong(name, value, 'a name');
      report.node = cleanName(value);
      return null;
    case 'state':
    case 'health':
      if (typeof value !== 'string') return wrong(name, value, 'text');
      report[name] = cleanName(value);
      return null;
    case 'freeBytes':
    case 'totalBytes':
    case 'heartbeatMs':
      if (!isWhole(value)) return wrong(name, value, 'a whole number from 0');
      report[name] = value;
      return null;
    case 'responding':
      if (typeof value !== 'boolean') return wrong(name, value, 'true or false');
      report[name] = value;
      return null;
    case 'time':
      report.atMs = timeOf(value);
      return report.atMs === null ? wrong(name, value, 'a time') : null;
    case 'fileSystems':
      if (!isNames(value)) return wrong(name, value, `up to ${FILE_SYSTEMS_MOST} names`);
      report[name] = value.map(cleanName);
      return null;
    default:
      return unknownField(name, NODE_FIELDS);
  }
}

function isNames(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= FILE_SYSTEMS_MOST &&
    value.every((one) => typeof one === 'string' && one !== '')
  );
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A number, or one of the words. */
export function categoryOf(value: unknown): TrapCategory | null {
  if (value === 0 || value === 1 || value === 2 || value === 3) return value;
  return typeof value === 'string' ? (trapCategoryOf(value) ?? null) : null;
}

/** Milliseconds since 1970; null when it is no time. */
export function timeOf(value: unknown): number | null {
  if (typeof value === 'number' && value >= 0) {
    const ms = Math.round(value < SECONDS_BELOW ? value * 1000 : value);
    return ms <= TIME_MOST_MS ? ms : null;
  }
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)$/.test(value)) {
    return null;
  }
  const ms = Date.parse(value);
  return Number.isNaN(ms) || ms < 0 ? null : ms;
}

function wrong(name: string, found: unknown, expected: string): Malformed {
  const shown = (JSON.stringify(found) ?? 'nothing').slice(0, 60);
  return new Malformed(`${name}: found ${shown}, expected ${expected}`);
}

function unknownField(name: string, fields: readonly string[]): Malformed {
  const near = nearestWord(name, fields);
  const hint = near === undefined ? '' : `, did you mean ${near}?`;
  return new Malformed(`${JSON.stringify(name.slice(0, 60))} is no field${hint}`);
}
