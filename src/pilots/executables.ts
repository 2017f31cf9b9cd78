/**
 * Windrow's own executables, for machines that are to have one: those that `npm run
 * build:executable` made, described by `executables.json` beside them, and the running one.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Duplex, Readable, pipeline as streamPipeline } from 'node:stream';
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
  /** Before copies are sent: packs it, once for all of them, if no packed file is kept. */
  pack(): Promise<void>;
  read(encoding: Encoding): Readable;
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

interface Form {
  readonly encoding: Encoding;
  readonly bytes: number;
  open(): Readable;
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
    return found ? [fileForm(encoding, path, found.size)] : [];
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
  const forms = [fileForm('identity', path, bytes)];
  return { platform, version, sha256: digest.digest('hex'), bytes, ...readingOf(forms) };
}

function fileForm(encoding: Encoding, path: string, bytes: number): Form {
  return { encoding, bytes, open: () => createReadStream(path) };
}

/** On their way, when no file of that form is kept: quick rather than small. */
const COMPRESSORS = {
  gzip: () => createGzip({ level: 1 }),
  zstd: () => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
};
const DECOMPRESSORS = { gzip: () => createGunzip(), zstd: () => createZstdDecompress() };

function readingOf(given: readonly Form[]): Pick<Executable, 'encodedBytes' | 'pack' | 'read'> {
  const forms = [...given];
  let packing: Promise<void> | undefined;
  const kept = (encoding: Encoding) => forms.find((form) => form.encoding === encoding);
  const read = (encoding: Encoding) => {
    const form = kept(encoding) ?? kept('identity') ?? forms[0]!;
    const steps: Duplex[] = [];
    if (form.encoding !== encoding) {
      if (form.encoding !== 'identity') steps.push(DECOMPRESSORS[form.encoding]());
      if (encoding !== 'identity') steps.push(COMPRESSORS[encoding]());
    }
    return joined(form.open(), steps);
  };
  // gzip, because every machine can unpack it; in memory, because it is a third and soon sent.
  const packOnce = async () => {
    const bytes = await buffer(read('gzip'));
    forms.push({ encoding: 'gzip', bytes: bytes.length, open: () => Readable.from([bytes]) });
  };
  return {
    encodedBytes: (encoding) => kept(encoding)?.bytes ?? null,
    pack: async () => {
      if (forms.every(({ encoding }) => encoding === 'identity')) packing ??= packOnce();
      await packing;
    },
    read,
  };
}

/** The last of them; an error in one reaches its reader. */
function joined(source: Readable, steps: readonly Duplex[]): Readable {
  return steps.length === 0 ? source : (streamPipeline([source, ...steps], () => {}) as Duplex);
}
