/**
 * Values of the machine that a task is given to: `$$(…)` of HTCondor's submit descriptions. They are
 * filled in when the task is given to it, as cells behind those of its row.
 */
import { type Expression, expressionOf, type Node, readExpression } from '#classad';

export interface MachineValue {
  /** What it is, with the job's ad as MY and the machine's as TARGET. */
  readonly expression: Expression;
  /** The attribute that it is, by which it is remembered; null: it is an expression. */
  readonly attribute: string | null;
  /** Used where the machine has no such attribute; null: then the task cannot be given to it. */
  readonly otherwise: string | null;
}

const ATTRIBUTE = /^\s*([A-Za-z_]\w*)\s*(?::(.*))?$/s;
const BRACKETED = /^\s*\[(.*)\]\s*$/s;

/** `Memory`, `Memory:1024` or `[TARGET.Memory / 2]`; null: it is none of these. */
export function readMachineValue(written: string): MachineValue | null {
  const [, attribute, otherwise = null] = ATTRIBUTE.exec(written) ?? [];
  if (attribute !== undefined) {
    const of: Node = { kind: 'name', name: 'TARGET', absolute: false };
    const node: Node = { kind: 'select', of, name: attribute };
    return { expression: expressionOf(node), attribute, otherwise };
  }
  const inner = BRACKETED.exec(written)?.[1];
  const { node } = readExpression(inner ?? '');
  return node ? { expression: expressionOf(node), attribute: null, otherwise: null } : null;
}

/** The column behind those of the row that the n-th of a job's values stands in. */
export function machineColumn(index: number): string {
  return `:machine${index + 1}`;
}

export function isMachineColumn(column: string): boolean {
  return column.startsWith(':');
}

/** Columns that the command and the environment of a job are templates of. */
export function columnsGiven(
  { machineValues }: { readonly machineValues: readonly string[] },
  columns: readonly string[],
): readonly string[] {
  if (machineValues.length === 0) return columns;
  return [...columns, ...machineValues.map((_, index) => machineColumn(index))];
}

/** A row before anybody knows its machine: values stand there as they were written. */
export function cellsShown(
  { machineValues }: { readonly machineValues: readonly string[] },
  cells: readonly string[],
): readonly string[] {
  return [...cells, ...machineValues.map((written) => `$$(${written})`)];
}
