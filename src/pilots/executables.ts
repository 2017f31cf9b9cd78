/**
 * Windrow's own executables, for machines that are to have one: those that `npm run
 * build:executable` made, described by `executables.json` beside them, and the running one.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Duplex, type Readable, pipeline as streamPipeline } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import {
  constants,
  createGunzip,
  createGzip,
  createZstdCompress,
  createZstdDecompress,
} from 'node:zlib';
import { messageOf, systemCodeOf } from '#base';
import { pilotErrors } from './errors.ts';

/** How the bytes travel. `identity` is the executable itself, as in HTTP's Content-Encoding. */
export type Encoding = 'identity' | 'zstd' | 'gzip';

export interface Executable {
  readonly platform: string;
  readonly version: string;
  /** Of the executable itself, however it travels. */
  readonly sha256: string;
  readonly bytes: number;
  /** Bytes in this encoding when a file of it is kept, else null: they are made while they are read. */
  encodedBytes(encoding: Encoding): number | null;
  read(encoding: Encoding): Readable;
  /**
   * What is sent to machines that can open `encodings`: small, and in memory once for all of them.
   * `identity` can always be opened.
   */
  parcel(encodings: readonly string[]): Promise<Parcel>;
}

export interface Parcel {
  readonly encoding: Encoding;
  readonly bytes: number;
  pieces(): Iterable<Buffer> | AsyncIterable<Buffer>;
}

export interface ExecutablesOptions {
  /** Where `executables.json` may lie. */
  readonly folder: string;
  /** Only executables of this version are of use. */
  readonly version: string;
  /** The executable that this process is, if it is one. */
  readonly running: { readonly platform: string; readonly path: string } | null;
}

/** @throws WindrowError PILOT_NO_EXECUTABLE, PILOT_EXECUTABLES_UNREADABLE */
export type FindExecutable = (platform: string) => Promise<Executable>;

/** What a slow line may be silent for: a piece is a sign of life. */
const PIECE_BYTES = 256 * 1024;

interface Form {
  readonly encoding: Encoding;
  readonly bytes: number;
  readonly path: string;
}

interface Description {
  readonly version: string;
  readonly executables: readonly {
    readonly platform: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly forms: readonly { readonly encoding: Encoding; readonly file: string }[];
  }[];
}

export function executablesIn(options: ExecutablesOptions): FindExecutable {
  const { folder, version, running } = options;
  let own: Promise<Executable> | undefined;
  return async (platform) => {
    const description = await readDescription(join(folder, 'executables.json'));
    const isRight = description?.version === version;
    const kept = isRight ? keptExecutable(folder, description, platform) : undefined;
    if (kept) return kept;
    if (running?.platform === platform) {
      own ??= runningExecutable(running, version);
      return await own;
    }
    const found = description ? `those of version ${description.version}` : 'none';
    throw pilotErrors.create('PILOT_NO_EXECUTABLE', { platform, version, folder, found });
  };
}

async function readDescription(path: string): Promise<Description | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Description;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    const facts = { file: path, reason: messageOf(error) };
    throw pilotErrors.create('PILOT_EXECUTABLES_UNREADABLE', facts, { cause: error });
  }
}

function keptExecutable(
  folder: string,
  { version, executables }: Description,
  platform: string,
): Executable | undefined {
  const entry = executables.find((one) => one.platform === platform);
  const forms = (entry?.forms ?? []).flatMap(({ encoding, file }) => {
    const path = join(folder, basename(file));
    const found = statSync(path, { throwIfNoEntry: false });
    return found ? [{ encoding, path, bytes: found.size }] : [];
  });
  if (!entry || forms.length === 0) return undefined;
  const { sha256, bytes } = entry;
  return { platform, version, sha256, bytes, ...readingOf(forms) };
}

async function runningExecutable(
  { platform, path }: { readonly platform: string; readonly path: string },
  version: string,
): Promise<Executable> {
  const digest = createHash('sha256');
  await pipeline(createReadStream(path), digest);
  const { size: bytes } = statSync(path);
  const forms = [{ encoding: 'identity' as const, path, bytes }];
  return { platform, version, sha256: digest.digest('hex'), bytes, ...readingOf(forms) };
}

/** On their way, when no file of that form is kept: quick rather than small. */
const COMPRESSORS = {
  gzip: () => createGzip({ level: 1 }),
  zstd: () => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
};
const QUICK_FIRST = ['zstd', 'gzip'] as const;
const DECOMPRESSORS = { gzip: () => createGunzip(), zstd: () => createZstdDecompress() };

function readingOf(forms: readonly Form[]): Pick<Executable, 'encodedBytes' | 'read' | 'parcel'> {
  const kept = (encoding: Encoding) => forms.find((form) => form.encoding === encoding);
  const read = (encoding: Encoding) => {
    const form = kept(encoding) ?? kept('identity') ?? forms[0]!;
    const steps: Duplex[] = [];
    if (form.encoding !== encoding) {
      if (form.encoding !== 'identity') steps.push(DECOMPRESSORS[form.encoding]());
      if (encoding !== 'identity') steps.push(COMPRESSORS[encoding]());
    }
    return joined(createReadStream(form.path), steps);
  };
  const load = async (encoding: Encoding): Promise<Parcel> => {
    const form = kept(encoding);
    const content = await (form ? readFile(form.path) : buffer(read(encoding)));
    return { encoding, bytes: content.length, pieces: () => piecesOf(content) };
  };
  const loaded = new Map<Encoding, Promise<Parcel>>();
  const parcel = async (encodings: readonly string[]) => {
    const encoding = travelForm(forms, encodings);
    const found = loaded.get(encoding) ?? load(encoding);
    loaded.set(encoding, found);
    return await found;
  };
  return { encodedBytes: (encoding) => kept(encoding)?.bytes ?? null, read, parcel };
}

/** The smallest that is kept packed and can be opened there; else what is packed the soonest. */
function travelForm(forms: readonly Form[], encodings: readonly string[]): Encoding {
  const packed = forms.filter(({ encoding }) => encodings.includes(encoding));
  const [smallest] = packed.toSorted((a, b) => a.bytes - b.bytes);
  if (smallest) return smallest.encoding;
  return QUICK_FIRST.find((encoding) => encodings.includes(encoding)) ?? 'identity';
}

function* piecesOf(content: Buffer): Iterable<Buffer> {
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    yield content.subarray(at, at + PIECE_BYTES);
  }
}

/** The last of them; an error in one reaches its reader. */
function joined(source: Readable, steps: readonly Duplex[]): Readable {
  return steps.length === 0 ? source : (streamPipeline([source, ...steps], () => {}) as Duplex);
}
