/** The files of control groups: the kernel's, or a recorded tree of plain ones in a test. */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeSync,
} from 'node:fs';

/** All absolute. Methods throw the system's error where nothing else is said. */
export interface GroupFiles {
  make(directory: string): void;
  /** Throws `EBUSY` while it has processes or groups inside. */
  remove(directory: string): void;
  /** One write; never makes a file. */
  write(file: string, value: string): void;
  /** Whether there is such a file; some can only be written. */
  has(file: string): boolean;
  /** Null when it cannot be read. */
  read(file: string): string | null;
  /** Names of the groups directly inside; empty when it is gone. */
  groupsIn(directory: string): string[];
}

export const kernelFiles: GroupFiles = {
  make: (directory) => mkdirSync(directory, { mode: 0o755 }),
  remove: (directory) => rmdirSync(directory),
  write: (file, value) => {
    // Without O_CREAT; with O_TRUNC, which the kernel ignores and a plain file needs.
    const fd = openSync(file, constants.O_WRONLY | constants.O_TRUNC);
    try {
      writeSync(fd, value);
    } finally {
      closeSync(fd);
    }
  },
  has: existsSync,
  read: (file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return null;
    }
  },
  groupsIn: (directory) => {
    try {
      return readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name);
    } catch {
      return [];
    }
  },
};
