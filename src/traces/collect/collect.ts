/** Brings the traces of this machine home: stop, find, compress, upload, remove. */
import { mkdtemp, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCodeOf, systemReasonOf } from '#base';
import { tracesErrors } from '../errors.ts';
import { type Compression, pack } from './compress.ts';
import { describeFile, type FindOptions, type FoundFile, findTraces } from './find.ts';
import { inside, openInside, pathOf } from './inside.ts';
import { stopTracing } from './stop-tracing.ts';
import { type Destination, type Uploaded, uploadTrace } from './upload.ts';

export interface CollectOptions extends FindOptions {
  readonly id: string;
  readonly to: Destination;
  /** `''`: nothing has to be stopped. */
  readonly switchFile: string;
  readonly switchText: string;
  readonly compression: Compression;
  /** Files go when the store has them; one that changed meanwhile stays. */
  readonly remove: boolean;
  /** Absolute; remembers uploads that were begun. */
  readonly memory: string;
  readonly signal: AbortSignal;
  readonly onStep: (step: CollectStep) => void;
}

export type CollectStep =
  | { readonly kind: 'found'; readonly files: number; readonly bytes: number }
  | {
      readonly kind: 'sending';
      readonly file: string;
      readonly sent: number;
      readonly bytes: number;
    }
  | {
      /** Of all files, as they lie here: what was found, and what is through. */
      readonly kind: 'progress';
      readonly foundBytes: number;
      readonly doneBytes: number;
    }
  | ({ readonly kind: 'stored'; readonly file: string; readonly fate: Fate } & Uploaded)
  | { readonly kind: 'failed'; readonly file: string; readonly error: unknown };

/** `changed`: it was written to while it was sent, and therefore stays. */
export type Fate = 'kept' | 'removed' | 'changed';

export interface Collected {
  readonly stored: number;
  readonly failed: number;
  readonly bytes: number;
}

/**
 * A file that fails does not keep the others from being sent; a collector that cannot be reached does.
 * Throws TRACE_DIRECTORY_FAILED and
 * TRACE_SWITCH_FAILED before anything is sent.
 */
export async function collectTraces(options: CollectOptions): Promise<Collected> {
  if (options.switchFile !== '') await stopTracing(options.switchFile, options.switchText);
  const { files, isCut } = await findTraces(options);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  options.onStep({ kind: 'found', files: files.length, bytes });
  let passedBytes = 0;
  const tell = (more: number) =>
    options.onStep({ kind: 'progress', foundBytes: bytes, doneBytes: passedBytes + more });
  tell(0);
  const spool = await mkdtemp(join(tmpdir(), 'windrow-traces-'));
  const done = { stored: 0, failed: 0, bytes: 0 };
  if (isCut) {
    const { directory, mostFiles } = options;
    const error = tracesErrors.create('TRACE_TOO_MANY', { directory, most: mostFiles });
    options.onStep({ kind: 'failed', file: directory, error });
    done.failed++;
  }
  try {
    for (const [index, file] of files.entries()) {
      if (options.signal.aborted) break;
      try {
        done.bytes += await collectOne(file, spool, options, tell);
        done.stored++;
      } catch (error) {
        done.failed++;
        options.onStep({ kind: 'failed', file: join(options.directory, file.path), error });
        const left = files.length - index - 1;
        if (left > 0 && isAway(error)) {
          done.failed += left;
          options.onStep({ kind: 'failed', file: options.directory, error: untried(left) });
          break;
        }
      }
      passedBytes += file.bytes;
      tell(0);
    }
  } finally {
    await rm(spool, { recursive: true, force: true });
  }
  return done;
}

/** To try each of many files for half a minute would take days. */
function isAway(error: unknown): boolean {
  const code = systemCodeOf(error) ?? '';
  return code === 'TRACE_COLLECTOR_AWAY' || code.startsWith('SERVER_');
}

function untried(files: number): Error {
  return tracesErrors.create('TRACE_UNTRIED', { files });
}

/** The folder that a file was in is gone, or another has its place. */
const MOVED = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

async function collectOne(
  found: FoundFile,
  spool: string,
  options: CollectOptions,
  onDone: (bytes: number) => void,
): Promise<number> {
  const { id, memory, signal, to, directory } = options;
  const file = join(directory, found.path);
  const handle = await openInside(directory, found.path).catch((error) => {
    const facts = { file, reason: systemReasonOf(error) };
    throw tracesErrors.create('TRACE_UNREADABLE', facts, { cause: error });
  });
  try {
    const parcel = await pack(pathOf(handle), file, options.compression, spool);
    try {
      const uploaded = await uploadTrace(to, {
        ...{ id, name: parcel.name, path: parcel.path, file, memory, signal },
        onProgress: (sent, bytes) => {
          options.onStep({ kind: 'sending', file, sent, bytes });
          // What is sent may be compressed: its share counts.
          onDone(bytes === 0 ? 0 : Math.floor((sent / bytes) * found.bytes));
        },
      });
      const fate = await removeUnchanged(found, options);
      options.onStep({ kind: 'stored', file, fate, ...uploaded });
      return uploaded.bytes;
    } finally {
      if (parcel.isCopy) await rm(parcel.path, { force: true });
    }
  } finally {
    await handle.close();
  }
}

/** Rejects with TRACE_NOT_REMOVED. */
async function removeUnchanged(
  found: FoundFile,
  { directory, remove }: CollectOptions,
): Promise<Fate> {
  try {
    return await inside<Fate>(directory, found.path, async (safe) => {
      const now = await describeFile(safe, found.path);
      if (now !== null && now.mark !== found.mark) return 'changed';
      if (!remove) return 'kept';
      // Not `rm`, which takes what it may not remove for a directory.
      if (now !== null) await unlink(safe);
      return 'removed';
    });
  } catch (error) {
    if (MOVED.has(systemCodeOf(error) ?? '')) return 'changed';
    const facts = { file: join(directory, found.path), reason: systemReasonOf(error) };
    throw tracesErrors.create('TRACE_NOT_REMOVED', facts, { cause: error });
  }
}
