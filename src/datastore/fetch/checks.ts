/** Whether what came is what it must be. */

import { digestsOf } from '../disk/digest-file.ts';
import type { Draft } from '../disk/shelf.ts';
import { datastoreErrors } from '../errors.ts';
import type { Digests } from '../transport.ts';

const NAMES: Readonly<Record<keyof Digests, string>> = {
  sha256: 'SHA-256',
  md5: 'MD5',
  sha1: 'SHA-1',
  sha512: 'SHA-512',
};

/** Digests and who says so: `the request says`, `the origin says`. */
export interface Expected {
  readonly digests: Digests;
  readonly said: string;
}

/** A digest that is not what it must be. */
export interface WrongDigest {
  readonly what: string;
  readonly found: string;
  readonly expected: string;
  readonly said: string;
}

/** Throws DATA_DIGEST_WRONG for the first one that is not so. */
export async function checkDigests(
  key: string,
  draft: Draft,
  expected: readonly Expected[],
): Promise<void> {
  const wrong = await wrongDigest(draft, expected);
  if (wrong !== null) throw datastoreErrors.create('DATA_DIGEST_WRONG', { key, ...wrong });
}

/** The first one that is not so; null: all are. */
export async function wrongDigest(
  draft: Draft,
  expected: readonly Expected[],
): Promise<WrongDigest | null> {
  const found = await allDigests(draft, expected);
  for (const { digests, said } of expected) {
    for (const [name, digest] of entriesOf(digests)) {
      if (digest.toLowerCase() === found[name]) continue;
      return { what: NAMES[name], found: found[name] ?? '', expected: digest, said };
    }
  }
  return null;
}

/** SHA-256 is known, MD5 mostly; for others the file is read once more. */
async function allDigests(
  draft: Draft,
  expected: readonly Expected[],
): Promise<Partial<Record<keyof Digests, string>>> {
  const { sha256, md5 } = draft;
  const names = new Set(
    expected.flatMap(({ digests }) => entriesOf(digests).map(([name]) => name)),
  );
  const known = { sha256, ...(md5 === null ? {} : { md5 }) };
  const others = [...names].filter((name) => !(name in known));
  if (others.length === 0) return known;
  return { ...known, ...(await digestsOf(draft.path, others)).digests };
}

function entriesOf(digests: Digests): [keyof Digests, string][] {
  const names = ['sha256', 'md5', 'sha1', 'sha512'] as const;
  return names.flatMap((name): [keyof Digests, string][] => {
    const digest = digests[name];
    return digest === undefined ? [] : [[name, digest]];
  });
}
