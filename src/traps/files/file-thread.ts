/**
 * The thread in which files of others are read. A read that never comes back holds up this thread
 * alone; `progress` tells the collector's thread at which one it is.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { listBounded, readBounded } from './bounded-read.ts';
import type { FileAnswer, FileJob } from './file-jobs.ts';
import { Tail } from './tail.ts';

const progress = new Int32Array(workerData as SharedArrayBuffer);
const tails = new Map<string, Tail>();

function carryOut(job: FileJob): FileAnswer {
  switch (job.kind) {
    case 'read':
      return { kind: 'read', files: each(job.paths, (path) => readBounded(path, job.mostBytes)) };
    case 'list':
      return { kind: 'list', files: each(job.paths, (path) => listBounded(path, job.most)) };
    case 'tail': {
      const tail = tails.get(job.path) ?? new Tail(job.path, job.cursor);
      tails.set(job.path, tail);
      return { kind: 'tail', read: tail.read(job.mostBytes) };
    }
  }
}

function each<T>(paths: readonly string[], look: (path: string) => T): T[] {
  return paths.map((path, index) => {
    Atomics.store(progress, 0, index);
    return look(path);
  });
}

parentPort!.on('message', (job: FileJob) => {
  Atomics.store(progress, 0, 0);
  parentPort!.postMessage(carryOut(job));
});
