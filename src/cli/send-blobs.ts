/** Programs and inputs on their way to the server: only what it lacks, and each byte once. */
import { join } from 'node:path';
import type { Surroundings } from '#base';
import type { ApiClient, FileDigest } from '#wire';
import { openTransferBar } from './transfer-bar.ts';
import type { World } from './world.ts';

interface LocalFile extends FileDigest {
  readonly path: string;
}

/** Digests that are asked about at once. */
const ASKED_AT_ONCE = 10_000;

/** Throws UPLOAD_BROKE_OFF, FILE_CHANGED, FILE_UNUSABLE: the same command goes on from there. */
export async function sendBlobs(
  client: ApiClient,
  files: readonly LocalFile[],
  isQuiet: boolean,
  world: World,
): Promise<void> {
  const missing = await missingOf(client, files);
  if (missing.size === 0) return;
  const bar = await openTransferBar(isQuiet, world.stderr);
  const memory = begunUploads(world.surroundings);
  try {
    for (const [sha256, { path, bytes }] of missing) {
      await client.sendBlob(
        path,
        { sha256, bytes },
        {
          ...{ memory, signal: world.ending },
          onProgress: (sentBytes) => bar.update(path, sentBytes, bytes),
        },
      );
      bar.clear();
    }
  } finally {
    bar.end();
  }
}

/** Where it is remembered which uploads were begun, for the next run of this account. */
export function begunUploads({ environment, home }: Surroundings): string {
  const stateHome = environment.XDG_STATE_HOME || join(home, '.local', 'state');
  return join(stateHome, 'windrow', 'begun-uploads');
}

/** The same bytes under several names are sent once. */
async function missingOf(
  client: ApiClient,
  files: readonly LocalFile[],
): Promise<Map<string, LocalFile>> {
  const known = new Map(files.map((file) => [file.sha256, file]));
  const digests = [...known.keys()];
  const missing = new Map<string, LocalFile>();
  for (let at = 0; at < digests.length; at += ASKED_AT_ONCE) {
    const body = { sha256: digests.slice(at, at + ASKED_AT_ONCE) };
    for (const sha256 of (await client.call('findMissingBlobs', { body })).sha256) {
      const file = known.get(sha256);
      if (file) missing.set(sha256, file);
    }
  }
  return missing;
}
