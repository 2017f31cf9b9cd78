/** Results below 0 of the chirp protocol, and lines of it (HTCondor's src/condor_chirp/PROTOCOL). */
import { systemCodeOf } from '#base';

export const CODES = {
  notAuthenticated: -1,
  notAuthorized: -2,
  missing: -3,
  exists: -4,
  tooBig: -5,
  noSpace: -6,
  noMemory: -7,
  invalid: -8,
  tooManyOpen: -9,
  busy: -10,
  tryAgain: -11,
  badDescriptor: -12,
  isFolder: -13,
  notFolder: -14,
  notEmpty: -15,
  otherDevice: -16,
  unavailable: -17,
  unknown: -127,
} as const;

const OF_SYSTEM: Readonly<Record<string, number>> = {
  EACCES: CODES.notAuthorized,
  EPERM: CODES.notAuthorized,
  ELOOP: CODES.notAuthorized,
  EROFS: CODES.notAuthorized,
  ENOENT: CODES.missing,
  EEXIST: CODES.exists,
  EFBIG: CODES.tooBig,
  ENOSPC: CODES.noSpace,
  EDQUOT: CODES.noSpace,
  ENOMEM: CODES.noMemory,
  EINVAL: CODES.invalid,
  ENAMETOOLONG: CODES.invalid,
  EMFILE: CODES.tooManyOpen,
  ENFILE: CODES.tooManyOpen,
  EBUSY: CODES.busy,
  EAGAIN: CODES.tryAgain,
  EBADF: CODES.badDescriptor,
  EISDIR: CODES.isFolder,
  ENOTDIR: CODES.notFolder,
  ENOTEMPTY: CODES.notEmpty,
  EXDEV: CODES.otherDevice,
};

/** A request that is answered with a code. */
export class ChirpFault extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`chirp ${code}`);
    this.code = code;
  }
}

export function codeOf(error: unknown): number {
  if (error instanceof ChirpFault) return error.code;
  return OF_SYSTEM[systemCodeOf(error) ?? ''] ?? CODES.unknown;
}

/** Words of a request: blanks part, a backslash makes what follows a part of its word. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (char === ' ' || char === '\t' || char === '\r') {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === '\\' && at + 1 < line.length) word = (word ?? '') + line[++at]!;
    else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return words;
}
