/** Files that procs name, looked at: folders become their files, each with its digest. */
import { readdir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, normalize } from 'node:path';
import { systemReasonOf } from '#base';
import type { Input, StagedFile } from '#model';
import type { PlannedBlob } from '../plan/draft.ts';
import { readFileFacts } from '../plan/file-digests.ts';
import type { Columns } from './columns.ts';
import { isUrl, type NamedFile, type ProcDescription } from './describe-proc.ts';

/** Over all procs together. */
const MOST_FILES = 10_000;

export interface StagedInputs {
  readonly inputs: readonly Input[];
  readonly blobs: readonly PlannedBlob[];
}

export type StageFault = (command: string, found: string) => void;

interface Stage {
  readonly fault: StageFault;
  readonly keepsPaths: boolean;
  readonly known: Map<string, Promise<readonly StagedFile[]>>;
  readonly blobs: Map<string, PlannedBlob>;
  files: number;
}

/** @param columns takes a column where the procs' files are not the same */
export async function stageInputs(
  procs: readonly ProcDescription[],
  columns: Columns,
  keepsPaths: boolean,
  fault: StageFault,
): Promise<StagedInputs> {
  const stage: Stage = { fault, keepsPaths, known: new Map(), blobs: new Map(), files: 0 };
  const inputs: Input[] = [];
  const [first] = procs;
  const common = first!.files.filter((file) => procs.every((one) => hasFile(one, file)));
  const shared = await filesOf(stage, 'transfer_input_files', common);
  if (shared.length > 0) {
    inputs.push({
      name: 'transfer_input_files',
      from: { kind: 'files', column: '', files: { '': shared } },
    });
  }
  const isCommon = new Set(common.map(({ path }) => path));
  const own = procs.map(({ files }) => files.filter(({ path }) => !isCommon.has(path)));
  if (own.some((files) => files.length > 0)) {
    const input = await chosen(stage, columns, 'transfer_input_files', own);
    inputs.push({ ...input, name: 'transfer_input_files.own' });
  }
  const stdin = procs.map((one) => (one.stdin ? [one.stdin] : []));
  if (stdin.some((files) => files.length > 0)) inputs.push(await stdinOf(stage, columns, stdin));
  return { inputs, blobs: [...stage.blobs.values()] };
}

function hasFile({ files }: ProcDescription, { path }: NamedFile): boolean {
  return files.some((file) => file.path === path);
}

async function chosen(
  stage: Stage,
  columns: Columns,
  command: string,
  lists: readonly (readonly NamedFile[])[],
): Promise<Input> {
  const cells = lists.map((list) => list.map(({ written }) => written).join(', '));
  const column = columns.column(command, cells);
  const files: Record<string, readonly StagedFile[]> = {};
  for (const [index, cell] of cells.entries()) {
    // One text may mean other files in another directory.
    if (cell !== '') files[cell] ??= await filesOf(stage, command, lists[index]!);
  }
  return { name: command, from: { kind: 'files', column, files } };
}

async function stdinOf(
  stage: Stage,
  columns: Columns,
  lists: readonly (readonly NamedFile[])[],
): Promise<Input> {
  const asStdin = (list: readonly StagedFile[]) => list.map((file) => ({ ...file, name: 'stdin' }));
  const [first] = lists;
  if (lists.every((list) => list[0]?.path === first![0]?.path)) {
    const files = { '': asStdin(await filesOf(stage, 'input', first!)) };
    return { name: 'stdin', from: { kind: 'files', column: '', files } };
  }
  const input = await chosen(stage, columns, 'input', lists);
  if (input.from.kind !== 'files') return input;
  const entries = Object.entries(input.from.files).map(([cell, list]) => [cell, asStdin(list)]);
  return { name: 'stdin', from: { ...input.from, files: Object.fromEntries(entries) } };
}

async function filesOf(
  stage: Stage,
  command: string,
  named: readonly NamedFile[],
): Promise<StagedFile[]> {
  const found = new Map<string, StagedFile>();
  for (const file of named) {
    const key = `${command} ${file.path}`;
    let files = stage.known.get(key);
    if (!files) {
      files = lookAt(stage, command, file);
      stage.known.set(key, files);
    }
    for (const one of await files) found.set(one.name, one);
  }
  return [...found.values()];
}

async function lookAt(
  stage: Stage,
  command: string,
  { path, written }: NamedFile,
): Promise<readonly StagedFile[]> {
  if (isUrl(written)) {
    stage.fault(command, `${written}: a URL, which transfer_input_files takes`);
    return [];
  }
  const isContent = path.endsWith('/');
  const own = stage.keepsPaths && !isAbsolute(written) ? normalize(written) : basename(path);
  try {
    const isFolder = (await stat(path)).isDirectory();
    if (!isFolder) return await fileAt(stage, command, path, own, written);
    const inner = await readdir(path, { recursive: true, withFileTypes: true });
    const files = inner.filter((entry) => !entry.isDirectory());
    const prefix = isContent ? '' : `${own}/`;
    const all: StagedFile[] = [];
    for (const entry of files) {
      const full = join(entry.parentPath, entry.name);
      const name = prefix + full.slice(path.replace(/\/$/, '').length + 1);
      all.push(...(await fileAt(stage, command, full, name, full)));
      if (stage.files > MOST_FILES) break;
    }
    return all;
  } catch (error) {
    stage.fault(command, `${written}: ${systemReasonOf(error)}`);
    return [];
  }
}

async function fileAt(
  stage: Stage,
  command: string,
  path: string,
  name: string,
  written: string,
): Promise<StagedFile[]> {
  if (++stage.files > MOST_FILES) {
    if (stage.files === MOST_FILES + 1)
      stage.fault(command, `more than ${MOST_FILES} files in all`);
    return [];
  }
  const facts = await readFileFacts(path);
  if ('trouble' in facts) {
    stage.fault(command, `${written}: ${facts.trouble}`);
    return [];
  }
  const { sha256, bytes, executable } = facts;
  stage.blobs.set(sha256, { path, sha256, bytes, executable });
  return [{ name, blob: sha256, bytes, executable }];
}
