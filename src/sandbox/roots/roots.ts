/**
 * Roots that jobs ask for by name: a directory tree, or a squashfs image, which is mounted when the
 * first job asks for it and stays so as long as the worker lives.
 */
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmdirSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base';
import { sandboxErrors } from '../errors.ts';
import type { OtherRoot } from '../fence/view.ts';
import { mountsWithin } from '../place/loosen.ts';
import { findTool, runTool } from '../tool.ts';
import type { Ground } from '../walls/ground.ts';

/** Below the worker's directory. */
const FOLDER = 'roots';
const MOUNT_MS = 60_000;
const MOST_ENTRIES = 1000;

export interface NamedRoots {
  /** Those that are there. */
  readonly names: readonly string[];
  /** A sentence for each that is not. */
  readonly remarks: readonly string[];
  /** Rejects with ROOT_UNKNOWN or ROOT_UNUSABLE. */
  open(name: string): Promise<OtherRoot>;
  close(): Promise<void>;
}

export async function openRoots(ground: Ground): Promise<NamedRoots> {
  await unmountRoots(ground);
  return new RootsOfWorker(ground);
}

/** Of a killed worker images are still mounted. */
export async function unmountRoots({ directory, uid }: Ground): Promise<void> {
  const mounted = mountsWithin(
    join(directory, FOLDER),
    readFileSync('/proc/self/mountinfo', 'utf8'),
  );
  for (const { path, type } of mounted) {
    const fuse = type.startsWith('fuse') && uid !== 0;
    const tool = findTool(fuse ? 'fusermount' : 'umount') ?? findTool('fusermount3');
    if (tool) await runTool(fuse ? [tool, '-u', '-z', path] : [tool, '--lazy', path]);
    try {
      rmdirSync(path);
    } catch {
      // Busy, or somebody else's: it does no harm, and is tried again by the next worker.
    }
  }
}

class RootsOfWorker implements NamedRoots {
  readonly names: readonly string[];
  readonly remarks: readonly string[];
  readonly #ground: Ground;
  readonly #folder: string;
  readonly #open = new Map<string, Promise<OtherRoot>>();

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#folder = join(ground.directory, FOLDER);
    const listed = Object.entries(ground.settings.place.roots);
    const faults = new Map(listed.map(([name, path]) => [name, faultOf(path)]));
    this.names = listed.map(([name]) => name).filter((name) => faults.get(name) === '');
    this.remarks = listed.flatMap(([name, path]) => {
      const fault = faults.get(name);
      return fault ? [`root "${name}" at ${path} cannot be offered: ${fault}`] : [];
    });
  }

  open(name: string): Promise<OtherRoot> {
    const known = this.#open.get(name);
    if (known) return known;
    const opening = this.#openNew(name);
    this.#open.set(name, opening);
    // Tried again by the next attempt that asks for it.
    opening.catch(() => this.#open.delete(name));
    return opening;
  }

  async #openNew(name: string): Promise<OtherRoot> {
    if (!this.names.includes(name)) {
      throw sandboxErrors.create('ROOT_UNKNOWN', {
        root: name,
        known: this.names.join(', ') || 'none',
      });
    }
    const source = this.#ground.settings.place.roots[name]!;
    try {
      const path = statSync(source).isDirectory() ? source : await this.#mount(name, source);
      return { path, entries: entriesOf(path) };
    } catch (error) {
      throw sandboxErrors.create('ROOT_UNUSABLE', {
        root: name,
        path: source,
        reason: messageOf(error),
      });
    }
  }

  async #mount(name: string, image: string): Promise<string> {
    const target = join(this.#folder, name);
    mkdirSync(target, { recursive: true, mode: 0o755 });
    const argv = mountCommand(this.#ground.uid === 0, image, target);
    if (argv === null) throw new Error('neither mount nor squashfuse is there');
    const { fault } = await runTool(argv, { timeoutMs: MOUNT_MS });
    if (fault !== '') throw new Error(fault);
    return target;
  }

  async close(): Promise<void> {
    this.#open.clear();
    await unmountRoots(this.#ground);
  }
}

function mountCommand(
  isRoot: boolean,
  image: string,
  target: string,
): [string, ...string[]] | null {
  const tool = findTool(isRoot ? 'mount' : 'squashfuse');
  if (!tool) return null;
  if (!isRoot) return [tool, image, target];
  return [tool, '-t', 'squashfs', '-o', 'loop,ro,nosuid,nodev', image, target];
}

/** `hsqs`, the first bytes of every squashfs image (Documentation/filesystems/squashfs.rst). */
const SQUASHFS_MAGIC = 'hsqs';

/** `''` when it can be offered. */
function faultOf(path: string): string {
  try {
    if (statSync(path).isDirectory()) return entriesOf(path).length > 0 ? '' : 'it is empty';
    return beginningOf(path) === SQUASHFS_MAGIC
      ? ''
      : 'it is neither a directory nor a squashfs image';
  } catch (error) {
    return messageOf(error);
  }
}

function beginningOf(path: string): string {
  const bytes = Buffer.alloc(SQUASHFS_MAGIC.length);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

function entriesOf(path: string): OtherRoot['entries'] {
  const names = readdirSync(path);
  if (names.length > MOST_ENTRIES) throw new Error(`it has ${names.length} entries at its top`);
  return names.map((name) => {
    const inner = join(path, name);
    return { name, link: lstatSync(inner).isSymbolicLink() ? readlinkSync(inner) : null };
  });
}
