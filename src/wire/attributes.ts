/**
 * What running programs tell of their tasks, handed on by their worker: `POST /attributes`, and what
 * they ask: `POST /attributes/read`. Both only for tickets that the worker holds.
 */
import { CHIRP_LIMITS, type SetAttribute, type Ticket } from '#model';
import { checked, type JsonObject, label, list, mismatch, object, text, whole } from './checked.ts';

export interface AttributeReport {
  readonly worker: string;
  readonly told: readonly ToldOfTask[];
}

export type ToldOfTask =
  | ({ readonly ticket: Ticket; readonly kind: 'attribute' } & SetAttribute)
  /** For the event log. */
  | { readonly ticket: Ticket; readonly kind: 'remark'; readonly text: string };

/** For each that was told, in their order: whether it was taken. */
export interface AttributeReceipt {
  readonly taken: readonly boolean[];
}

export interface AttributeQuestion {
  readonly worker: string;
  readonly ticket: Ticket;
  readonly name: string;
}

export interface AttributeAnswer {
  /** Null: the ad has no such attribute. */
  readonly expression: string | null;
}

const MOST_TOLD = 1000;

/** Throws `MESSAGE_MALFORMED`. */
export function parseAttributeReport(json: unknown): AttributeReport {
  return checked(() => {
    const fields = object(json, '');
    return {
      worker: label(fields.worker, 'worker', 200),
      told: list(fields.told, 'told', MOST_TOLD, readTold),
    };
  });
}

function readTold(value: unknown): ToldOfTask {
  const fields = object(value, '');
  const ticket = whole(fields.ticket, 'ticket', 1);
  if (fields.kind === 'remark')
    return { ticket, kind: 'remark', text: text(fields.text, 'text', 1000) };
  if (fields.kind === 'attribute') return { ticket, kind: 'attribute', ...readAttribute(fields) };
  throw mismatch('kind', 'attribute | remark', fields.kind);
}

export function readAttribute(fields: JsonObject): SetAttribute {
  return {
    name: label(fields.name, 'name', CHIRP_LIMITS.nameCharacters),
    expression: text(fields.expression, 'expression', CHIRP_LIMITS.expressionCharacters),
  };
}

/** Throws `MESSAGE_MALFORMED`. */
export function parseAttributeQuestion(json: unknown): AttributeQuestion {
  return checked(() => {
    const fields = object(json, '');
    return {
      worker: label(fields.worker, 'worker', 200),
      ticket: whole(fields.ticket, 'ticket', 1),
      name: label(fields.name, 'name', CHIRP_LIMITS.nameCharacters),
    };
  });
}

/** Throws `MESSAGE_MALFORMED`. */
export function parseAttributeReceipt(json: unknown): AttributeReceipt {
  return checked(() => {
    const { taken } = object(json, '');
    return { taken: list(taken, 'taken', MOST_TOLD, (one) => one === true) };
  });
}

/** Throws `MESSAGE_MALFORMED`. */
export function parseAttributeAnswer(json: unknown): AttributeAnswer {
  return checked(() => {
    const { expression } = object(json, '');
    return { expression: expression === null ? null : text(expression, 'expression', 1 << 20) };
  });
}
