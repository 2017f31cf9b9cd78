/**
 * 200 tasks of 100 ms CPU on 2 slots: `node bench/efficiency.ts [rounds [slots]]`, a hundred for each slot:
 * with fewer slots than processors one is left for the server and the worker. Beside `windrow run`, which
 * starts a server and a worker, the same job submitted to a server that runs, until it has ended; and
 * `xargs -P2` with the same program, all in turns. Ideal is 2 slots that are never without a program; on
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
    const ours = await measure([WINDROW, 'run', ...options, '--output', output, '--', program]);
    const server = await startServer(directory);
    const served = async () => {
      await server.run(['/bin/true']);
      return await server.run([program]);
    };
    const servedMs = await served().finally(server.end);
    const rows = Array.from({ length: TASKS }, (_, i) => `${i}\n`).join('');
    const peer = await measure(['xargs', `-P${SLOTS}`, '-n1', program], rows);
    const { wallMs, cpuMs } = ours;
    found.push({ wallMs, cpuMs, servedMs, peerWallMs: peer.wallMs, peerCpuMs: peer.cpuMs });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const at = (name: keyof (typeof found)[number]) => median(found.map((one) => one[name]));
const percent = (part: number, whole: number) => `${((part / whole) * 100).toFixed(1)} %`;
console.log(`windrow run  ${at('wallMs').toFixed(0)} ms, ${at('cpuMs').toFixed(0)} ms CPU`);
console.log(`windrow submit, and wait  ${at('servedMs').toFixed(0)} ms`);
console.log(`xargs        ${at('peerWallMs').toFixed(0)} ms, ${at('peerCpuMs').toFixed(0)} ms CPU`);
console.log(`ideal        ${(at('peerCpuMs') / SLOTS).toFixed(0)} ms: what the programs use`);
console.log(`of ideal by wall time  ${percent(at('peerCpuMs') / SLOTS, at('wallMs'))}`);
console.log(`submitted, of ideal    ${percent(at('peerCpuMs') / SLOTS, at('servedMs'))}`);
console.log(`of ideal by CPU time   ${percent(at('peerCpuMs'), at('cpuMs'))}`);
console.log(`xargs of ideal         ${percent(at('peerCpuMs') / SLOTS, at('peerWallMs'))}`);
