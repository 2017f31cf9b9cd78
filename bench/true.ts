/**
 * Tasks that do nothing, all recorded: `node bench/true.ts [rounds]`. Windrow beside GNU parallel
 * with its job log and xargs, in turns, because the machine is never quiet for long. CPU time a
 * task is what stays comparable when others use the machine too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Measured, measure, median, WINDROW } from './measured-process.ts';

const rounds = Number(process.argv[2] ?? 3);
const SLOTS = 2;

interface Contender {
  readonly name: string;
  readonly tasks: number;
  run(directory: string, tasks: number): Promise<Measured>;
}

const CONTENDERS: readonly Contender[] = [
  {
    name: 'windrow run',
    tasks: 10_000,
    run: (directory, tasks) => {
      const options = ['--range', `i=1..${tasks}`, '--slots', `${SLOTS}`, '--quiet'];
      return measure([WINDROW, 'run', ...options, '--output', directory, '--', '/bin/true']);
    },
  },
  {
    name: 'parallel --joblog',
    tasks: 2000,
    run: (directory, tasks) =>
      measure(
        ['parallel', `-j${SLOTS}`, '--joblog', join(directory, 'log'), '/bin/true'],
        lines(tasks),
      ),
  },
  {
    name: 'xargs',
    tasks: 10_000,
    run: (_, tasks) => measure(['xargs', `-P${SLOTS}`, '-n1', '/bin/true'], lines(tasks)),
  },
];

function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => `${i}\n`).join('');
}

const results = new Map<string, { rate: number; cpuMs: number }[]>();
for (let round = 0; round < rounds; round++) {
  for (const { name, tasks, run } of CONTENDERS) {
    const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
    try {
      const { wallMs, cpuMs } = await run(directory, tasks);
      const found = results.get(name) ?? [];
      results.set(name, [...found, { rate: (tasks / wallMs) * 1000, cpuMs: cpuMs / tasks }]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

const figures = CONTENDERS.map(({ name }) => {
  const found = results.get(name)!;
  return {
    name,
    rate: median(found.map(({ rate }) => rate)),
    best: Math.max(...found.map(({ rate }) => rate)),
    cpuMs: median(found.map(({ cpuMs }) => cpuMs)),
  };
});
for (const { name, rate, best, cpuMs } of figures) {
  const rates = `${rate.toFixed(0).padStart(6)} tasks/s (best ${best.toFixed(0)})`;
  console.log(`${name.padEnd(20)} ${rates}  ${cpuMs.toFixed(2)} ms CPU a task`);
}
const [windrow, parallel, xargs] = figures;
for (const peer of [parallel!, xargs!]) {
  const wall = (windrow!.rate / peer.rate).toFixed(2);
  const cpu = (peer.cpuMs / windrow!.cpuMs).toFixed(2);
  console.log(`windrow / ${peer.name}: ${wall} by wall time, ${cpu} by CPU time`);
}
