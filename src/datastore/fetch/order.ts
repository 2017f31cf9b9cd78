/** What a fetch is asked for and what it answers with; and what any way of bringing bytes asks of it. */
import { formatBytes } from '#base';
import { type EntryName, withoutLogin } from '../disk/key.ts';
import type { Draft } from '../disk/shelf.ts';
import { datastoreErrors } from '../errors.ts';
import type { Digests, Login, Validators } from '../transport.ts';
import type { Part } from './part.ts';

export interface FetchOrder {
  readonly name: EntryName;
  /** Addresses of the same bytes, in the order in which they are asked. */
  readonly sources: readonly string[];
  /** For the first source alone. */
  readonly login: Login | null;
  /** What is stored, if the origin may say that it is still right. */
  readonly known: Validators | null;
  /** Of what is stored; null when nothing is that would do. */
  readonly knownSha256: string | null;
  readonly digests: Digests;
  /** The digest stands in a file beside it, named as it is with `.sha256` behind. */
  readonly hasDigestBeside: boolean;
  readonly bytes: number | null;
  readonly mostBytes: number;
  readonly tries: number;
  readonly signal: AbortSignal;
  onProgress(bytes: number, totalBytes: number | null): void;
}

export interface FetchCounts {
  tries: number;
  restarts: number;
  resumes: number;
  movedBytes: number;
}

export type Fetched =
  | ({ readonly kind: 'draft'; readonly draft: Draft } & FetchedFacts)
  | ({ readonly kind: 'unchanged' } & FetchedFacts);

export interface FetchedFacts {
  readonly validators: Validators;
  readonly mediaType: string | null;
  /** Null: the protocol knows no such rules. */
  readonly headers: Readonly<Record<string, string>> | null;
  readonly status: number;
  readonly via: string;
  readonly isPrivate: boolean;
  readonly source: string;
  readonly counts: Readonly<FetchCounts>;
}

/** One fetch on its way: what the tries have in common. */
export interface Errand {
  readonly order: FetchOrder;
  readonly part: Part;
  readonly counts: FetchCounts;
  /** The way of the last try when it brought wrong bytes: the next one goes past the proxies. */
  spoiltVia: string | null;
}

/** The login for `url`: only the very address that it stood in is given it. */
export function loginFor({ sources, login }: FetchOrder, url: URL): Login | null {
  return url.href === new URL(withoutLogin(sources[0] ?? '')).href ? login : null;
}

/** Throws DATA_TOO_LARGE. */
export function refuseLarge({ name, mostBytes }: FetchOrder, bytes: number): void {
  if (bytes <= mostBytes) return;
  const facts = { key: name.key, limit: formatBytes(mostBytes) };
  throw datastoreErrors.create('DATA_TOO_LARGE', facts);
}
