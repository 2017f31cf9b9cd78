import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type JobSpec, NO_DEALINGS, NO_ISOLATION, NO_LIFE, NO_MATCHING } from '#model';
import { jobSpec } from './api/job-spec.ts';
import { openApiDocument } from './api/openapi.ts';
import { fillPath, type Route, readInput } from './api/route.ts';
import { api } from './api.ts';

const spec: JobSpec = {
  name: 'ising',
  command: { kind: 'shell', template: './ising --beta $beta' },
  axes: [{ kind: 'range', column: 'beta', from: '0', to: '1', step: '0.1' }],
  inputs: [],
  results: [{ name: 'energy', from: { kind: 'stdout' }, required: true }],
  programName: '',
  programs: [],
  references: [],
  environment: {},
  directory: { kind: 'scratch' },
  retries: 2,
  retryByCause: { timeout: 0 },
  timeoutMs: 0,
  killGraceMs: 5000,
  idempotent: true,
  isolation: NO_ISOLATION,
  request: { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
  validate: null,
  validateTimeoutMs: 60_000,
  collect: { kind: 'concat' },
  order: 'table',
  keep: 'packed',
  output: '',
  logBytes: 1 << 20,
  resultBytes: 1 << 30,
  deleteWorker: false,
  deleteClient: false,
  priority: 0,
  ...NO_MATCHING,
  ...NO_DEALINGS,
  ...NO_LIFE,
};

describe('the user API', () => {
  it('describes itself as OpenAPI 3.1 in which every reference leads somewhere', () => {
    const document = JSON.parse(JSON.stringify(openApiDocument('1.2.3')));
    assert.match(document.openapi, /^3\.1\./);
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((found) => found[1]!);
    assert.ok(references.length > 40);
    for (const reference of new Set(references)) {
      const name = reference.replace('#/components/schemas/', '');
      assert.ok(document.components.schemas[name], reference);
    }
  });

  it('describes every route, each path parameter included', () => {
    const document = JSON.parse(JSON.stringify(openApiDocument('1')));
    for (const [operation, route] of Object.entries<Route>(api)) {
      const described = document.paths[route.path][route.method.toLowerCase()];
      assert.equal(described.operationId, operation);
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map((found) => found[1]);
      const parameters = described.parameters.filter((one: { in: string }) => one.in === 'path');
      assert.deepEqual(
        parameters.map((one: { name: string }) => one.name),
        inPath,
        operation,
      );
      assert.ok(described.responses.default.content['application/problem+json']);
    }
  });

  it('takes the specification of a job as the model has it, and nothing more or less', () => {
    assert.deepEqual(jobSpec.parse(spec), spec);
    assert.equal(jobSpec.safeParse({ ...spec, retires: 3 }).success, false);
    for (const name of Object.keys(spec)) {
      const { [name as keyof JobSpec]: _left, ...rest } = spec;
      assert.equal(jobSpec.safeParse(rest).success, false, `${name} was not missed`);
    }
  });

  it('refuses a request naming every problem at once', () => {
    assert.throws(
      () =>
        readInput(api.listTasks, {
          params: { job: 'three' },
          query: { limit: '5000', state: 'lost', from: '' },
          body: null,
        }),
      (error: Error) => {
        for (const place of ['path.job', 'query.limit', 'query.state']) {
          assert.ok(error.message.includes(place), error.message);
        }
        assert.ok(!error.message.includes('query.from'));
        return true;
      },
    );
  });

  it('reads numbers from paths and queries', () => {
    const input = readInput(api.listTasks, {
      params: { job: '3' },
      query: { from: '20' },
      body: null,
    });
    assert.deepEqual([input.params.job, input.query.from, input.query.limit], [3, 20, undefined]);
  });

  it('keeps a value inside its place in the path', () => {
    const path = fillPath(api.readResult.path, { job: 1, task: 0, name: '../../etc?x#y' });
    assert.equal(path, '/v1/jobs/1/tasks/0/results/..%2F..%2Fetc%3Fx%23y');
  });
});
