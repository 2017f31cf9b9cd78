/**
 * From the command to the first program of a small sweep: `node bench/start.ts [rounds]`. The
 * program itself says when it runs. `node -e 0`, started in turns, is what no program in Node.js
 * can be quicker than; Windrow starts two.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure, median, WINDROW } from './measured-process.ts';

const rounds = Number(process.argv[2] ?? 9);
const PROGRAM = '#!/bin/sh\ndate +%s%N > "$1.$$" && mv "$1.$$" "$1"\n';

interface Round {
  readonly firstMs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly nodeMs: number;
}

async function once(): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  try {
    const program = join(directory, 'program');
    const mark = join(directory, 'mark');
    writeFileSync(program, PROGRAM, { mode: 0o755 });
    const options = ['--set', `file=${mark}`, '--slots', '2', '--output', join(directory, 'out')];
    const startedMs = performance.timeOrigin + performance.now();
    const { wallMs, cpuMs } = await measure([WINDROW, 'run', ...options, '--', program, '$file']);
    const firstMs = Number(readFileSync(mark, 'utf8')) / 1e6 - startedMs;
    const node = await measure([process.execPath, '-e', '0']);
    return { firstMs, wallMs, cpuMs, nodeMs: node.wallMs };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await once(); // fills the caches of code and files
const found: Round[] = [];
for (let round = 0; round < rounds; round++) found.push(await once());
const at = (name: keyof Round) => median(found.map((one) => one[name]));
const best = Math.min(...found.map(({ firstMs }) => firstMs));
console.log(`first program after  ${at('firstMs').toFixed(0)} ms (best ${best.toFixed(0)})`);
console.log(`the whole run        ${at('wallMs').toFixed(0)} ms, ${at('cpuMs').toFixed(0)} ms CPU`);
console.log(`node -e 0            ${at('nodeMs').toFixed(0)} ms`);
