/**
 * 200 tasks of 100 ms CPU on 2 slots: `node bench/efficiency.ts [rounds]`. Beside it `xargs -P2`
 * with the same program, in turns. Ideal is the CPU time of the programs themselves over 2 slots;
 * on a machine that others use, the CPU time that Windrow adds to it is what stays comparable.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure, median, WINDROW } from './measured-process.ts';

const rounds = Number(process.argv[2] ?? 3);
const TASKS = 200;
const SLOTS = 2;
const TASK_MS = 100;

/** Uses its CPU time, whatever the clock says, and ends. */
const PROGRAM = `#!/usr/bin/env python3
import time
while time.process_time() < ${TASK_MS / 1000}:
    pass
`;

const found: { wallMs: number; cpuMs: number; peerWallMs: number; peerCpuMs: number }[] = [];
for (let round = 0; round < rounds; round++) {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  try {
    const program = join(directory, 'program');
    writeFileSync(program, PROGRAM, { mode: 0o755 });
    const options = ['--range', `i=1..${TASKS}`, '--slots', `${SLOTS}`, '--quiet'];
    const output = join(directory, 'out');
    const ours = await measure([WINDROW, 'run', ...options, '--output', output, '--', program]);
    const rows = Array.from({ length: TASKS }, (_, i) => `${i}\n`).join('');
    const peer = await measure(['xargs', `-P${SLOTS}`, '-n1', program], rows);
    const { wallMs, cpuMs } = ours;
    found.push({ wallMs, cpuMs, peerWallMs: peer.wallMs, peerCpuMs: peer.cpuMs });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const at = (name: keyof (typeof found)[number]) => median(found.map((one) => one[name]));
const idealMs = (TASKS * TASK_MS) / SLOTS;
const percent = (part: number, whole: number) => `${((part / whole) * 100).toFixed(1)} %`;
console.log(`windrow run  ${at('wallMs').toFixed(0)} ms, ${at('cpuMs').toFixed(0)} ms CPU`);
console.log(`xargs        ${at('peerWallMs').toFixed(0)} ms, ${at('peerCpuMs').toFixed(0)} ms CPU`);
console.log(`of ideal by wall time  ${percent(idealMs, at('wallMs'))}`);
console.log(`of ideal by CPU time   ${percent(TASKS * TASK_MS, at('cpuMs'))}`);
console.log(`xargs of ideal         ${percent(idealMs, at('peerWallMs'))} by wall time`);
