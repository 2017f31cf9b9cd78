/** Brings the bytes of a key here, whole or not at all: from which source, how often, and checked. */
import { join } from 'node:path';
import { type Clock, pause } from '#base';
import { removeFile } from '../disk/files.ts';
import type { Hasher } from '../disk/hasher.ts';
import { withoutLogin } from '../disk/key.ts';
import type { Layout } from '../disk/layout.ts';
import type { Sharer } from '../disk/sharer.ts';
import type { Draft } from '../disk/shelf.ts';
import { datastoreErrors } from '../errors.ts';
import type { FetchLimits, StoreEvent } from '../port.ts';
import { TransferFailure, type Transport } from '../transport.ts';
import { checkDigests, type Expected } from './checks.ts';
import { digestBeside } from './digest-beside.ts';
import { fetchFailure } from './failures.ts';
import { unchangedOf } from './fetched-file.ts';
import { discardPart, leftParts } from './left-parts.ts';
import type { Errand, Fetched, FetchedFacts, FetchOrder } from './order.ts';
import { OriginLimits } from './origin-limits.ts';
import { Part } from './part.ts';
import { bringStream } from './streaming.ts';
import { failureOf, isWorthAnother, waitMs } from './trying-again.ts';
import { bringWholeFile } from './whole-file.ts';

export interface FetcherParts {
  readonly transports: readonly Transport[];
  readonly limits: FetchLimits;
  readonly layout: Layout;
  readonly sharer: Sharer;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly random: () => number;
  onEvent(event: StoreEvent): void;
}

export class Fetcher {
  readonly #parts: FetcherParts;
  readonly #origins: OriginLimits;
  readonly #transports = new Map<string, Transport>();
  #puts = 0;

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

  /** For bytes that are put: nobody goes on with them, and their blocks are still their giver's. */
  partForPut(hash: string): Part {
    const path = `${this.partPath(hash)}.put${this.#puts++}`;
    return new Part(path, { ...this.#parts, ownsBlocks: false, wantsMd5: false });
  }

  /** Rejects with DATA_*, or with the signal's reason. The draft is the caller's to use up. */
  async bring(order: FetchOrder): Promise<Fetched> {
    for (const source of order.sources) this.#transportFor(source);
    const wantsMd5 = order.digests.md5 !== undefined;
    const tools = { ...this.#parts, ownsBlocks: true, wantsMd5 };
    const part = new Part(this.partPath(order.name.hash), tools);
    const counts = { tries: 0, restarts: 0, resumes: 0, movedBytes: 0 };
    const errand: Errand = { order, part, counts, spoiltVia: null };
    try {
      await this.#goOnWithLeft(errand);
      return await this.#tryOften(errand);
    } catch (error) {
      await part.leave();
      throw fetchFailure(errand, error, this.#parts.layout.directory);
    }
  }

  /** What another process left of this key when it ended; the longest is the one to go on with. */
  async #goOnWithLeft({ order, part }: Errand): Promise<void> {
    const { layout, sharer } = this.#parts;
    for (const path of await leftParts(layout, sharer, order.name.hash)) {
      if (part.bytes === 0) await part.adopt(path);
      else if (path !== part.path) await discardPart(path);
    }
  }

  async #tryOften(errand: Errand): Promise<Fetched> {
    const { order, counts } = errand;
    const { limits, random } = this.#parts;
    const sources = sourcesOf(errand);
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
    const { order, spoiltVia } = errand;
    errand.spoiltVia = null;
    const transport = this.#transportFor(source);
    const url = new URL(withoutLogin(source));
    const leave = await this.#origins.enter(transport.originOf(url), order.signal);
    try {
      // First, because it is short: what is wrong with it costs no transfer of the file.
      const { limits } = this.#parts;
      const beside = order.hasDigestBeside
        ? [await digestBeside(order, { transport, url }, limits)]
        : [];
      const said = beside[0]?.digests.sha256?.toLowerCase();
      const isKnown = said !== undefined && said === order.knownSha256;
      if (isKnown) return { kind: 'unchanged', ...factsBeside(url, errand) };
      // What is here is another one, whatever the origin says of its age.
      const asked = said === undefined ? errand : { ...errand, order: { ...order, known: null } };
      const fetched =
        transport.kind === 'stream'
          ? await bringStream(this.#parts, asked, transport, url, spoiltVia !== null)
          : await bringWholeFile(asked, transport, url);
      const { draft, expected, facts } = fetched;
      if (draft === null) return { kind: 'unchanged', ...facts };
      await this.#check(errand, draft, [expected, ...beside]).catch((error) => {
        errand.spoiltVia = facts.via;
        throw error;
      });
      // Not before: a wrong digest may as well be the fault of whoever gave it.
      if (spoiltVia !== null && transport.kind === 'stream') transport.blame?.(url, spoiltVia);
      return { kind: 'draft', draft, ...facts };
    } finally {
      leave();
    }
  }

  async #check({ order, part }: Errand, draft: Draft, said: readonly Expected[]): Promise<void> {
    const given = { digests: order.digests, said: 'the request says' };
    try {
      if (order.bytes !== null && draft.bytes !== order.bytes) {
        const told = `it has ${draft.bytes} bytes, ${order.bytes} were expected`;
        throw new TransferFailure('wrong', told);
      }
      await checkDigests(order.name.key, draft, [given, ...said]);
    } catch (error) {
      await removeFile(draft.path);
      await part.restart();
      throw error;
    }
  }

  #transportFor(source: string): Transport {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase() ?? '';
    const found = this.#transports.get(scheme);
    if (found && URL.canParse(source)) return found;
    if (scheme === '' || found) {
      throw datastoreErrors.create('DATA_NO_URL', { key: withoutLogin(source) });
    }
    throw datastoreErrors.create('DATA_SCHEME_UNKNOWN', {
      key: withoutLogin(source),
      scheme,
      known: [...this.#transports.keys()].sort().join(', '),
    });
  }

  async close(): Promise<void> {
    for (const transport of new Set(this.#transports.values())) await transport.close?.();
  }
}

/** The digest beside it has told that what is here is right. */
function factsBeside(url: URL, { counts }: Errand): FetchedFacts {
  return unchangedOf({ headers: null, status: 0, way: 'direct' }, url, counts).facts;
}

/** The one that a part is of comes first, whatever the order: there it can be gone on with. */
function sourcesOf({ order, part }: Errand): string[] {
  const url = part.version?.url;
  const isOfPart = (source: string) => new URL(withoutLogin(source)).href === url;
  const { sources } = order;
  return [...sources.filter(isOfPart), ...sources.filter((source) => !isOfPart(source))];
}
