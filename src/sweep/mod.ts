/** sweep: what users write → jobs. Tables, axes, templates, sweep files, command lines. */
export { rowErrors, sweepErrors, tableErrors, templateErrors } from './errors.ts';
export { openRows, type RowSource } from './rows/source.ts';
export {
  formatOfName,
  MAX_CELL_BYTES,
  MAX_COLUMNS,
  MAX_ROWS,
  TABLE_FORMATS,
  type TableFormat,
} from './table/format.ts';
export { TableReader } from './table/reader.ts';
export { scanTable, TableScanner } from './table/scanner.ts';
export { decodeIndex, encodeIndex, type TableIndex } from './table/table-index.ts';
export { type CompiledCommand, compileCommand } from './template/command.ts';
export type { Origin } from './template/origin.ts';
export { type CompiledText, compileText } from './template/text.ts';
