import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { CollectRow, Sink } from './collect.ts';
import { makeOutputDirectory, outputError } from './partial-file.ts';
import { removeTree, writeAttemptFiles } from './result-files.ts';
import type { StoredRecord } from './segment-reader.ts';

/**
 * `keep = "files"`: a folder per task, `tasks/<task>/`. Each appears complete or not at all; they
 * are copies of what the segment files keep, so they are not synced one by one.
 */
export class FilesSink implements Sink {
  readonly #directory: string;
  readonly #random: string;

  private constructor(directory: string, random: string) {
    this.#directory = directory;
    this.#random = random;
  }

  static async open(output: string, random: string): Promise<FilesSink> {
    const directory = join(output, 'tasks');
    await makeOutputDirectory(directory);
    return new FilesSink(directory, random);
  }

  async add(row: CollectRow, record: StoredRecord): Promise<void> {
    await writeTaskFolder(this.#directory, String(row.task), this.#random, record);
  }

  async finish(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Writes `directory/name` as a folder with an attempt's files, replacing what bore the name. */
export async function writeTaskFolder(
  directory: string,
  name: string,
  random: string,
  record: StoredRecord,
): Promise<void> {
  const path = join(directory, name);
  const partial = join(directory, `.${name}.partial-${random}`);
  try {
    await writeAttemptFiles(partial, record);
    await removeTree(path);
    await rename(partial, path);
  } catch (error) {
    await removeTree(partial).catch(() => undefined);
    throw outputError(path, error);
  }
}
