/**
 * The thread in which files of others are read. A read that never comes back holds up this thread
 * alone; `progress` tells the collector's thread at which one it is.
 */
import { statSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import {
  type DirectoryList,
  type FileRead,
  isSameAnswer,
  listBounded,
  readBounded,
} from './bounded-read.ts';
import { AT_NONE, type FileAnswer, type FileJob, type PathsJob } from './file-jobs.ts';
import { Tail } from './tail.ts';

const progress = new Int32Array(workerData as SharedArrayBuffer);
const tails = new Map<string, Tail>();
/** What the last jobs that are asked again and again have said. */
const said = { read: memory<FileRead>(), list: memory<DirectoryList>() };
/** Longer files are sent each time rather than remembered. */
const REMEMBERED_BYTES = 16 << 10;

// Most of what is looked for is not there, and nobody sees where that was found out.
Error.stackTraceLimit = 0;

function carryOut(job: FileJob): FileAnswer {
  switch (job.kind) {
    case 'read':
      return {
        kind: 'read',
        files: each(job, said.read, (path) => readBounded(path, job.mostBytes)),
      };
    case 'list':
      return { kind: 'list', files: each(job, said.list, (path) => listBounded(path, job.most)) };
    case 'tail': {
      const tail = tails.get(job.path) ?? new Tail(job.path, job.cursor);
      tails.set(job.path, tail);
      return { kind: 'tail', read: tail.read(job.mostBytes) };
    }
  }
}

interface Memory<T> {
  byPath: Map<string, T>;
}

function memory<T>(): Memory<T> {
  return { byPath: new Map() };
}

function each<T extends FileRead | DirectoryList>(
  { paths, isAgain }: PathsJob,
  memory: Memory<T>,
  look: (path: string) => T,
): (T | null)[] {
  const remembered = new Map<string, T>();
  const answers = paths.map((path, index) => {
    Atomics.store(progress, 0, index);
    if (!isAgain) return look(path);
    const before = memory.byPath.get(path);
    const answer = before && isStillMissing(before, path) ? before : look(path);
    const isKnown = before !== undefined && isSameAnswer(before, answer);
    if (isKnown || isShort(answer)) remembered.set(path, isKnown ? before : answer);
    return isKnown ? null : answer;
  });
  if (isAgain) memory.byPath = remembered;
  return answers;
}

/** Half of all places have nothing, and to throw that for each of them takes longer than to read the others. */
function isStillMissing(before: FileRead | DirectoryList, path: string): boolean {
  return before.kind === 'missing' && !isThere(path);
}

/** True also where that cannot be found out. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function isShort(answer: FileRead | DirectoryList): boolean {
  return answer.kind !== 'read' || answer.bytes.length <= REMEMBERED_BYTES;
}

parentPort!.on('message', (job: FileJob) => {
  Atomics.store(progress, 0, 0);
  const answer = carryOut(job);
  Atomics.store(progress, 0, AT_NONE);
  parentPort!.postMessage(answer);
});
