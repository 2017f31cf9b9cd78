import { throwProblems } from '../problems.ts';
import { faultError, type Origin } from './origin.ts';
import { applyOperations } from './path-operations.ts';
import {
  type Fault,
  type Part,
  type Placeholder,
  parseTemplate,
  ROW_NUMBER,
} from './placeholders.ts';

export interface CompiledText {
  /** Columns the template names, in table order. */
  readonly usedColumns: readonly string[];
  /** Fills in one row: `task` is its number from 0. */
  expand(cells: readonly string[], task: number): string;
}

/**
 * A template for files and names: plain substitution, nothing is quoted. `job` is what `${:job}` says.
 * @throws TEMPLATE_UNKNOWN_COLUMN, TEMPLATE_UNKNOWN_OPERATION, or SWEEP_REFUSED for several
 */
export function compileText(
  template: string,
  columns: readonly string[],
  origin: Origin = { what: 'template' },
  job = 0,
): CompiledText {
  const { parts, faults } = parseTemplate(template, columns, { shell: false, job });
  throwProblems(faults.map((fault) => faultError(fault, origin)));
  const { expand } = compileParts(parts);
  return { usedColumns: columnsOf(parts, columns), expand };
}

/** Everything wrong with a text template, and the columns it uses. */
export function checkText(
  template: string,
  columns: readonly string[],
): { faults: readonly Fault[]; usedColumns: readonly string[] } {
  const { parts, faults } = parseTemplate(template, columns, { shell: false });
  return { faults, usedColumns: columnsOf(parts, columns) };
}

export type Expander = (cells: readonly string[], task: number) => string;

/** A function that joins the parts of a template; `render` dresses a placeholder's value. */
export function compileParts(
  parts: readonly Part[],
  render: (placeholder: Placeholder, value: Expander) => Expander = (_, value) => value,
): { expand: Expander } {
  const texts: string[] = [''];
  const values: Expander[] = [];
  for (const part of parts) {
    if (part.kind === 'text') texts[texts.length - 1] += part.text;
    else {
      values.push(render(part, placeholderValue(part)));
      texts.push('');
    }
  }
  const first = texts[0]!;
  return {
    expand(cells, task) {
      let out = first;
      for (let i = 0; i < values.length; i++) out += values[i]!(cells, task) + texts[i + 1]!;
      return out;
    },
  };
}

/** The value of a placeholder in a row, after its path operations. */
export function placeholderValue({ column, operations }: Placeholder): Expander {
  if (column === ROW_NUMBER) return (_, task) => String(task + 1);
  if (operations.length === 0) return (cells) => cells[column]!;
  return (cells) => applyOperations(cells[column]!, operations);
}

export function columnsOf(parts: readonly Part[], columns: readonly string[]): string[] {
  const used = new Set(parts.map((part) => (part.kind === 'text' ? ROW_NUMBER : part.column)));
  return columns.filter((_, index) => used.has(index));
}
