import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { outputError, type PartialFile } from './partial-file.ts';
import type { Cell } from './table-cells.ts';

const READ_BYTES = 2 ** 18;
const MISSING = 0xffff_ffff;

/**
 * Rows kept aside until the types of their columns are known: each cell as its length (32 bits,
 * little-endian; all ones for a missing cell) and its bytes.
 */
export function spoolRow(cells: readonly Cell[]): Buffer {
  let bytes = 0;
  for (const cell of cells) bytes += 4 + (cell === null ? 0 : Buffer.byteLength(cell));
  const row = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const cell of cells) {
    const written = cell === null ? 0 : row.write(cell, at + 4);
    row.writeUInt32LE(cell === null ? MISSING : written, at);
    at += 4 + written;
  }
  return row;
}

/** The rows of a spool file in batches; a batch is small enough not to hold up the event loop. */
export async function* readSpool(spool: PartialFile, columns: number): AsyncGenerator<Cell[][]> {
  await spool.flush();
  const file = await open(spool.partialPath, constants.O_RDONLY);
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const bytes = await readMore(file, rest, spool.path);
      const { rows, used } = takeRows(bytes, columns);
      rest = bytes.subarray(used);
      if (rows.length > 0) yield rows;
      else if (bytes.length === 0) return;
    }
  } finally {
    await file.close();
  }
}

/** `rest` with the next bytes of the file behind it; empty at the end. */
async function readMore(file: FileHandle, rest: Buffer, path: string): Promise<Buffer> {
  try {
    const bytes = Buffer.allocUnsafe(rest.length + READ_BYTES);
    rest.copy(bytes);
    const { bytesRead } = await file.read(bytes, rest.length, READ_BYTES, null);
    if (bytesRead === 0 && rest.length > 0) throw new Error('the rows kept aside end too early');
    return bytes.subarray(0, rest.length + bytesRead);
  } catch (error) {
    throw outputError(path, error);
  }
}

function takeRows(bytes: Buffer, columns: number): { rows: Cell[][]; used: number } {
  const rows: Cell[][] = [];
  let used = 0;
  for (;;) {
    const cells: Cell[] = [];
    let at = used;
    while (cells.length < columns && at + 4 <= bytes.length) {
      const length = bytes.readUInt32LE(at);
      const end = at + 4 + (length === MISSING ? 0 : length);
      if (end > bytes.length) return { rows, used };
      cells.push(length === MISSING ? null : bytes.toString('utf8', at + 4, end));
      at = end;
    }
    if (cells.length < columns) return { rows, used };
    rows.push(cells);
    used = at;
  }
}
