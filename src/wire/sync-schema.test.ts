import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WindrowError } from '#base';
import { NO_ISOLATION, usageOf } from '#model';
import { briefAnswer, briefSync } from './brief-sync.ts';
import type { EndedAttempt, SyncRequest, SyncResponse } from './sync.ts';
import { PROTOCOL_VERSION } from './sync.ts';
import { parseSyncResponse } from './sync-answer-schema.ts';
import { parseRenewRequest, parseSyncRequest } from './sync-schema.ts';

const SHA256 = 'a'.repeat(64);

function end(ticket: number): EndedAttempt {
  return {
    inputs: [],
    ticket,
    cause: 'ok',
    exitCode: 0,
    signal: null,
    reason: '',
    startedAtMs: 1.7e12 + ticket,
    endedAtMs: 1.7e12 + ticket + 5.5,
    walls: null,
    usage: usageOf(5.5, {
      source: 'rusage',
      figures: { cpuUserMs: 1.25, cpuSystemMs: 0, memoryPeakBytes: 1_000_000 },
      network: { OutgoingExternal: 2 ** 40, ToStore: 0 },
    }),
    parts: [
      { name: 'energy', kind: 'result', file: 'stdout', cutBytes: 0, text: '0.44\n' },
      { name: 'stderr', kind: 'log', file: '', cutBytes: 7, base64: 'AAECAw==' },
      {
        name: 'field',
        kind: 'result',
        file: 'out/field.dat',
        cutBytes: 0,
        uploaded: 2,
        bytes: 1e7,
        sha256: SHA256,
      },
    ],
    lastErrorLine: '',
    ruling: { to: 'held', hold: { code: 3, subcode: -7 } },
    remarks: ['SIGKILL does not end 17 dd'],
  };
}

const REQUEST: SyncRequest = {
  dataVersion: '',
  store: null,
  peer: null,
  stager: '',
  data: [],
  protocol: PROTOCOL_VERSION,
  worker: 'w1',
  replaces: 'w0',
  name: 'node17',
  version: '0.1.0',
  platform: 'linux-x64',
  sequence: 7,
  slots: 8,
  freeSlots: 3,
  memoryBytes: 64e9,
  walls: null,
  diskFreeBytes: 1e12,
  offer: null,
  gpus: 0,
  machine: { cpus: 8, loadAverage: 0.25, memoryFreeBytes: 5e9, roundTripMs: 0.8, unkillable: 0 },
  awayMs: 3_600_000,
  remainingMs: 90_000.5,
  atMs: 1.7e12,
  waitMs: 10_000,
  draining: false,
  holding: [1, 2],
  ended: [end(3), end(4)],
  declined: [2],
  knownJobs: [1],
  policyVersion: 'abc',
};

const RESPONSE: SyncResponse = {
  data: null,
  protocol: PROTOCOL_VERSION,
  jobs: [
    {
      id: 1,
      name: 'ising',
      owner: 'ada',
      columns: ['beta', 'seed'],
      command: { kind: 'shell', template: './ising $beta' },
      inputs: [
        { name: 'model.ini', from: { kind: 'template', blob: SHA256, bytes: 27 } },
        { name: 'stdin', from: { kind: 'parameter', column: 'seed' } },
      ],
      results: [
        { name: 'energy', from: { kind: 'stdout' }, required: true },
        { name: 'field', from: { kind: 'glob', pattern: 'out/*.dat' }, required: false },
      ],
      chirp: { io: false, delayed: true },
      programName: 'ising',
      programs: [{ platform: 'linux-x64', sha256: SHA256, md5: 'b'.repeat(32), bytes: 100 }],
      environment: { OMP_NUM_THREADS: '1' },
      directory: { kind: 'scratch' },
      timeoutMs: 600_000,
      killGraceMs: 5000,
      isolation: NO_ISOLATION,
      request: { cpus: 0.5, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
      logBytes: 1 << 20,
      resultBytes: 1 << 30,
      deleteWorker: true,
      deleteClient: false,
      successExitCode: 3,
      ad: 'ClusterId = 1\n',
    },
  ],
  attempts: [
    {
      ticket: 9,
      job: 1,
      task: 0,
      number: 1,
      cells: ['0.44', '7'],
      past: {
        ...{ holds: 1, completions: 2, lastHold: { code: 26, subcode: 1, reason: 'x' } },
        attributes: [{ name: 'ChirpSteps', expression: '7' }],
      },
      asked: { memoryBytes: 1, diskBytes: 2, timeoutMs: 3 },
    },
  ],
  cancel: [{ ticket: 2, cause: 'superseded' }],
  errands: [
    {
      id: 1,
      kind: 'collect-traces',
      traceId: '1795276800.000000001',
      directory: '',
      match: '',
      compression: 'bzip2',
      remove: false,
      url: '',
      account: 'rocks',
      secret: '',
      insecure: false,
    },
  ],
  settings: {
    leaseMs: 60_000,
    slots: null,
    drain: false,
    stop: false,
    tellWalls: false,
    tellOffer: false,
    client: null,
    policy: { version: 'v', text: 'SYSTEM_PERIODIC_HOLD = true\n' },
  },
};

function overWire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test('an end travels briefly, and arrives as it was said', () => {
  const usual: EndedAttempt = { ...end(5), parts: [], ruling: null, remarks: [] };
  const odd: EndedAttempt = {
    ...usual,
    ...{ ticket: 6, cause: 'signal', exitCode: null, signal: 'SIGSEGV', reason: 'It crashed.' },
    usage: usageOf(0),
    lastErrorLine: 'oops',
    inputs: [{ name: 'a', how: 'hit', via: '', source: '', into: 'link', bytes: 1 }],
  };
  const request = { ...REQUEST, ended: [end(4), usual, odd] };
  const text = JSON.stringify(briefSync(request));
  assert.deepEqual(parseSyncRequest(JSON.parse(text), '0.1.0'), request);
  const { usage, ...rest } = briefEndOf(usual);
  assert.deepEqual(Object.keys(rest).sort(), [...['cause', 'endedAtMs', 'startedAtMs', 'ticket']]);
  assert.ok(!Object.values(usage as object).includes(null));
});

test('a grant travels briefly, and arrives as it was said', () => {
  const [first] = RESPONSE.attempts;
  const usual = { ...first!, past: null, asked: null };
  const odd = {
    ...usual,
    past: { holds: 1, completions: 2, lastHold: null, attributes: [] },
    asked: { memoryBytes: 1, diskBytes: 0, timeoutMs: 0 },
  };
  const response = { ...RESPONSE, attempts: [usual, odd] };
  const text = JSON.stringify(briefAnswer(response));
  assert.deepEqual(parseSyncResponse(JSON.parse(text), '0.1.0'), response);
  const brief = JSON.parse(text) as { attempts: object[] };
  assert.deepEqual(Object.keys(brief.attempts[0]!).sort(), [
    ...['cells', 'job', 'number', 'task', 'ticket'],
  ]);
});

function briefEndOf(ended: EndedAttempt): Record<string, unknown> {
  const brief = briefSync({ ...REQUEST, ended: [ended] }) as { ended: Record<string, unknown>[] };
  return brief.ended[0]!;
}

test('a sync and its answer come through as they were sent', () => {
  assert.deepEqual(parseSyncRequest(overWire(REQUEST), '1.0.0'), REQUEST);
  assert.deepEqual(parseSyncResponse(overWire(RESPONSE), '1.0.0'), RESPONSE);
  assert.deepEqual(parseRenewRequest({ worker: 'w1' }), { worker: 'w1' });
});

test('fields of a newer version are dropped, wherever they stand', () => {
  const json = overWire(REQUEST) as Record<string, unknown>;
  json.mood = 'good';
  (json.ended as Record<string, unknown>[])[0]!.mood = 'bad';
  assert.deepEqual(parseSyncRequest(json, '1.0.0'), REQUEST);
});

test('another version of the protocol is told apart from a broken message', () => {
  assert.throws(() => parseSyncRequest({ protocol: 99, version: '0.9.0', shape: '?' }, '1.0.0'), {
    code: 'PROTOCOL_MISMATCH',
    facts: {
      workerVersion: '0.9.0',
      workerProtocol: 99,
      serverVersion: '1.0.0',
      serverProtocol: PROTOCOL_VERSION,
    },
  });
  assert.throws(() => parseSyncRequest({ protocol: 99, version: {} }, '1.0.0'), {
    code: 'PROTOCOL_MISMATCH',
  });
  assert.throws(() => parseSyncResponse({ protocol: 0 }, '1.0.0'), { code: 'PROTOCOL_MISMATCH' });
});

/** Sets `path` (e.g. `ended.1.usage.wallMs`) to `value`; undefined removes it. */
function spoil(whole: object, path: string, value: unknown): unknown {
  const json = overWire(whole);
  const keys = path.split('.');
  const last = keys.pop()!;
  let at = json as Record<string, unknown>;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  at[last] = value;
  return json;
}

const WRONG_REQUESTS: [path: string, value: unknown, named: string][] = [
  ['worker', '', 'worker'],
  ['worker', 'a\nb', 'worker'],
  ['replaces', '', 'replaces'],
  ['slots', 1.5, 'slots'],
  ['slots', -1, 'slots'],
  ['memoryBytes', 2 ** 60, 'memoryBytes'],
  ['draining', 'no', 'draining'],
  ['holding', [1, 0], 'holding[1]'],
  ['holding', { length: 3 }, 'holding'],
  ['ended', Array(10_001).fill(null), 'ended'],
  ['ended.1.cause', 'boredom', 'ended[1].cause'],
  ['ended.1.cause', 'constructor', 'ended[1].cause'],
  ['ended.1.usage.wallMs', '5', 'ended[1].usage.wallMs'],
  ['ended.1.usage.wallMs', null, 'ended[1].usage.wallMs'],
  ['ended.1.usage.sources', 'rr?-----', 'ended[1].usage.sources'],
  ['ended.1.usage.network', { '../x': 1 }, 'ended[1].usage.network'],
  ['ended.1.usage.network', { ['n'.repeat(65)]: 1 }, 'ended[1].usage.network'],
  ['ended.1.usage.network', { Out: -1 }, 'ended[1].usage.network.Out'],
  ['ended.0.reason', 'x'.repeat(5000), 'ended[0].reason'],
  ['ended.0.lastErrorLine', 5, 'ended[0].lastErrorLine'],
  ['ended.0.remarks.0', 7, 'ended[0].remarks[0]'],
  ['ended.0.parts.0.file', '../../etc/passwd', 'ended[0].parts[0].file'],
  ['ended.0.parts.0.file', '/etc/passwd', 'ended[0].parts[0].file'],
  ['ended.0.parts.0.name', 'a\0b', 'ended[0].parts[0].name'],
  ['ended.0.parts.1.base64', 'AAE', 'ended[0].parts[1].base64'],
  ['ended.0.parts.1.base64', 'AA*=', 'ended[0].parts[1].base64'],
  ['ended.0.parts.2.sha256', 'A'.repeat(64), 'ended[0].parts[2].sha256'],
  ['ended.0.parts.0', [], 'ended[0].parts[0]'],
];

const WRONG_RESPONSES: [path: string, value: unknown, named: string][] = [
  ['settings.leaseMs', 0, 'settings.leaseMs'],
  ['cancel.0.cause', 'ok', 'cancel[0].cause'],
  ['attempts.0.cells', ['a', 7], 'attempts[0].cells[1]'],
  ['jobs.0.inputs.0.name', '../x', 'jobs[0].inputs[0].name'],
  ['jobs.0.inputs.0.name', '', 'jobs[0].inputs[0].name'],
  ['jobs.0.inputs.0.from.kind', 'tape', 'jobs[0].inputs[0].from.kind'],
  ['jobs.0.results.1.from.pattern', '/etc/*', 'jobs[0].results[1].from.pattern'],
  ['jobs.0.programName', 'bin/x', 'jobs[0].programName'],
  ['jobs.0.programName', '..', 'jobs[0].programName'],
  ['jobs.0.programs.0.md5', 'x', 'jobs[0].programs[0].md5'],
  ['jobs.0.environment', { 'A=B': 'c' }, 'jobs[0].environment.A=B'],
  ['jobs.0.environment', { A: 'c\0' }, 'jobs[0].environment.A'],
  ['jobs.0.directory', { kind: 'submit', path: 'here' }, 'jobs[0].directory.path'],
];

test('a wrong field is refused with the path to it', () => {
  const pathOf = (read: () => unknown): unknown => {
    try {
      return read();
    } catch (error) {
      assert.equal((error as WindrowError).code, 'MESSAGE_MALFORMED');
      return (error as WindrowError).facts.path;
    }
  };
  for (const [path, value, named] of WRONG_REQUESTS) {
    assert.equal(
      pathOf(() => parseSyncRequest(spoil(REQUEST, path, value), '1.0.0')),
      named,
    );
  }
  for (const [path, value, named] of WRONG_RESPONSES) {
    assert.equal(
      pathOf(() => parseSyncResponse(spoil(RESPONSE, path, value), '1.0.0')),
      named,
    );
  }
});

test('whatever JSON comes, it is read or refused with a code', () => {
  const readers = [parseSyncRequest, parseSyncResponse, parseRenewRequest];
  const spoilt = fc
    .tuple(fc.constantFrom(...Object.keys(REQUEST)), fc.jsonValue())
    .map(([key, value]) => ({ ...REQUEST, [key]: value }));
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), spoilt), (json) => {
      for (const read of readers) {
        try {
          read(json, '1.0.0');
        } catch (error) {
          assert.match((error as WindrowError).code, /^(MESSAGE_MALFORMED|PROTOCOL_MISMATCH)$/);
        }
      }
    }),
    { numRuns: 500 },
  );
});
