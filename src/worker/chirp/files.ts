/** File requests of the chirp protocol, in the scratch directory of the attempt that asks. */
import {
  accessSync,
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { removeTree } from '#base';
import { ChirpFault, CODES } from './codes.ts';
import { inside, type Root } from './inside.ts';

/** Of one read or write; a program asks again for more. */
export const PIECE_BYTES = 1 << 20;
const MOST_OPEN = 32;
const MOST_LISTED = 100_000;
/** What belongs to the worker. */
const OWN = /^\.chirp\./;

interface OpenFile {
  readonly fd: number;
  position: number;
  readonly appends: boolean;
}

export class ChirpFiles {
  readonly #root: Root;
  readonly #owner: { readonly uid: number; readonly gid: number };
  readonly #open = new Map<number, OpenFile>();
  #next = 3;

  constructor(root: Root) {
    this.#root = root;
    const { uid, gid } = lstatSync(root.path);
    this.#owner = { uid, gid };
  }

  /** Letters of `flags`: r read, w write, a append, t truncate, c create, x only create. */
  open(path: string, flags: string, mode: number): number {
    if (!/^[rwatcx]+$/.test(flags)) throw new ChirpFault(CODES.invalid);
    if (this.#open.size >= MOST_OPEN) throw new ChirpFault(CODES.tooManyOpen);
    const has = (letter: string) => flags.includes(letter);
    const writes = has('w') || has('a');
    let bits: number = writes ? (has('r') ? constants.O_RDWR : constants.O_WRONLY) : 0;
    if (has('t')) bits |= constants.O_TRUNC;
    if (has('c') || has('x')) bits |= constants.O_CREAT;
    if (has('x')) bits |= constants.O_EXCL;
    const fd = this.#openFile(path, bits, mode);
    const descriptor = this.#next++;
    this.#open.set(descriptor, { fd, position: 0, appends: has('a') });
    return descriptor;
  }

  close(descriptor: number): void {
    closeSync(this.#file(descriptor).fd);
    this.#open.delete(descriptor);
  }

  /** From `offset`, or from where the last read ended. */
  read(descriptor: number, length: number, offset?: number): Buffer {
    const file = this.#file(descriptor);
    const buffer = Buffer.alloc(Math.min(length, PIECE_BYTES));
    const count = readSync(file.fd, buffer, 0, buffer.length, offset ?? file.position);
    if (offset === undefined) file.position += count;
    return buffer.subarray(0, count);
  }

  write(descriptor: number, bytes: Buffer, offset?: number): number {
    const file = this.#file(descriptor);
    const end = file.appends ? Number(fstatSync(file.fd).size) : file.position;
    const count = writeSync(file.fd, bytes, 0, bytes.length, offset ?? end);
    if (offset === undefined) file.position = end + count;
    return count;
  }

  seek(descriptor: number, offset: number, whence: number): number {
    const file = this.#file(descriptor);
    const bases = [0, file.position, Number(fstatSync(file.fd).size)];
    const base = bases[whence];
    if (base === undefined || base + offset < 0) throw new ChirpFault(CODES.invalid);
    file.position = base + offset;
    return file.position;
  }

  sync(descriptor: number): void {
    fsyncSync(this.#file(descriptor).fd);
  }

  statOpen(descriptor: number): string {
    return statLine(fstatSync(this.#file(descriptor).fd, { bigint: true }));
  }

  truncateOpen(descriptor: number, length: number): void {
    ftruncateSync(this.#file(descriptor).fd, length);
  }

  changeModeOpen(descriptor: number, mode: number): void {
    fchmodSync(this.#file(descriptor).fd, mode & 0o777);
  }

  /** A plain file, opened to be sent whole; the caller closes it. */
  openToSend(path: string): { readonly fd: number; readonly bytes: number } {
    const fd = this.#openFile(path, constants.O_RDONLY, 0);
    return { fd, bytes: Number(fstatSync(fd).size) };
  }

  /** A new file beside the named one; `finish` gives it that name, so that it is whole or not there. */
  openToStore(path: string, mode: number): { readonly fd: number; finish(keep: boolean): void } {
    const draft = draftOf(path, this.#next++);
    const fd = this.#openFile(
      draft,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
      mode,
    );
    return {
      fd,
      finish: (keep) => {
        closeSync(fd);
        if (keep) this.rename(draft, path);
        else inside(this.#root, draft, (at) => unlinkSync(at));
      },
    };
  }

  stat(path: string): string {
    return inside(this.#root, path, (at) => statLine(lstatSync(at, { bigint: true })));
  }

  statFileSystem(): string {
    const { type, bsize, blocks, bfree, bavail, files, ffree } = statfsSync(this.#root.path);
    return [type, bsize, blocks, bfree, bavail, files, ffree].join(' ');
  }

  list(path: string, isLong: boolean): string {
    return inside(this.#root, path, (at) => {
      if (!lstatSync(at).isDirectory()) throw new ChirpFault(CODES.notFolder);
      const names = readdirSync(at).filter((name) => !OWN.test(name));
      if (names.length > MOST_LISTED) throw new ChirpFault(CODES.tooBig);
      if (!isLong) return names.map((name) => `${name}\n`).join('');
      const line = (name: string) => statLine(lstatSync(`${at}/${name}`, { bigint: true }));
      return names.map((name) => `${name}\n${line(name)}\n`).join('');
    });
  }

  unlink(path: string): void {
    this.#changing(path, (at) => unlinkSync(at));
  }

  rename(from: string, to: string): void {
    this.#changing(from, (source) => this.#changing(to, (target) => renameSync(source, target)));
  }

  link(from: string, to: string): void {
    this.#changing(from, (source) => {
      // Under another name it would be written to by whoever owns the link's target.
      if (!lstatSync(source).isFile()) throw new ChirpFault(CODES.notAuthorized);
      this.#changing(to, (target) => linkSync(source, target));
    });
  }

  symlink(target: string, path: string): void {
    this.#changing(path, (at) => {
      symlinkSync(target, at);
      lchownSync(at, this.#owner.uid, this.#owner.gid);
    });
  }

  readlink(path: string): string {
    return inside(this.#root, path, (at) => readlinkSync(at));
  }

  makeFolder(path: string, mode: number): void {
    this.#changing(path, (at) => {
      mkdirSync(at, { mode: mode & 0o777 });
      lchownSync(at, this.#owner.uid, this.#owner.gid);
    });
  }

  removeFolder(path: string): void {
    this.#changing(path, (at) => rmdirSync(at));
  }

  async removeAll(path: string): Promise<void> {
    const isFolder = this.#changing(path, (at) => lstatSync(at).isDirectory());
    if (!isFolder) return this.unlink(path);
    // Taken out of the way first: then nothing but its own content is reached through the name.
    const aside = draftOf(path, this.#next++);
    this.rename(path, aside);
    await inside(this.#root, aside, (at) => removeTree(at));
  }

  access(path: string, mode: number): void {
    inside(this.#root, path, (at) => {
      if (lstatSync(at).isSymbolicLink()) throw new ChirpFault(CODES.notAuthorized);
      accessSync(at, mode & 7);
    });
  }

  changeMode(path: string, mode: number): void {
    this.#changing(path, (at) => {
      if (lstatSync(at).isSymbolicLink()) throw new ChirpFault(CODES.notAuthorized);
      chmodSync(at, mode & 0o777);
    });
  }

  truncate(path: string, length: number): void {
    const fd = this.#openFile(path, constants.O_WRONLY, 0);
    try {
      ftruncateSync(fd, length);
    } finally {
      closeSync(fd);
    }
  }

  touch(path: string, accessed: number, modified: number): void {
    this.#changing(path, (at) => {
      if (lstatSync(at).isSymbolicLink()) throw new ChirpFault(CODES.notAuthorized);
      utimesSync(at, accessed, modified);
    });
  }

  closeAll(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #changing<T>(path: string, use: (at: string) => T): T {
    if (path.split('/').some((part) => OWN.test(part) && !part.startsWith('.chirp.part'))) {
      throw new ChirpFault(CODES.notAuthorized);
    }
    return inside(this.#root, path, use);
  }

  /** A plain file; pipes, devices and links are refused without waiting for them. */
  #openFile(path: string, bits: number, mode: number): number {
    return this.#changing(path, (at) => {
      const isNew = lstatSync(at, { throwIfNoEntry: false }) === undefined;
      const fd = openSync(at, bits | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode & 0o777);
      const stats = fstatSync(fd);
      if (!stats.isFile()) {
        closeSync(fd);
        throw new ChirpFault(stats.isDirectory() ? CODES.isFolder : CODES.notAuthorized);
      }
      if (isNew) fchownSync(fd, this.#owner.uid, this.#owner.gid);
      return fd;
    });
  }

  #file(descriptor: number): OpenFile {
    const file = this.#open.get(descriptor);
    if (!file) throw new ChirpFault(CODES.badDescriptor);
    return file;
  }
}

function draftOf(path: string, number: number): string {
  const slash = path.replace(/\/+$/, '').lastIndexOf('/');
  return `${path.slice(0, slash + 1)}.chirp.part-${number}`;
}

/** device inode mode nlink uid gid rdevice size blksize blocks atime mtime ctime */
function statLine(stats: BigIntStats): string {
  const { dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks } = stats;
  const times = [stats.atimeMs, stats.mtimeMs, stats.ctimeMs].map((ms) => ms / 1000n);
  return [dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, ...times].join(' ');
}
