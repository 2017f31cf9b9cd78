/** Collected files on their way from the server to the user's directory. */
import { accessSync, constants, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeDirectories, systemCodeOf, systemReasonOf, type WindrowError } from '#base';
import type { ApiClient } from '#wire';
import { cliErrors } from './errors.ts';

/** So that a directory which cannot be written is told before anything runs. Throws OUTPUT_FAILED. */
export function prepareTarget(directory: string): void {
  try {
    makeDirectories(directory);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw outputFailed(directory, error);
  }
}

/** Collects what is done, and fetches all of it; what else is in the directory stays. */
export async function fetchCollected(
  client: ApiClient,
  job: number,
  directory: string,
): Promise<void> {
  const { files } = await client.call('collectJob', { params: { job } });
  for (const { file } of files) await fetchFile(client, job, file, directory);
}

/** What the server calls a file is not trusted to stay inside the user's directory. */
export function insideOf(directory: string, file: string): string {
  const parts = file.split('/');
  const wrong = parts.some(
    (part) => part === '' || part === '.' || part === '..' || part.includes('\0'),
  );
  if (wrong || normalize(file) !== file) throw cliErrors.create('EXPORT_PATH_WRONG', { file });
  return join(directory, ...parts);
}

/**
 * Fetches a collected file into a directory; answers with its path there. Written beside its place
 * and renamed: under its name there is the whole file or none.
 */
export async function fetchFile(
  client: ApiClient,
  job: number,
  file: string,
  directory: string,
): Promise<string> {
  const path = insideOf(directory, file);
  const draft = `${path}.${process.pid}.part`;
  try {
    makeDirectories(dirname(path));
  } catch (error) {
    throw outputFailed(path, error);
  }
  const answer = await client.call('readOutput', { params: { job }, query: { file } });
  try {
    const handle = await open(draft, 'w');
    await pipeline(answer.stream, createWriteStream(draft, { fd: handle, flush: true }));
    await rename(draft, path);
    return path;
  } catch (error) {
    answer.stream.destroy();
    await rm(draft, { force: true });
    throw systemCodeOf(error)?.startsWith('E') ? outputFailed(path, error) : error;
  }
}

function outputFailed(target: string, error: unknown): WindrowError {
  const reason = systemReasonOf(error);
  return cliErrors.create('OUTPUT_FAILED', { target, reason }, { cause: error });
}
