/**
 * One transfer of an entry, from the claim that saves other processes the same work to the place of
 * its bytes in the store.
 */
import { rename } from 'node:fs/promises';
import { messageOf, WindrowError } from '#base';
import type { Description } from './disk/description.ts';
import { removeFile } from './disk/files.ts';
import { type EntryName, loginOf, withoutLogin } from './disk/key.ts';
import type { Draft } from './disk/shelf.ts';
import { datastoreErrors } from './errors.ts';
import { takeClaim } from './fetch/claims.ts';
import { storeFailure } from './fetch/failures.ts';
import type { Fetcher } from './fetch/fetcher.ts';
import type { FlightControls } from './fetch/flights.ts';
import type { FetchCounts, Fetched } from './fetch/order.ts';
import { stateOf } from './fetch/part-state.ts';
import { type HoldingParts, keepFor } from './holding.ts';
import { mayBeStored, policyOf, revalidated } from './http/freshness.ts';
import type { EnsureRequest, Way } from './port.ts';
import { type StoringParts, store, undescribed } from './storing.ts';
import { isWanted } from './wanted.ts';

/** Somebody who has a copy that would do does not wait through all tries. */
const TRIES_WITH_COPY = 2;

/** What a transfer came to, for all who waited for it. */
export type Outcome =
  | { readonly kind: 'stored'; readonly description: Description; readonly way: Way }
  /** Brought by another process: look again. */
  | { readonly kind: 'came' }
  /** May not be kept: for the one who asked first, and nobody else. */
  | {
      readonly kind: 'passing';
      readonly draft: Draft;
      readonly way: Way;
      readonly mediaType: string | null;
    };

export interface BringingParts extends HoldingParts, StoringParts {
  readonly fetcher: Fetcher;
  readonly tries: number;
  /** Makes room; true when some became free. */
  makeRoom(): Promise<boolean>;
}

/**
 * Brings what a request asks for, unless another process does so first. Rejects with DATA_*, or with
 * the reason of the controls' signal.
 */
export async function bringEntry(
  parts: BringingParts,
  name: EntryName,
  request: EnsureRequest,
  controls: FlightControls<Outcome>,
): Promise<Outcome> {
  const { layout, sharer, fetcher, clock } = parts;
  const claim = await takeClaim({
    folder: layout.folder('claims'),
    hash: name.hash,
    sharer: sharer.id,
    partOf: (id) => fetcher.partPath(name.hash, id),
    entryPath: `${layout.stem(name.hash)}.key`,
    clock,
    ...controls,
  });
  if (claim.kind === 'came') return { kind: 'came' };
  try {
    return await bringInto(parts, name, request, controls);
  } finally {
    claim.release();
  }
}

/** When the disk is full, what was not used for the longest makes room, as often as that helps. */
async function bringInto(
  parts: BringingParts,
  name: EntryName,
  request: EnsureRequest,
  controls: FlightControls<Outcome>,
): Promise<Outcome> {
  let hasLanded = false;
  const land = (outcome: Outcome) => {
    hasLanded = true;
    controls.land(outcome);
  };
  for (;;) {
    try {
      return await bring(parts, name, request, { ...controls, land });
    } catch (error) {
      const failure = storeFailure(error, name.key, parts.layout.directory);
      if (hasLanded) {
        // Perhaps nobody waits any more who could be told.
        parts.onEvent({ kind: 'unstored', key: name.key, reason: messageOf(failure) });
        throw failure;
      }
      const isFull = failure instanceof WindrowError && failure.code === 'DATA_DISK_FULL';
      if (!isFull || !(await parts.makeRoom())) throw failure;
    }
  }
}

async function bring(
  parts: BringingParts,
  name: EntryName,
  request: EnsureRequest,
  controls: FlightControls<Outcome>,
): Promise<Outcome> {
  const { fetcher, tries } = parts;
  // Held meanwhile, so that a "not modified" is an answer about bytes that are here.
  const known = await keepFor(parts, name, request);
  try {
    const before = known !== null && isWanted(known.description, request) ? known : null;
    const hasCopy = before !== null && request.staleAllowed === true;
    const sources = request.sources ?? [request.key];
    const order = {
      name,
      sources,
      login: loginOf(sources[0] ?? ''),
      known: before?.description.validators ?? null,
      knownSha256: before?.description.sha256 ?? null,
      digests: request.digests ?? {},
      hasDigestBeside: request.hasDigestBeside ?? false,
      bytes: request.bytes ?? null,
      mostBytes: request.mostBytes ?? Number.MAX_SAFE_INTEGER,
      tries: hasCopy ? Math.min(tries, TRIES_WITH_COPY) : tries,
      ...controls,
    };
    const fetched = await fetcher.bring(order);
    if (fetched.kind === 'draft') return await brought(parts, name, fetched, controls);
    const same = before && (await unchanged(parts, before.description, fetched));
    if (same) return same;
    const anew = await fetcher.bring({ ...order, known: null, knownSha256: null });
    if (anew.kind === 'draft') return await brought(parts, name, anew, controls);
    const reason = 'the origin says "not modified" to a question that it was not asked';
    throw datastoreErrors.create('DATA_FETCH_FAILED', { key: name.key, tries: 2, reason });
  } finally {
    await known?.grip.release();
  }
}

async function brought(
  parts: BringingParts,
  name: EntryName,
  fetched: Extract<Fetched, { kind: 'draft' }>,
  controls: FlightControls<Outcome>,
): Promise<Outcome> {
  const { clock, sharer } = parts;
  const { draft, headers, via, source } = fetched;
  const { validators, mediaType, status, isPrivate } = fetched;
  const nowMs = clock.now();
  const policy = headers === null ? null : policyOf(headers, nowMs);
  const way = wayOf('fetched', fetched);
  if (headers !== null && !mayBeStored(headers)) {
    const path = sharer.newPassing();
    await rename(draft.path, path);
    await removeFile(stateOf(draft.path));
    return { kind: 'passing', draft: { ...draft, path }, way, mediaType };
  }
  const what = {
    ...undescribed(nowMs, source, via),
    validators,
    mediaType,
    status,
    policy,
    isPrivate,
  };
  const stored = (description: Description) => ({ kind: 'stored' as const, description, way });
  const land = controls.isWaitedForEarly()
    ? (described: Description) => controls.land(stored(described))
    : undefined;
  const { description, grip } = await store(parts, name, draft, what, land);
  await grip.release();
  return stored(description);
}

/** Null: it was about another version than the one that is here. */
async function unchanged(
  parts: BringingParts,
  description: Description,
  fetched: Fetched,
): Promise<Outcome | null> {
  const nowMs = parts.clock.now();
  const policy =
    fetched.headers === null
      ? description.policy
      : revalidated(description.policy, fetched.headers, nowMs);
  if (policy === null && fetched.headers !== null) return null;
  const next = { ...description, policy, validatedAtMs: nowMs };
  await parts.shelf.redescribe(next, description);
  return { kind: 'stored', description: next, way: wayOf('revalidated', fetched) };
}

function wayOf(how: Way['how'], fetched: Fetched): Way {
  const { via, source } = fetched;
  const counts: FetchCounts = fetched.counts;
  return { how, via, source: withoutLogin(source), ...counts };
}
