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
import { dirname, join } from 'node:path';
import { systemCodeOf } from '#base';
import { blobOf, type Input, stagedFiles } from '#model';
import { type CompiledText, compileText } from '#sweep';
import { identityOf } from '../gather.ts';
import type { BlobName } from '../stock.ts';
import { type Attempt, spoolPath } from './attempt.ts';
import { noteWay } from './fetch.ts';
import { bringByPlugins } from './job-plugins.ts';
import { copyTo, isShareable, makeMountPoint, type PlacedFile, share } from './place-file.ts';
import { placing, stageFault } from './stage-fault.ts';

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

/** Files of the stock that walls are to mount, by the names they have in the attempt's directory. */
export function filesToMount(attempt: Attempt): { source: string; name: string }[] {
  const files = attempt.plan.job.inputs.flatMap((input) => filesOf(attempt, input));
  return files.flatMap((file) => {
    const source = attempt.taken.get(file.sha256)?.path;
    return source && file.name !== 'stdin' && isShareable(file, source)
      ? [{ source, name: file.name }]
      : [];
  });
}

interface FileOfStock extends BlobName, PlacedFile {
  readonly name: string;
}

/** None for what is made for each attempt anew. */
function filesOf({ plan, grant }: Attempt, input: Input): FileOfStock[] {
  const { from, name } = input;
  if (from.kind === 'files') {
    const files = stagedFiles(from, plan.job.columns, grant.cells);
    return files.map(({ blob, ...file }) => ({ ...file, sha256: blob, writable: true }));
  }
  const blob = blobOf(input);
  if (!blob || (from.kind !== 'file' && from.kind !== 'url')) return [];
  const { writable } = from;
  const executable = from.kind === 'file' && from.executable;
  return [{ name, sha256: blob.blob, bytes: blob.bytes, writable, executable }];
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
  if (program) placing(job.programName, () => placeProgram(attempt, program, job.programName));
  for (const input of job.inputs) await stageInput(attempt, input);
  await bringByPlugins(attempt, (name) => targetOf(attempt, name));
}

/**
 * The program is linked, not copied: thousands of attempts share one file, and the page cache
 * keeps one. A program that overwrites itself changes the stock's file, and it is fetched anew for
 * the next attempt.
 */
function placeProgram(attempt: Attempt, blob: BlobName, name: string): void {
  const source = sourceOf(attempt, blob.sha256);
  const target = join(attempt.scratch, name);
  try {
    if (isApart(attempt)) copyFileSync(source, target, constants.COPYFILE_FICLONE);
    else linkSync(source, target);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
    chmodSync(target, 0o755);
  }
}

/** Behind walls under the same account it could reach the others through what it shares with them. */
function isApart({ walls }: Attempt): boolean {
  return walls?.record.had.includes('files') ?? false;
}

async function stageInput(attempt: Attempt, input: Input): Promise<void> {
  const { from, name } = input;
  if (from.kind === 'parameter') {
    const column = attempt.plan.job.columns.indexOf(from.column);
    const cell = attempt.grant.cells[column] ?? '';
    placing(name, () => writeFileSync(targetOf(attempt, name), cell, { mode: 0o644 }));
  } else if (from.kind === 'template') {
    const template = templateOf(attempt, from.blob, name);
    placing(name, () => {
      const content = template.expand(attempt.grant.cells, attempt.grant.task);
      writeFileSync(targetOf(attempt, name), content, { mode: 0o644 });
    });
  }
  for (const file of filesOf(attempt, input)) {
    try {
      await placeFile(attempt, file);
    } catch (error) {
      throw stageFault(`Input ${file.name} could not be made`, error);
    }
  }
}

async function placeFile(attempt: Attempt, file: FileOfStock): Promise<void> {
  const { name } = file;
  const source = sourceOf(attempt, file.sha256);
  if (name === 'stdin') {
    attempt.stdin = source;
    return noteWay(attempt, name, 'file');
  }
  const target = targetOf(attempt, name);
  if (!isShareable(file, source)) return noteWay(attempt, name, await copyTo(source, target, file));
  if (attempt.walls?.mounts) {
    makeMountPoint(target);
    return noteWay(attempt, name, 'mount');
  }
  const into = share(source, target, file, !isApart(attempt));
  if (into === 'link') attempt.linked.set(file.sha256, name);
  noteWay(attempt, name, into ?? (await copyTo(source, target, file)));
}

function sourceOf(attempt: Attempt, sha256: string): string {
  const taken = attempt.taken.get(sha256);
  if (!taken) throw new Error(`${sha256} was not fetched`);
  return taken.path;
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

function templateOf(attempt: Attempt, sha256: string, name: string): CompiledText {
  const { plan } = attempt;
  const known = plan.templates.get(sha256);
  if (known) return known;
  return placing(name, () => {
    const text = readFileSync(sourceOf(attempt, sha256), 'utf8');
    const template = compileText(text, plan.job.columns, { what: `input "${name}"` }, plan.job.id);
    plan.templates.set(sha256, template);
    return template;
  });
}
