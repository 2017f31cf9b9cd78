import assert from 'node:assert/strict';
import test from 'node:test';
import type { Errand, ErrandReport } from '#wire';
import { Errands } from './errands.ts';

const errand: Errand = {
  ...{
    id: 7,
    kind: 'collect-traces',
    traceId: '1.2',
    directory: '',
    match: '',
    compression: '',
    remove: false,
  },
  ...{ url: '', account: 'rocks', secret: '', insecure: false },
};
const half = { stored: 1, failed: 0, bytes: 10, foundBytes: 100, doneBytes: 50, message: '' };

test('how far an errand is is told while it runs, and its end last', async () => {
  const reports: ErrandReport[] = [];
  const heard = Promise.withResolvers<void>();
  const errands = new Errands({
    worker: 'w1',
    run: async (_errand, _url, onProgress) => {
      onProgress(half);
      await heard.promise;
      return { ...half, stored: 2, doneBytes: 100 };
    },
    link: async () =>
      ({
        postJson: async (_path: string, report: ErrandReport) => {
          reports.push(report);
          if (report.doneBytes === 50) heard.resolve();
        },
      }) as never,
    serverUrl: () => 'http://127.0.0.1:1',
    lifetime: new AbortController().signal,
    log: { warn: () => {} } as never,
  });
  errands.take([errand, errand]);
  await errands.close();
  assert.deepEqual(
    reports.map(({ state, doneBytes }) => [state, doneBytes]),
    [
      ['running', 0],
      ['running', 50],
      ['done', 100],
    ],
  );
});
