/** What a process left that is gone: how much of it is gone on with, and when not. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bootId } from '#base';
import { entryName } from '../disk/key.ts';
import { bytesOf, openOrigin, sendShort, serve, sha256Of } from '../testing/origin.ts';
import { directoryFor, openStore, readHeld } from '../testing/store.ts';
import type { PartState } from './part-state.ts';

const FILE = { bytes: bytesOf(300_000), etag: '"one"' };
const half = FILE.bytes.subarray(0, 150_000);

interface Left {
  readonly what: string;
  readonly bytes: Buffer;
  /** Null: no state was written. */
  readonly state: Partial<Omit<PartState, 'version'>> | null;
  /** Of whom the state tells. */
  readonly validators?: { etag: string | null; lastModified: string | null; date: string | null };
  /** Where the transfer goes on. */
  readonly from: number;
}

const CASES: readonly Left[] = [
  { what: 'by a process that was killed: all of it', bytes: half, state: {}, from: 150_000 },
  {
    what: 'by a machine that lost power: what was flushed',
    bytes: Buffer.concat([half, Buffer.alloc(50_000)]),
    state: { boot: 'another', bytes: 100_000, sha256: sha256Of(half.subarray(0, 100_000)) },
    from: 100_000,
  },
  {
    what: 'by a machine that lost power, with zeros where it had flushed: nothing',
    bytes: Buffer.alloc(150_000),
    state: { boot: 'another', bytes: 100_000, sha256: sha256Of(half.subarray(0, 100_000)) },
    from: 0,
  },
  {
    what: 'by a machine that lost power before it flushed anything: nothing',
    bytes: half,
    state: { boot: 'another' },
    from: 0,
  },
  {
    what: 'shorter than it was flushed: nothing',
    bytes: half,
    state: { bytes: 200_000, sha256: sha256Of(FILE.bytes.subarray(0, 200_000)) },
    from: 0,
  },
  {
    what: 'longer than the whole: nothing',
    bytes: Buffer.concat([FILE.bytes, half]),
    state: {},
    from: 0,
  },
  {
    what: 'complete: its last byte is asked for, to know whether it is still that version',
    bytes: FILE.bytes,
    state: { bytes: 300_000, sha256: sha256Of(FILE.bytes) },
    from: 299_999,
  },
  {
    what: 'of a version that has no strong validator: nothing',
    bytes: half,
    state: {},
    validators: { etag: 'W/"one"', lastModified: null, date: null },
    from: 0,
  },
  { what: 'without its state: nothing', bytes: half, state: null, from: 0 },
];

function leave(directory: string, key: string, left: Left): void {
  const parts = join(directory, 'parts');
  mkdirSync(parts, { recursive: true });
  const path = join(parts, `${entryName(key).hash}.gone.1.abc.part`);
  writeFileSync(path, left.bytes);
  if (left.state === null) return;
  const validators = left.validators ?? { etag: FILE.etag, lastModified: null, date: null };
  const version = {
    ...{ url: key, validators, totalBytes: FILE.bytes.length, mediaType: 'text/x-left' },
    ...{ digests: {}, headers: {}, status: 200, isPrivate: false },
  };
  const state: PartState = { boot: bootId(), bytes: 0, sha256: '', version, ...left.state };
  writeFileSync(`${path}.state`, JSON.stringify(state));
}

async function outcomeOf(t: TestContext, left: Left) {
  const origin = await openOrigin(t);
  const directory = directoryFor(t);
  const key = origin.on('/file', (q, r) => serve(q, r, FILE));
  leave(directory, key, left);
  const store = await openStore(t, { directory });
  const held = await store.ensure({ key, mode: 'immutable' });
  const { mediaType } = held;
  assert.ok((await readHeld(held)).equals(FILE.bytes));
  assert.deepEqual(readdirSync(join(directory, 'parts')), []);
  return { origin, mediaType };
}

for (const left of CASES) {
  test(`of what was left ${left.what}`, async (t) => {
    const { origin, mediaType } = await outcomeOf(t, left);
    const { range } = origin.asked.at(-1)!.headers;
    assert.equal(range, left.from === 0 ? undefined : `bytes=${left.from}-`);
    assert.equal(mediaType, left.from === 0 ? null : 'text/x-left', 'what the first answer said');
  });
}

test('of a file that may not be stored nothing is left for others', async (t) => {
  const origin = await openOrigin(t);
  const store = await openStore(t, { fetching: { tries: 1 } });
  const key = origin.on('/file', (_q, r) => {
    sendShort(r, FILE, 150_000, { 'cache-control': 'no-store' });
  });
  await assert.rejects(store.ensure({ key, mode: 'immutable' }), { code: 'DATA_FETCH_FAILED' });
  assert.deepEqual(readdirSync(join(store.directory, 'parts')), []);
});
