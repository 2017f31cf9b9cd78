import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExpression, evaluate, localAmbient, printValue } from '#classad';
import { TASK_AD_NAMES, type TaskFacts, taskAd, usageOf } from '#model';
import type { Glimpse } from '#store';
import { ALL_FIELDS, needsOf } from './history-fields.ts';

const ambient = localAmbient({ now: () => 0, random: () => 0, elapsedMs: () => 0 });
const WHOLE: Glimpse = {
  ...{ sequence: 1, job: 1, task: 2, number: 3, worker: 'w', startedAtMs: 5e12, endedAtMs: 6e12 },
  ...{ cause: 'signal', exitCode: 3, signal: 'SIGSEGV', reason: 'why', signature: 'sign' },
  next: 'failed',
  usage: usageOf(1500, {
    source: 'cgroup-v2',
    figures: {
      ...{ cpuUserMs: 1000, cpuSystemMs: 100, memoryPeakBytes: 1 << 24, ioReadBytes: 4096 },
      ...{ ioWriteBytes: 8192, contextSwitches: 7, tasksPeak: 5, diskBytes: 12_288 },
    },
    network: { OutgoingExternal: 17 },
  }),
};

/** As a store reads it. */
function only(fields: readonly string[]): Glimpse {
  const isRead = (name: string) =>
    !(ALL_FIELDS as readonly string[]).includes(name) || fields.includes(name);
  const usage = Object.entries(WHOLE.usage!).map(([name, figure]) => [
    name,
    isRead(name) ? figure : null,
  ]);
  const end = Object.entries(WHOLE).map(([name, one]) => [name, isRead(name) ? one : null]);
  return { ...Object.fromEntries(end), usage: Object.fromEntries(usage) };
}

function value(name: string, end: Glimpse, state: TaskFacts['state']): string {
  const facts: TaskFacts = {
    ...{ job: 1, task: 2, state, stateAtMs: end.endedAtMs, reason: end.reason ?? '', hold: null },
    ...{ holds: 0, lastHold: null, completions: 0, asked: null, attempts: 3, attempt: end },
  };
  return printValue(evaluate(compileExpression(name), { my: taskAd(facts, null), ambient }));
}

test('every attribute is what it is when only the fields that it needs are read', () => {
  for (const name of [...TASK_AD_NAMES, 'networkoutgoingexternal']) {
    const { fields } = needsOf(compileExpression(name), []);
    for (const state of ['running', 'failed', 'held', 'removed', 'done', 'waiting'] as const) {
      assert.equal(value(name, only(fields), state), value(name, WHOLE, state), `${name} ${state}`);
    }
  }
});

test('an expression that may look at anything needs everything', () => {
  const needs = (text: string) => needsOf(compileExpression(text), []);
  assert.deepEqual(needs('eval("ExitCode") == 1'), { fields: ALL_FIELDS, set: true });
  assert.deepEqual(needs('ExitCode == 1 && JobStatus == 4'), { fields: ['exitCode'], set: false });
  assert.deepEqual(needs('payload_user == "cms"'), { fields: [], set: true });
});
