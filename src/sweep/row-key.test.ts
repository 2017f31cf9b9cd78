import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type JobSpec, NO_DEALINGS, NO_ISOLATION, NO_LIFE, NO_MATCHING } from '#model';
import { jobKey, rowDigest } from './row-key.ts';

const spec: JobSpec = {
  name: 'ising',
  command: { kind: 'shell', template: './ising $beta' },
  axes: [],
  inputs: [{ name: 'a', from: { kind: 'parameter', column: 'beta' } }],
  results: [{ name: 'e', from: { kind: 'stdout' }, required: true }],
  programName: 'ising',
  programs: [{ platform: 'any', sha256: 'aa', md5: 'bb', bytes: 1 }],
  references: [{ path: 'x', sha256: 'cc' }],
  environment: { A: '1', B: '2' },
  directory: { kind: 'scratch' },
  retries: 0,
  retryByCause: {},
  timeoutMs: 0,
  killGraceMs: 0,
  idempotent: true,
  isolation: NO_ISOLATION,
  request: { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
  validate: null,
  validateTimeoutMs: 0,
  collect: { kind: 'concat' },
  order: 'table',
  keep: 'packed',
  output: '',
  logBytes: 0,
  resultBytes: 0,
  deleteWorker: false,
  deleteClient: false,
  priority: 0,
  ...NO_MATCHING,
  ...NO_DEALINGS,
  ...NO_LIFE,
};

test('a change of what a result depends on changes the key, in its own part only', () => {
  const changes: [string, Partial<JobSpec>][] = [
    ['command', { command: { kind: 'shell', template: './ising  $beta' } }],
    ['command', { command: { kind: 'argv', template: ['./ising $beta'] } }],
    ['programs', { programs: [{ ...spec.programs[0]!, sha256: 'ab' }] }],
    ['inputs', { inputs: [{ name: 'b', from: { kind: 'parameter', column: 'beta' } }] }],
    ['results', { results: [{ name: 'e', from: { kind: 'stdout' }, required: false }] }],
    ['environment', { environment: { A: '1', B: '3' } }],
    ['references', { references: [] }],
    ['directory', { directory: { kind: 'submit', path: '/' } }],
  ];
  const before = jobKey(spec);
  for (const [part, change] of changes) {
    const after = jobKey({ ...spec, ...change });
    assert.notEqual(after.key, before.key);
    const changed = Object.keys(after.parts).filter(
      (name) => Reflect.get(after.parts, name) !== Reflect.get(before.parts, name),
    );
    assert.deepEqual(changed, [part]);
  }
});

test('what only steers execution, and the order of writing, leaves the key as it is', () => {
  const other: JobSpec = {
    ...spec,
    ...{ name: 'other', retries: 9, timeoutMs: 5, priority: 1, output: '/x', keep: 'files' },
    environment: { B: '2', A: '1' },
  };
  assert.equal(jobKey(other).key, jobKey(spec).key);
});

test('different rows have different digests, the order of columns does not matter', () => {
  const row = fc.tuple(fc.string(), fc.string());
  fc.assert(
    fc.property(row, row, (one, two) => {
      const columns = ['a', 'b'];
      const digest = (cells: readonly string[]) => rowDigest(columns, cells);
      const same = one[0] === two[0] && one[1] === two[1];
      assert.equal(digest(one) === digest(two), same);
      assert.equal(digest(one), rowDigest(['b', 'a'], [one[1], one[0]]));
    }),
  );
});
