/** What one try came to: a draft that is still to be checked, or the word that nothing has changed. */
import type { Draft } from '../disk/shelf.ts';
import type { Digests, Validators } from '../transport.ts';
import type { Expected } from './checks.ts';
import type { FetchCounts, FetchedFacts } from './order.ts';

const NO_VALIDATORS: Validators = { etag: null, lastModified: null, date: null };

export interface FetchedFile {
  /** Null: what is here is still right. */
  readonly draft: Draft | null;
  readonly facts: FetchedFacts;
  readonly expected: Expected;
}

/** What a transport answered, of whichever kind it is. */
type Answered = Pick<FetchedFacts, 'validators' | 'headers' | 'status'> & {
  readonly way: string;
  readonly mediaType?: string | null;
  readonly isPrivate?: boolean;
  readonly digests?: Digests;
};

export function fileOf(
  draft: Draft | null,
  answer: Answered,
  url: URL,
  counts: FetchCounts,
): FetchedFile {
  const { validators, headers, status, way } = answer;
  const { mediaType = null, isPrivate = false } = answer;
  const source = url.href;
  const expected = { digests: answer.digests ?? {}, said: 'the origin says' };
  return {
    draft,
    expected,
    facts: { validators, mediaType, headers, status, via: way, isPrivate, source, counts },
  };
}

export function unchangedOf(
  answer: Omit<Answered, 'validators'> & { readonly validators?: Validators },
  url: URL,
  counts: FetchCounts,
): FetchedFile {
  return fileOf(null, { ...answer, validators: answer.validators ?? NO_VALIDATORS }, url, counts);
}
