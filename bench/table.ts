/**
 * How long does a table of ten million rows take to check, index and read?
 * `node bench/table.ts [rows]` prints one line per question. It needs about 30 bytes of disk a row.
 */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scanTable, type TableFormat, TableReader } from '#sweep';

const rows = Number(process.argv[2] ?? 10_000_000);
const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));

function writeTable(path: string, line: (row: number) => string, header: string): void {
  const file = openSync(path, 'w');
  let text = header;
  for (let row = 0; row < rows; row++) {
    text += line(row);
    if (text.length > 2 ** 20 || row === rows - 1) {
      writeSync(file, text);
      text = '';
    }
  }
  closeSync(file);
}

function seconds(since: number): number {
  return (performance.now() - since) / 1000;
}

async function measure(format: TableFormat, line: (row: number) => string, header: string) {
  const path = join(folder, `table.${format}`);
  writeTable(path, line, header);
  let since = performance.now();
  const index = await scanTable(path, format);
  const megabytes = Math.round(statSync(path).size / 1e6);
  const memory = Math.round(process.memoryUsage().rss / 1e6);
  console.log(
    `${format}: scan ${index.rows} rows, ${megabytes} MB: ${seconds(since).toFixed(2)} s, rss ${memory} MB`,
  );

  const reader = TableReader.open(path, index);
  since = performance.now();
  let cells = 0;
  for (let at = 0; at < reader.count; at += 1000) {
    for (const row of reader.rows(at, 1000)) cells += row.length;
  }
  const sequential = Math.round(reader.count / seconds(since));
  console.log(`${format}: sequential ${sequential} rows/s (${cells} cells)`);

  since = performance.now();
  const reads = 20_000;
  for (let i = 0; i < reads; i++) reader.row((i * 7_919_993) % reader.count);
  console.log(`${format}: random ${((seconds(since) / reads) * 1e6).toFixed(1)} µs a row`);
  reader.close();
  rmSync(path);
}

try {
  const cells = (row: number) => [0.1 + row / rows, row, `run-${row % 97}`] as const;
  await measure('bar', (row) => `${cells(row).join('|')}\n`, 'beta|seed|name\n');
  await measure('csv', (row) => `${row},"${cells(row)[2]}, a",${row % 7}\r\n`, 'a,b,c\r\n');
  await measure('jsonl', (row) => `{"a": ${row}, "b": "x${row}"}\n`, '');
  await measure('lines', (row) => `data/file-${row}.txt\n`, '');
} finally {
  rmSync(folder, { recursive: true });
}
