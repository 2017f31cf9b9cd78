/**
 * 200 tasks of 100 ms CPU on 2 slots: `node bench/efficiency.ts [rounds [slots]]`, a hundred for each slot:
 * with fewer slots than processors one is left for the server and the worker. Beside `windrow run`, which
 * starts a server and a worker, the same job submitted to a server that runs, until it has ended; and
 * `xargs -P2` with the same program, before and after. Ideal is 2 slots that are never without a program:
 * the CPU time that `xargs` and the programs use, on each; on
 * a machine that others use, the CPU time that Windrow adds to the programs' own is what stays
 * comparable.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure, median, WINDROW } from './measured-process.ts';

const rounds = Number(process.argv[2] ?? 3);
const SLOTS = Number(process.argv[3] ?? 2);
const TASKS = 100 * SLOTS;
const TASK_MS = 100;

/** Counts so far that it takes about `TASK_MS` of CPU time on this machine. */
async function writeProgram(path: string): Promise<void> {
  const counting = (steps: number) =>
    writeFileSync(path, `#!/bin/sh\ni=0\nwhile [ $i -lt ${steps} ]; do i=$((i+1)); done\n`, {
      mode: 0o755,
    });
  const trial = 200_000;
  counting(trial);
  const { cpuMs } = await measure([path]);
  counting(Math.round((trial * TASK_MS) / cpuMs));
}

/** Its worker has done what it does at a start when it is asked for the first job. */
async function startServer(directory: string) {
  const state = join(directory, 'state');
  const start = (...argv: string[]) =>
    spawn(WINDROW, argv, { stdio: ['ignore', 'pipe', 'ignore'], cwd: directory });
  const server = start('serve', '--state', state, '--listen', '127.0.0.1:0');
  await once(server.stdout, 'data');
  const own = ['--dir', join(directory, 'worker'), '--walls', 'bare'];
  const worker = start('worker', '--state', state, '--slots', `${SLOTS}`, ...own);
  return {
    /** Resolves with the time from the first command to the end of the second. */
    run: async (argv: readonly string[]): Promise<number> => {
      const sweep = join(directory, 'job.toml');
      const lines = [
        `command = ${JSON.stringify(argv)}`,
        '[parameters.range]',
        `i = "1..${TASKS}"`,
      ];
      writeFileSync(sweep, `${lines.join('\n')}\n`);
      const at = ['--state', state, '--quiet'];
      const submitted = await measure([WINDROW, 'submit', ...at, '--again', sweep]);
      const waited = await measure([WINDROW, 'wait', ...at]);
      return submitted.wallMs + waited.wallMs;
    },
    end: async () => {
      for (const one of [worker, server]) {
        one.kill();
        if (one.exitCode === null) await once(one, 'exit');
      }
    },
  };
}

const found: {
  wallMs: number;
  cpuMs: number;
  servedMs: number;
  peerWallMs: number;
  peerCpuMs: number;
}[] = [];
for (let round = 0; round < rounds; round++) {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  try {
    const program = join(directory, 'program');
    await writeProgram(program);
    const options = ['--range', `i=1..${TASKS}`, '--slots', `${SLOTS}`, '--quiet'];
    const output = join(directory, 'out');
    const rows = Array.from({ length: TASKS }, (_, i) => `${i}\n`).join('');
    const peer = () => measure(['xargs', `-P${SLOTS}`, '-n1', program], rows);
    const before = await peer();
    const ours = await measure([WINDROW, 'run', ...options, '--output', output, '--', program]);
    const after = await peer();
    const server = await startServer(directory);
    const served = async () => {
      await server.run(['/bin/true']);
      return await server.run([program]);
    };
    const servedMs = await served().finally(server.end);
    const { wallMs, cpuMs } = ours;
    const peerWallMs = (before.wallMs + after.wallMs) / 2;
    const peerCpuMs = (before.cpuMs + after.cpuMs) / 2;
    found.push({ wallMs, cpuMs, servedMs, peerWallMs, peerCpuMs });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

type Found = (typeof found)[number];
const at = (name: keyof Found) => median(found.map((one) => one[name])).toFixed(0);
/** Of each round by itself: the program of another one counts to another number. */
const percent = (shareOf: (one: Found) => number) =>
  `${(median(found.map(shareOf)) * 100).toFixed(1)} % (${found
    .map((one) => (shareOf(one) * 100).toFixed(1))
    .join(', ')})`;
const idealMs = ({ peerCpuMs }: Found) => peerCpuMs / SLOTS;
console.log(`windrow run  ${at('wallMs')} ms, ${at('cpuMs')} ms CPU`);
console.log(`windrow submit, and wait  ${at('servedMs')} ms`);
console.log(`xargs        ${at('peerWallMs')} ms, ${at('peerCpuMs')} ms CPU`);
console.log(`of ideal by wall time  ${percent((one) => idealMs(one) / one.wallMs)}`);
console.log(`submitted, of ideal    ${percent((one) => idealMs(one) / one.servedMs)}`);
console.log(`of ideal by CPU time   ${percent((one) => one.peerCpuMs / one.cpuMs)}`);
console.log(`xargs of ideal         ${percent((one) => idealMs(one) / one.peerWallMs)}`);
