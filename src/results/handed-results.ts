import { isUtf8 } from 'node:buffer';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree, writePartFile } from './result-files.ts';
import type { StoredPart, StoredRecord } from './segment-reader.ts';
import { INLINE_BYTES, type SentContent, type SentResult } from './user-code-protocol.ts';

/** An attempt's results on their way to user code; `release` removes the files among them. */
export interface HandedResults {
  readonly results: Readonly<Record<string, SentResult>>;
  /** Bytes that travel inside the request. */
  readonly inlineBytes: number;
  release(): Promise<void>;
}

/**
 * Results as user code gets them: text where the bytes are valid UTF-8, else bytes; a glob's files
 * by name. Large ones are written to files below `temporaryDirectory`.
 */
export async function handResults(
  record: StoredRecord,
  globs: ReadonlySet<string>,
  temporaryDirectory: string,
): Promise<HandedResults> {
  const handing = new Handing(temporaryDirectory);
  // Without a prototype: results and files have names of the user's choice.
  const results: Record<string, SentResult> = Object.create(null);
  const files = new Map<string, Record<string, SentContent>>();
  try {
    for (const part of record.parts) {
      if (part.kind !== 'result') continue;
      const content = await handing.content(part);
      if (globs.has(part.name)) filesOf(files, part.name)[part.file] = content;
      else results[part.name] = content;
    }
  } catch (error) {
    await handing.release();
    throw error;
  }
  for (const name of globs) results[name] = { files: filesOf(files, name) };
  return { results, inlineBytes: handing.inlineBytes, release: () => handing.release() };
}

function filesOf(
  files: Map<string, Record<string, SentContent>>,
  name: string,
): Record<string, SentContent> {
  const known = files.get(name);
  if (known) return known;
  const made: Record<string, SentContent> = Object.create(null);
  files.set(name, made);
  return made;
}

class Handing {
  readonly #temporaryDirectory: string;
  #directory: string | null = null;
  #count = 0;
  inlineBytes = 0;

  constructor(temporaryDirectory: string) {
    this.#temporaryDirectory = temporaryDirectory;
  }

  async content(part: StoredPart): Promise<SentContent> {
    if (this.inlineBytes + part.bytes <= INLINE_BYTES) {
      this.inlineBytes += part.bytes;
      const bytes = part.read(INLINE_BYTES);
      return isUtf8(bytes) ? { text: bytes.toString() } : { base64: bytes.toString('base64') };
    }
    this.#directory ??= await mkdtemp(join(this.#temporaryDirectory, 'results-'));
    const path = join(this.#directory, String(this.#count++));
    await writePartFile(path, part.pieces());
    return { path, bytes: part.bytes };
  }

  async release(): Promise<void> {
    const directory = this.#directory;
    this.#directory = null;
    if (directory) await removeTree(directory);
  }
}
