/** Steps before the program: its directory, the shipped program, inputs, stdin. */
import {
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, pause, systemCodeOf } from '#base';
import { type Input, stagedFiles } from '#model';
import { type CompiledText, compileText } from '#sweep';
import { backoffMs } from '../backoff.ts';
import type { BlobName } from '../blob-cache.ts';
import { fateOf, isLocal } from '../fate.ts';
import { identityOf } from '../gather.ts';
import { type Attempt, AttemptFault, spoolPath, unlessStopped, type Verdict } from './attempt.ts';

/** Larger files are copied without blocking the other slots. */
const COPY_AT_ONCE_BYTES = 256 * 1024;
/** A blob that keeps arriving damaged or refused by the disk is given up. */
const MOST_TRIES = 3;

export function makeScratch(attempt: Attempt): void {
  try {
    attempt.madeScratch = attempt.workshop.shelf.take(attempt.name);
  } catch (error) {
    throw stageFault('The scratch directory of the attempt could not be made', error);
  }
}

export function removeScratchOf(attempt: Attempt): Promise<void> | undefined {
  const { madeScratch, starter, workshop } = attempt;
  // The launcher adopts and ends every descendant; Node's spawn can lose one that hides.
  if (!madeScratch) return undefined;
  // What cannot simply be removed has mounts or immutable names in it.
  const remove = () => workshop.walls.remove(madeScratch.path);
  return workshop.shelf.give(madeScratch, starter.kind === 'launcher')?.catch(remove);
}

/** Undefined when nothing is to be staged, so that the usual attempt loses no turn. */
export function stageInputs(attempt: Attempt): Promise<void> | undefined {
  const { plan } = attempt;
  if (!plan.program && plan.job.inputs.length === 0) return undefined;
  return stageAll(attempt).then(() => noteStaged(attempt));
}

/** For results that are what the program has changed. */
function noteStaged(attempt: Attempt): void {
  if (!attempt.plan.job.results.some(({ from }) => from.kind === 'changed')) return;
  const names = readdirSync(attempt.scratch);
  attempt.staged = new Map(
    names.map((name) => [name, identityOf(`${attempt.scratch}/${name}`) ?? '']),
  );
}

async function stageAll(attempt: Attempt): Promise<void> {
  const { program, job } = attempt.plan;
  if (program) {
    await obtain(attempt, program, job.programName);
    placing(job.programName, () => placeProgram(attempt, program, job.programName));
  }
  for (const input of job.inputs) await stageInput(attempt, input);
}

/**
 * The program is linked, not copied: thousands of attempts share one file, and the page cache
 * keeps one. A program that overwrites itself changes the cached file's time, and it is fetched
 * anew for the next attempt.
 */
function placeProgram(attempt: Attempt, blob: BlobName, name: string): void {
  const source = attempt.workshop.blobs.pathOf(blob.sha256);
  const target = join(attempt.scratch, name);
  // Behind walls under the same account it could reach the others through what it shares with them.
  const isApart = attempt.walls?.record.had.includes('files') ?? false;
  try {
    if (isApart) copyFileSync(source, target, constants.COPYFILE_FICLONE);
    else linkSync(source, target);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
    chmodSync(target, 0o755);
  }
}

async function stageInput(attempt: Attempt, input: Input): Promise<void> {
  const { from, name } = input;
  if (from.kind === 'parameter') {
    const column = attempt.plan.job.columns.indexOf(from.column);
    const cell = attempt.grant.cells[column] ?? '';
    placing(name, () => writeFileSync(targetOf(attempt, name), cell, { mode: 0o644 }));
    return;
  }
  if (from.kind === 'files') {
    const { cells } = attempt.grant;
    for (const file of stagedFiles(from, attempt.plan.job.columns, cells)) {
      const blob = { sha256: file.blob, bytes: file.bytes };
      await obtain(attempt, blob, file.name);
      await placeFile(attempt, blob, file.name, file.executable ? 0o755 : 0o644);
    }
    return;
  }
  const blob = { sha256: from.blob, bytes: from.bytes };
  await obtain(attempt, blob, name);
  if (from.kind === 'template') {
    const template = templateOf(attempt, blob, name);
    placing(name, () => {
      const content = template.expand(attempt.grant.cells, attempt.grant.task);
      writeFileSync(targetOf(attempt, name), content, { mode: 0o644 });
    });
  } else await placeFile(attempt, blob, name);
}

/** Copied, not linked: an input is the program's to change, and the next attempt's to find whole. */
async function placeFile(
  attempt: Attempt,
  blob: BlobName,
  name: string,
  mode = 0o644,
): Promise<void> {
  const source = attempt.workshop.blobs.pathOf(blob.sha256);
  if (name === 'stdin') {
    attempt.stdin = source;
    return;
  }
  if (blob.bytes <= COPY_AT_ONCE_BYTES) {
    placing(name, () => {
      const target = targetOf(attempt, name);
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
      chmodSync(target, mode);
    });
    return;
  }
  try {
    const target = targetOf(attempt, name);
    await copyFile(source, target, constants.COPYFILE_FICLONE);
    await chmod(target, mode);
  } catch (error) {
    throw stageFault(`Input ${name} could not be made`, error);
  }
}

/** stdin lies out of the program's sight, so that no glob finds it. Makes folders on the way. */
function targetOf(attempt: Attempt, name: string): string {
  if (name === 'stdin') {
    attempt.stdin = spoolPath(attempt, 'stdin');
    return attempt.stdin;
  }
  const target = join(attempt.scratch, name);
  if (name.includes('/')) mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  return target;
}

function templateOf(attempt: Attempt, blob: BlobName, name: string): CompiledText {
  const { plan, workshop } = attempt;
  const known = plan.templates.get(blob.sha256);
  if (known) return known;
  return placing(name, () => {
    const text = readFileSync(workshop.blobs.pathOf(blob.sha256), 'utf8');
    const template = compileText(text, plan.job.columns, { what: `input "${name}"` }, plan.job.id);
    plan.templates.set(blob.sha256, template);
    return template;
  });
}

function placing<T>(name: string, place: () => T): T {
  try {
    return place();
  } catch (error) {
    throw stageFault(`Input ${name} could not be made`, error);
  }
}

function stageFault(what: string, error: unknown): AttemptFault {
  const code = systemCodeOf(error);
  const why = code === 'ENOSPC' ? 'the disk of this machine is full' : messageOf(error);
  return new AttemptFault('stage-in', `${what}: ${why}.`, { cause: error });
}

/** Waits until a blob lies in the cache: through outages of the server, but not for ever on faults. */
async function obtain(attempt: Attempt, blob: BlobName, name: string): Promise<void> {
  const { workshop } = attempt;
  let faults = 0;
  for (let failures = 1; !workshop.blobs.isReady(blob.sha256); failures++) {
    try {
      const fetched = workshop.link().then((link) => {
        return workshop.blobs.ensure(blob, link, workshop.lifetime);
      });
      await unlessStopped(attempt, fetched);
    } catch (error) {
      if (attempt.stopped) throw stopFault(attempt.stopped);
      const fate = fateOf(error);
      if (fate === 'refused' || fate === 'unwanted' || isLocal(error)) faults++;
      if (faults >= MOST_TRIES || workshop.lifetime.aborted) {
        throw stageFault(`${name} could not be fetched from the server`, error);
      }
      await pause(backoffMs(failures, workshop.random), attempt.aborter.signal);
    }
  }
  if (attempt.stopped) throw stopFault(attempt.stopped);
}

function stopFault({ cause, reason }: Verdict): AttemptFault {
  return new AttemptFault(cause, reason);
}
