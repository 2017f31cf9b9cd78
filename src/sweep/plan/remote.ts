/** URLs of a sweep, as users write them. */
import type { PluginInput, RemoteInput } from '#model';
import type { SweepDocument } from '../file/schema.ts';

export type DataDraft = NonNullable<SweepDocument['data']>[string];
export type RemoteDraft = Extract<Exclude<DataDraft, string>, { url: string }>;

/** A URL that is more than a path: `c:/x` and `a:b` are paths. */
const URL_START = /^[A-Za-z][A-Za-z0-9+.-]+:/;

export function isUrl(text: string): boolean {
  return URL_START.test(text);
}

/** `https://…` → `{ url: "https://…" }`, `file:///a` → `{ file: "/a" }`. */
export function spelledOut<Draft extends object>(
  draft: Draft | string,
): Draft | RemoteDraft | { file: string } {
  if (typeof draft !== 'string') return draft;
  return isUrl(draft) ? { url: draft } : { file: draft };
}

/** The path of a `file:` URL, or null for every other one. */
export function localPathOf(url: string): string | null {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'file:' || (parsed.host !== '' && parsed.host !== 'localhost')) {
    return null;
  }
  return decodeURIComponent(parsed.pathname);
}

export type ReadUrl =
  | { readonly url: string; readonly sha256: string; readonly scheme: string }
  | { readonly fault: string };

/**
 * Takes the digest off a URL, which may be written as its fragment: `…/lib.so#sha256=9f86…`. A password
 * in a URL would end up in records and messages: it is refused.
 */
export function readUrl(text: string): ReadUrl {
  const url = URL.parse(text);
  if (!url || !URL_START.test(text)) return { fault: 'it is no URL' };
  if (url.username !== '' || url.password !== '') {
    return { fault: 'it holds a user or password, which belong into ~/.netrc of the server' };
  }
  const fragment = url.hash.slice(1);
  url.hash = '';
  const scheme = url.protocol.slice(0, -1);
  if (fragment === '') return { url: url.href, sha256: '', scheme };
  const sha256 = /^sha256[=:]([0-9a-f]{64})$/i.exec(fragment)?.[1];
  if (sha256 === undefined) return { fault: 'what follows # is no sha256=… of 64 hex digits' };
  return { url: url.href, sha256: sha256.toLowerCase(), scheme };
}

/** The input of a job that stands for a URL. */
export function remoteInput(
  read: Extract<ReadUrl, { url: string }>,
  draft: RemoteDraft,
): RemoteInput {
  return {
    kind: 'url',
    url: read.url,
    sha256: draft.sha256 ?? read.sha256,
    md5: draft.md5 ?? '',
    mode: draft.mode ?? 'pin',
    from: draft.from ?? 'server',
    writable: draft.writable ?? false,
    version: null,
  };
}

export function pluginInput(
  read: Extract<ReadUrl, { url: string }>,
  draft: RemoteDraft,
  plugin: PluginInput['plugin'],
): PluginInput {
  const sha256 = draft.sha256 ?? read.sha256;
  return { kind: 'plugin', url: read.url, sha256, md5: draft.md5 ?? '', plugin };
}
