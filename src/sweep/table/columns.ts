import { tableErrors } from '../errors.ts';
import { MAX_COLUMN_NAME_BYTES, MAX_COLUMNS } from './format.ts';

/**
 * Refuses column names that could not be told apart or printed. Any other text is a name, so
 * that existing tables can be used as they are; `$name` needs `[A-Za-z_][A-Za-z0-9_]*`, and
 * `${any name}` reaches the others.
 */
export function checkColumns(columns: readonly string[], file: string, line: number): void {
  if (columns.length > MAX_COLUMNS) {
    const facts = { file, line, found: columns.length, expected: MAX_COLUMNS };
    throw tableErrors.create('TABLE_TOO_MANY_COLUMNS', facts);
  }
  const seen = new Set<string>();
  for (const [index, name] of columns.entries()) {
    if (name.trim() === '') {
      throw tableErrors.create('TABLE_EMPTY_COLUMN_NAME', { file, line, column: index + 1 });
    }
    if (!isPrintable(name)) {
      const found = JSON.stringify(name.slice(0, 80));
      throw tableErrors.create('TABLE_BAD_COLUMN_NAME', { file, line, found });
    }
    if (seen.has(name)) {
      throw tableErrors.create('TABLE_DUPLICATE_COLUMN', { file, line, found: name });
    }
    seen.add(name);
  }
}

export function isPrintable(name: string): boolean {
  return !/[\0-\x1f\x7f]/.test(name) && Buffer.byteLength(name) <= MAX_COLUMN_NAME_BYTES;
}
