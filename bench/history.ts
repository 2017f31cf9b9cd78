/**
 * How long does a constraint over a million records of history take, of which only what it names is
 * read? Against the target of 5 s, and against reading the same records whole.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileExpression, evaluate, localAmbient, truthOf } from '#classad';
import { type TaskFacts, taskAd, usageOf } from '#model';
import { type Change, SqliteStore } from '#store';

const RECORDS = Number(process.argv[2] ?? 1_000_000);
const PAGE = 2000;
const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-history-'));
const store = new SqliteStore(join(folder, 'windrow.sqlite'));
const usage = usageOf(1500, {
  source: 'cgroup-v2',
  figures: { cpuUserMs: 1000, cpuSystemMs: 100, memoryPeakBytes: 1 << 24 },
});

for (let first = 1; first <= RECORDS; first += 20_000) {
  const changes: Change[] = [];
  for (let sequence = first; sequence < first + 20_000 && sequence <= RECORDS; sequence++) {
    const isBad = sequence % 1000 === 0;
    changes.push({
      kind: 'attempt-ended',
      sequence,
      accepted: !isBad,
      attempt: {
        ...{ ticket: sequence, job: 1, task: sequence, number: 1, worker: `node${sequence % 100}` },
        ...{ cause: isBad ? 'exit-code' : 'ok', exitCode: isBad ? 3 : 0, signal: null, reason: '' },
        ...{ signature: '', startedAtMs: 1.7e12, endedAtMs: 1.7e12 + 1500, usage, place: null },
        ...{ asked: null, next: isBad ? 'failed' : 'done', reusedFrom: null, walls: null },
        inputs: [],
      },
    });
  }
  await store.commit(changes);
}

const ambient = localAmbient({
  now: () => Date.now(),
  random: Math.random,
  elapsedMs: () => performance.now(),
});
const constraint = compileExpression(
  'ExitCode =!= 0 && RemoteWallClockTime > 1.0 && JobStatus == 4',
);

async function pass(isConstrained: boolean): Promise<{ ms: number; cpuMs: number; found: number }> {
  const began = performance.now();
  const cpu = process.cpuUsage();
  let found = 0;
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = isConstrained
      ? await store.glimpsesBefore(null, before, PAGE, ['exitCode', 'wallMs'])
      : await store.attemptsBefore(null, before, PAGE);
    for (const row of page) {
      if (!isConstrained) continue;
      const facts: TaskFacts = {
        ...{ job: 1, task: row.task, state: row.next ?? 'failed', stateAtMs: row.endedAtMs },
        ...{
          reason: '',
          hold: null,
          holds: 0,
          lastHold: null,
          completions: 0,
          asked: null,
          attempts: 1,
        },
        attempt: row,
      };
      if (truthOf(evaluate(constraint, { my: taskAd(facts, null), ambient })) === true) found++;
    }
    if (page.length < PAGE) {
      const { user, system } = process.cpuUsage(cpu);
      return { ms: performance.now() - began, cpuMs: (user + system) / 1000, found };
    }
    before = page.at(-1)!.sequence;
  }
}

const read = await pass(false);
const sifted = await pass(true);
const perMillion = (ms: number): string => `${((ms * 1e6) / RECORDS / 1000).toFixed(2)} s`;
console.log(`records          ${RECORDS}, ${sifted.found} fit`);
console.log(
  `read alone       ${perMillion(read.ms)} for a million, ${perMillion(read.cpuMs)} of CPU`,
);
console.log(
  `with constraint  ${perMillion(sifted.ms)} for a million (target 5 s), ${perMillion(sifted.cpuMs)} of CPU`,
);
await store.close();
rmSync(folder, { recursive: true });
