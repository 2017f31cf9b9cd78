/** Brings the bytes of a key here, whole or not at all: tries, resumes, begins again, checks. */
import { join } from 'node:path';
import { type Clock, formatBytes, pause, systemCodeOf, systemReasonOf, WindrowError } from '#base';
import { namesIn, removeFile } from '../disk/files.ts';
import { type EntryName, withoutLogin } from '../disk/key.ts';
import type { Layout } from '../disk/layout.ts';
import type { Sharer } from '../disk/sharer.ts';
import type { Draft } from '../disk/shelf.ts';
import { datastoreErrors } from '../errors.ts';
import type { FetchLimits, StoreEvent } from '../port.ts';
import {
  type Digests,
  type FileTransport,
  type Login,
  type Opened,
  type StreamTransport,
  TransferFailure,
  type Transport,
  type Validators,
} from '../transport.ts';
import { checkDigests, type Expected } from './checks.ts';
import { OriginLimits } from './origin-limits.ts';
import { Part, partOwner } from './part.ts';
import { guardAgainstSlowness } from './slow-guard.ts';
import { strongValidator } from './validators.ts';

/** An origin that changes faster than it can be read is given up. */
const MOST_RESTARTS = 10;
/** Longer wishes of an origin are not waited for. */
const MOST_WAIT_MS = 300_000;

export interface FetchOrder {
  readonly name: EntryName;
  /** Addresses of the same bytes, in the order in which they are asked. */
  readonly sources: readonly string[];
  /** For the first source alone. */
  readonly login: Login | null;
  /** What is stored, if the origin may say that it is still right. */
  readonly known: Validators | null;
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

export interface FetcherParts {
  readonly transports: readonly Transport[];
  readonly limits: FetchLimits;
  readonly layout: Layout;
  readonly sharer: Sharer;
  readonly clock: Clock;
  readonly random: () => number;
  onEvent(event: StoreEvent): void;
}

/** One fetch on its way: what the tries have in common. */
interface Errand {
  readonly order: FetchOrder;
  readonly part: Part;
  readonly counts: FetchCounts;
}

const NO_VALIDATORS: Validators = { etag: null, lastModified: null, date: null };

export class Fetcher {
  readonly #parts: FetcherParts;
  readonly #origins: OriginLimits;
  readonly #transports = new Map<string, Transport>();

  constructor(parts: FetcherParts) {
    this.#parts = parts;
    this.#origins = new OriginLimits(parts.limits.perOrigin, parts.limits.inAll);
    for (const transport of parts.transports) {
      for (const scheme of transport.schemes) this.#transports.set(scheme, transport);
    }
  }

  /** Where a key's bytes lie while they are on their way to this process. */
  partPath(hash: string, sharer = this.#parts.sharer.id): string {
    return join(this.#parts.layout.folder('parts'), `${hash}.${sharer}.part`);
  }

  /** Rejects with DATA_*, or with the signal's reason. The draft is the caller's to use up. */
  async bring(order: FetchOrder): Promise<Fetched> {
    for (const source of order.sources) this.#transportFor(source);
    const part = new Part(this.partPath(order.name.hash), this.#parts.clock);
    const counts = { tries: 0, restarts: 0, resumes: 0, movedBytes: 0 };
    const errand = { order, part, counts };
    try {
      await this.#goOnWithLeft(errand);
      return await this.#tryOften(errand);
    } catch (error) {
      const { version } = part;
      await part.leave(version !== null && strongValidator(version.validators) !== null);
      throw this.#asFailure(errand, error);
    }
  }

  /** What another process left of this key when it ended. */
  async #goOnWithLeft({ order, part }: Errand): Promise<void> {
    const folder = this.#parts.layout.folder('parts');
    for (const name of await namesIn(folder)) {
      const owner = partOwner(name);
      if (owner?.hash !== order.name.hash || part.bytes > 0) continue;
      const isOwn = owner.sharer === this.#parts.sharer.id;
      if (isOwn || (await this.#parts.sharer.isGone(owner.sharer))) {
        await part.adopt(join(folder, name));
      }
    }
  }

  async #tryOften(errand: Errand): Promise<Fetched> {
    const { order, counts } = errand;
    const { limits, random } = this.#parts;
    const sources = [...order.sources];
    for (;;) {
      const at = counts.tries % sources.length;
      try {
        counts.tries++;
        return await this.#try(errand, sources[at]!);
      } catch (error) {
        order.signal.throwIfAborted();
        const failure = failureOf(error);
        if (failure === null) throw error;
        if (failure.kind === 'refused' && sources.length > 1) sources.splice(at, 1);
        else if (!isWorthAnother(failure.kind, counts.tries, order)) throw error;
        if (counts.tries % sources.length !== 0) continue;
        const round = counts.tries / sources.length;
        await pause(waitMs(round, failure.retryAfterMs, limits, random), order.signal);
        order.signal.throwIfAborted();
      }
    }
  }

  async #try(errand: Errand, source: string): Promise<Fetched> {
    const { order } = errand;
    const transport = this.#transportFor(source);
    const url = new URL(withoutLogin(source));
    const leave = await this.#origins.enter(transport.originOf(url), order.signal);
    try {
      const fetched =
        transport.kind === 'stream'
          ? await this.#stream(errand, transport, url)
          : await this.#wholeFile(errand, transport, url);
      const { draft } = fetched;
      if (draft === null) return { kind: 'unchanged', ...fetched.facts };
      await this.#check(errand, draft, fetched.expected, { transport, url }).catch((error) => {
        if (transport.kind === 'stream') transport.blame?.(url, fetched.facts.via);
        throw error;
      });
      return { kind: 'draft', draft, ...fetched.facts };
    } finally {
      leave();
    }
  }

  async #check(
    { order, part }: Errand,
    draft: Draft,
    said: Expected,
    from: { readonly transport: Transport; readonly url: URL },
  ): Promise<void> {
    const given = { digests: order.digests, said: 'the request says' };
    try {
      if (order.bytes !== null && draft.bytes !== order.bytes) {
        const told = `it has ${draft.bytes} bytes, ${order.bytes} were expected`;
        throw new TransferFailure('wrong', told);
      }
      const beside = order.hasDigestBeside ? [await this.#digestBeside(order, from)] : [];
      await checkDigests(order.name.key, draft, [given, said, ...beside]);
    } catch (error) {
      await removeFile(draft.path);
      await part.restart();
      throw error;
    }
  }

  async #stream(errand: Errand, transport: StreamTransport, url: URL): Promise<FetchedFile> {
    const { part, counts } = errand;
    for (;;) {
      const { ifRange, fromByte } = goingOn(part, url);
      if (fromByte === 0 && part.bytes > 0)
        await this.#restart(errand, 'it has no strong validator');
      const guard = guardAgainstSlowness(this.#parts.limits, errand.order.signal);
      try {
        const opened = await transport.open({
          url,
          fromByte,
          ifRange,
          known: fromByte === 0 ? errand.order.known : null,
          owner: errand.order.name.owner,
          login: isFirst(errand, url) ? errand.order.login : null,
          signal: guard.signal,
        });
        if (opened.kind === 'unchanged') return unchangedOf(opened, url, counts);
        if (opened.kind === 'restart') {
          await this.#restart(errand, 'the origin has another version');
          continue;
        }
        if (opened.kind === 'whole' && part.bytes > 0) {
          await this.#restart(errand, 'the origin sent it from the start');
        }
        if (opened.kind === 'part' && !isSameLength(part, opened.totalBytes)) {
          await this.#restart(errand, 'the origin has another version');
          continue;
        }
        if (opened.kind === 'part') counts.resumes++;
        await this.#takeBody(errand, opened, url, guard).catch((error) => {
          transport.blame?.(url, opened.way);
          throw error;
        });
        return fileOf(await part.finish(), opened, url, counts);
      } catch (error) {
        guard.signal.throwIfAborted();
        throw error;
      } finally {
        guard.end();
      }
    }
  }

  async #takeBody(
    { order, part, counts }: Errand,
    opened: Extract<Opened, { kind: 'whole' | 'part' }>,
    url: URL,
    guard: { add(bytes: number): void },
  ): Promise<void> {
    const { totalBytes, validators } = opened;
    refuseLarge(order, totalBytes ?? 0);
    part.begin({ url: url.href, validators, totalBytes });
    order.onProgress(part.bytes, totalBytes);
    for await (const block of opened.body) {
      guard.add(block.length);
      counts.movedBytes += block.length;
      await part.write(block);
      refuseLarge(order, part.bytes);
      order.onProgress(part.bytes, totalBytes);
    }
    if (totalBytes !== null && part.bytes < totalBytes) {
      const told = `the connection ended after ${part.bytes} of ${totalBytes} bytes`;
      throw new TransferFailure('again', told);
    }
    if (totalBytes !== null && part.bytes > totalBytes) {
      await part.restart();
      throw new TransferFailure('wrong', `more than the announced ${totalBytes} bytes came`);
    }
    // Where the connection's end is the end of the file, nobody can tell a short file from a whole one.
    if (totalBytes === null && !opened.endIsProof && !hasProof(order, opened.digests)) {
      await part.restart();
      const told = 'the origin does not say how long it is; give its SHA-256';
      throw new TransferFailure('refused', told);
    }
  }

  async #wholeFile(errand: Errand, transport: FileTransport, url: URL): Promise<FetchedFile> {
    const { order, part, counts } = errand;
    await part.restart();
    await part.discard();
    const { path } = part;
    try {
      const brought = await transport.bring({
        url,
        path,
        known: order.known,
        owner: order.name.owner,
        login: isFirst(errand, url) ? order.login : null,
        signal: order.signal,
        mostBytes: order.mostBytes,
        onProgress: order.onProgress,
      });
      if (brought.kind === 'unchanged') {
        return unchangedOf({ ...brought, headers: null, status: 0 }, url, counts);
      }
      const draft = await part.takeOver(brought.totalBytes);
      refuseLarge(order, draft.bytes);
      counts.movedBytes += draft.bytes;
      return fileOf(draft, { ...brought, headers: null, status: 0 }, url, counts);
    } catch (error) {
      await part.discard();
      throw error;
    }
  }

  /** `SHA256  NAME`, as sha256sum writes it, or the digest alone. */
  async #digestBeside(
    order: FetchOrder,
    { transport, url }: { readonly transport: Transport; readonly url: URL },
  ): Promise<Expected> {
    const said = `${url.pathname.split('/').at(-1)}.sha256 beside it says`;
    if (transport.kind !== 'stream') return { digests: {}, said };
    const beside = new URL(url);
    beside.pathname += '.sha256';
    const opened = await transport.open({
      url: beside,
      fromByte: 0,
      ifRange: null,
      known: null,
      owner: order.name.owner,
      login: order.login,
      signal: order.signal,
    });
    if (opened.kind !== 'whole') throw new TransferFailure('again', `${beside.href} was not sent`);
    const blocks: Uint8Array[] = [];
    let bytes = 0;
    for await (const block of opened.body) {
      blocks.push(block);
      bytes += block.length;
      if (bytes > 4096) break;
    }
    const [, sha256] = /^\\?([0-9a-f]{64})\b/i.exec(Buffer.concat(blocks).toString('latin1')) ?? [];
    if (sha256 === undefined) {
      throw new TransferFailure('refused', `${beside.href} does not begin with a SHA-256`);
    }
    return { digests: { sha256 }, said };
  }

  async #restart({ order, part, counts }: Errand, reason: string): Promise<void> {
    if (++counts.restarts > MOST_RESTARTS) {
      throw new TransferFailure('again', 'it changes faster than it can be read');
    }
    await part.restart();
    order.onProgress(0, null);
    this.#parts.onEvent({ kind: 'restarted', key: order.name.key, reason });
  }

  #transportFor(source: string): Transport {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase() ?? '';
    const found = this.#transports.get(scheme);
    if (found && URL.canParse(source)) return found;
    throw datastoreErrors.create('DATA_SCHEME_UNKNOWN', {
      key: withoutLogin(source),
      scheme: scheme || 'none',
      known: [...this.#transports.keys()].sort().join(', '),
    });
  }

  #asFailure({ order, counts }: Errand, error: unknown): unknown {
    if (order.signal.aborted) return order.signal.reason;
    if (error instanceof WindrowError) return error;
    const { key } = order.name;
    if (error instanceof TransferFailure) {
      const { status, subcode } = error;
      const source = withoutLogin(order.sources[0] ?? key);
      const facts = { key, reason: error.message, source, upstream: status, subcode, ...counts };
      const code = error.kind === 'refused' ? 'DATA_REFUSED' : 'DATA_FETCH_FAILED';
      return datastoreErrors.create(code, facts, { cause: error });
    }
    return storeFailure(error, key, this.#parts.layout.directory);
  }

  async close(): Promise<void> {
    for (const transport of new Set(this.#transports.values())) await transport.close?.();
  }
}

/** What a file system said when it could not store something, as users may see it. */
export function storeFailure(error: unknown, key: string, directory: string): unknown {
  const code = systemCodeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return datastoreErrors.create('DATA_DISK_FULL', { directory, key }, { cause: error });
  }
  if (code === undefined || error instanceof WindrowError) return error;
  const reason = systemReasonOf(error);
  return datastoreErrors.create('DATA_STORE_FAILED', { directory, reason }, { cause: error });
}

interface FetchedFile {
  readonly draft: Draft | null;
  readonly facts: FetchedFacts;
  readonly expected: Expected;
}

type Answered = Pick<FetchedFacts, 'validators' | 'headers' | 'status'> & {
  readonly way: string;
  readonly mediaType?: string | null;
  readonly isPrivate?: boolean;
  readonly digests?: Digests;
};

function fileOf(draft: Draft | null, answer: Answered, url: URL, counts: FetchCounts): FetchedFile {
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

function unchangedOf(
  answer: Omit<Answered, 'validators'> & { readonly validators?: Validators },
  url: URL,
  counts: FetchCounts,
): FetchedFile {
  return fileOf(null, { ...answer, validators: answer.validators ?? NO_VALIDATORS }, url, counts);
}

function goingOn(part: Part, url: URL): { fromByte: number; ifRange: string | null } {
  const { version } = part;
  const ifRange = version === null ? null : strongValidator(version.validators);
  if (part.bytes === 0 || ifRange === null || version?.url !== url.href) {
    return { fromByte: 0, ifRange: null };
  }
  return { fromByte: part.bytes, ifRange };
}

function isSameLength({ version }: Part, totalBytes: number | null): boolean {
  return version === null || version.totalBytes === null || version.totalBytes === totalBytes;
}

/** Only what was asked of the very address that the login stood in is given the login. */
function isFirst({ order }: Errand, url: URL): boolean {
  return url.href === new URL(withoutLogin(order.sources[0] ?? '')).href;
}

function refuseLarge({ name, mostBytes }: FetchOrder, bytes: number): void {
  if (bytes <= mostBytes) return;
  const facts = { key: name.key, limit: formatBytes(mostBytes) };
  throw datastoreErrors.create('DATA_TOO_LARGE', facts);
}

function hasProof(order: FetchOrder, said: Digests): boolean {
  const known = Object.keys(order.digests).length + Object.keys(said).length;
  return known > 0 || order.hasDigestBeside || order.bytes !== null;
}

/** Null: it is of this machine, and no origin makes it better. */
function failureOf(error: unknown): Pick<TransferFailure, 'kind' | 'retryAfterMs'> | null {
  if (error instanceof TransferFailure) return error;
  const isDigest = error instanceof WindrowError && error.code === 'DATA_DIGEST_WRONG';
  return isDigest ? { kind: 'wrong', retryAfterMs: null } : null;
}

/** Wrong bytes are asked for once more: a proxy on the way may have spoilt them. */
function isWorthAnother(kind: TransferFailure['kind'], tries: number, order: FetchOrder): boolean {
  if (kind === 'refused') return false;
  const most = (kind === 'wrong' ? Math.min(2, order.tries) : order.tries) * order.sources.length;
  return tries < most;
}

/** Twice as long each round, by chance between the half and the whole of it. */
function waitMs(
  round: number,
  retryAfterMs: number | null,
  { backoffFromMs, backoffToMs }: FetchLimits,
  random: () => number,
): number {
  const most = Math.min(backoffToMs, backoffFromMs * 2 ** (round - 1));
  return Math.max(Math.min(retryAfterMs ?? 0, MOST_WAIT_MS), most * (0.5 + random() / 2));
}
