import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Usage, usageOf } from '#model';
import { briefAnswer, briefSync } from './brief-sync.ts';
import type { EndedAttempt, GrantedAttempt, SyncRequest, SyncResponse } from './sync.ts';
import { PROTOCOL_VERSION } from './sync.ts';
import { parseSyncResponse } from './sync-answer-schema.ts';
import { parseSyncRequest, SYNC_LIMITS } from './sync-schema.ts';

const FIGURES = { cpuUserMs: 1.25, cpuSystemMs: 0, memoryPeakBytes: 1_000_000 };
const MEASURED = usageOf(5.5, { source: 'rusage', figures: FIGURES });

function end(ticket: number, texts: readonly string[], usage: Usage = MEASURED): EndedAttempt {
  return {
    ticket,
    cause: 'ok',
    exitCode: 0,
    signal: null,
    reason: '',
    startedAtMs: 1.7e12 + ticket,
    endedAtMs: 1.7e12 + ticket + 5.5,
    usage,
    walls: null,
    inputs: [],
    parts: texts.map((text, index) => {
      return { name: `part${index}`, kind: 'result', file: 'stdout', cutBytes: 0, text };
    }),
    lastErrorLine: '',
    ruling: null,
    remarks: [],
  };
}

function request(ended: readonly EndedAttempt[]): SyncRequest {
  return {
    ...{ protocol: PROTOCOL_VERSION, worker: 'w1', replaces: null, name: 'n', version: '0.1.0' },
    ...{ platform: 'linux-x64', sequence: 1, slots: 1, freeSlots: 1, memoryBytes: 0, walls: null },
    ...{ diskFreeBytes: 0, offer: null, gpus: 0, awayMs: 0, remainingMs: null, atMs: 1.7e12 },
    ...{ waitMs: 0, draining: false, holding: [], declined: [], knownJobs: [], policyVersion: '' },
    ...{ dataVersion: '', data: [], peer: null, stager: '', store: null },
    machine: { cpus: 8, loadAverage: 0, memoryFreeBytes: 0, roundTripMs: null, unkillable: 0 },
    ended,
  };
}

function answer(attempts: readonly GrantedAttempt[]): SyncResponse {
  const settings = {
    ...{ leaseMs: 1000, slots: null, drain: false, stop: false, client: null, policy: null },
    ...{ tellWalls: false, tellOffer: false },
  };
  const nothing = { jobs: [], cancel: [], errands: [], data: null };
  return { protocol: PROTOCOL_VERSION, ...nothing, attempts, settings };
}

interface Written {
  readonly ended: Record<string, unknown>[];
  readonly attempts: Record<string, unknown>[];
}

const written = (brief: object): Written => JSON.parse(JSON.stringify(brief)) as Written;
const sent = (ended: readonly EndedAttempt[]): Written => written(briefSync(request(ended)));
const given = (attempts: readonly GrantedAttempt[]) => written(briefAnswer(answer(attempts)));
const readEnds = (json: unknown) => parseSyncRequest(json, '0.1.0').ended;
const readGrants = (json: unknown) => parseSyncResponse(json, '0.1.0').attempts;

test('good ends that are alike travel in columns, in their order among others', () => {
  const alike = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => end(from + at, [`${from + at}\n`, '']));
  const bare = Array.from({ length: 5 }, (_, at) => end(30 + at, [], usageOf(0)));
  const odd: EndedAttempt = {
    ...end(20, []),
    cause: 'exit-code',
    exitCode: 3,
    reason: 'It failed.',
  };
  const cut = alike(40, 4).map((one) => ({
    ...one,
    parts: one.parts.map((part) => ({ ...part, cutBytes: 7 })),
  }));
  const all = [...alike(1, 9), odd, ...alike(21, 4), ...alike(25, 0), ...bare, ...cut];
  const json = sent(all);
  assert.deepEqual(readEnds(json), all);
  assert.equal(json.ended.length, 1 + 1 + 1 + 1 + cut.length);
  assert.ok(JSON.stringify(sent(alike(1, 100))).length < 12_000);
});

test('whatever ends say, they arrive as they were said', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'ä', '€', '😀', '\ud800', '\udc00', '\n') });
  const some = fc.record({
    texts: fc.array(text, { maxLength: 9 }),
    isMeasured: fc.boolean(),
    isOdd: fc.nat(9).map((n) => n === 0),
  });
  fc.assert(
    fc.property(fc.array(some, { maxLength: 12 }), fc.nat(6), (shapes, repeats) => {
      const ended = shapes.flatMap(({ texts, isMeasured, isOdd }, index) =>
        Array.from({ length: 1 + repeats }, (_, at) => ({
          ...end(1 + index * 10 + at, texts, isMeasured ? MEASURED : usageOf(1)),
          lastErrorLine: isOdd ? 'oops' : '',
        })),
      );
      assert.deepEqual(readEnds(sent(ended)), ended);
    }),
    { numRuns: 100 },
  );
});

test('a run of ends whose columns do not fit each other is refused, and says where', () => {
  const ended = Array.from({ length: 5 }, (_, at) => end(1 + at, ['one', 'two']));
  const refused = (change: (run: Record<string, unknown>) => void, path: string) => {
    const json = sent(ended);
    change(json.ended[0]!);
    const why = { code: 'MESSAGE_MALFORMED', facts: { path } };
    assert.throws(
      () => readEnds(json),
      (error: object) => {
        const { code, facts } = error as { code: string; facts: { path: string } };
        assert.deepEqual({ code, facts: { path: facts.path } }, why);
        return true;
      },
    );
  };
  const at = 'ended[0]';
  refused((run) => (run.tickets as number[]).pop(), `${at}.startedAtMs`);
  refused((run) => (run.endedAtMs as number[]).pop(), `${at}.endedAtMs`);
  refused(
    (run) => (run.figures as { cpuUserMs: number[] }).cpuUserMs.pop(),
    `${at}.figures.cpuUserMs`,
  );
  refused((run) => ((run.tickets as number[])[2] = 0), `${at}.tickets[2]`);
  refused((run) => ((run.wallMs as number[])[1] = -1), `${at}.wallMs[1]`);
  refused((run) => (run.sources = 'rrr?----'), `${at}.sources`);
  refused((run) => (run.lengths as number[]).pop(), `${at}.lengths`);
  refused((run) => ((run.lengths as number[])[0] = 2), `${at}.text`);
  refused((run) => ((run.lengths as number[])[0] = SYNC_LIMITS.inline + 1), `${at}.lengths`);
  refused((run) => (run.text = 'shorter'), `${at}.text`);
  refused((run) => ((run.parts as { file: string }[])[1]!.file = '../x'), `${at}.parts[1].file`);
  refused((run) => (run.parts = Array(9).fill((run.parts as object[])[0])), `${at}.parts`);
});

test('runs hold no more ends than a sync may', () => {
  const half = Array.from({ length: SYNC_LIMITS.ended / 2 }, (_, at) => end(1 + at, []));
  const json = sent([...half, { ...end(7, []), lastErrorLine: 'odd' }, ...half]);
  assert.equal(json.ended.length, 3);
  assert.throws(() => readEnds(json), { code: 'MESSAGE_MALFORMED' });
  json.ended.splice(1, 1);
  assert.equal(readEnds(json).length, SYNC_LIMITS.ended);
});

test('attempts that are given out together travel as a run', () => {
  const grant = (ticket: number, more: Partial<GrantedAttempt> = {}): GrantedAttempt => {
    const cells = [`${ticket}`, '€\n'];
    return { ticket, job: 1, task: 3 * ticket, number: 1, cells, past: null, asked: null, ...more };
  };
  const asked = { memoryBytes: 1, diskBytes: 0, timeoutMs: 0 };
  const grants = (from: number, more: Partial<GrantedAttempt> = {}) =>
    Array.from({ length: 6 }, (_, at) => grant(from + at, more));
  const all = [
    ...grants(10),
    ...grants(20, { job: 2, cells: [] }),
    ...grants(26, { asked }),
    grant(40, { number: 2 }),
    ...grants(50),
  ];
  const json = given(all);
  assert.deepEqual(readGrants(json), all);
  assert.equal(json.attempts.length, 1 + 1 + 6 + 1 + 1);
  (json.attempts[0]!.cells as string[]).pop();
  assert.throws(() => readGrants(json), { code: 'MESSAGE_MALFORMED' });
});
