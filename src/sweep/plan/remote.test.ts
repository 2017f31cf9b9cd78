import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WindrowError } from '#base';
import { read, script, sha256, write } from '../file/sweep-world.ts';

const DIGEST = 'a'.repeat(64);
const UNSAID = { md5: '', mode: 'pin', from: 'server', writable: false, version: null } as const;

test('URLs are inputs, [data] is shared by name, and digests may stand behind a URL', async () => {
  write('grid.nc', 'grid');
  write('fetch-tape', script, 0o755);
  const { spec, blobs } = await read(`
command = "cat a"
[inputs]
a = "https://data.example/a#sha256=${DIGEST}"
b = { data = "lib" }
b2 = { data = "lib", writable = true }
c = { file = "grid.nc", writable = true }
d = "tape://shelf/7"
e = "grid.nc"
[data]
lib = { url = "https://data.example/lib.so", sha256 = "${DIGEST.toUpperCase()}", mode = "immutable", from = "origin" }
set = "https://data.example/set"
[transfer-plugins]
"tape, hpss" = "fetch-tape"
`);
  const grid = { blob: sha256('grid'), bytes: 4 };
  const plugin = { name: 'fetch-tape', blob: sha256(script), bytes: Buffer.byteLength(script) };
  assert.deepEqual(spec.inputs, [
    { name: 'a', from: { kind: 'url', url: 'https://data.example/a', ...UNSAID, sha256: DIGEST } },
    {
      name: 'b',
      from: {
        ...{ kind: 'url', url: 'https://data.example/lib.so', ...UNSAID, sha256: DIGEST },
        ...{ mode: 'immutable', from: 'origin' },
      },
    },
    {
      name: 'b2',
      from: {
        ...{ kind: 'url', url: 'https://data.example/lib.so', ...UNSAID, sha256: DIGEST },
        ...{ mode: 'immutable', from: 'origin', writable: true },
      },
    },
    { name: 'c', from: { kind: 'file', ...grid, writable: true, executable: false } },
    { name: 'd', from: { kind: 'plugin', url: 'tape://shelf/7', sha256: '', md5: '', plugin } },
    { name: 'e', from: { kind: 'file', ...grid, writable: false, executable: false } },
    { name: 'set', from: { kind: 'url', url: 'https://data.example/set', ...UNSAID, sha256: '' } },
  ]);
  assert.deepEqual(blobs.map((blob) => blob.sha256).sort(), [grid.blob, plugin.blob].sort());
  assert.equal(spec.directory.kind, 'scratch');
});

test('what cannot be an input from elsewhere is refused by its place', async () => {
  write('grid.nc', 'grid');
  const refusals: [text: string, said: RegExp][] = [
    ['[inputs]\na = { url = "nonsense" }', /the URL cannot be used: it is no URL/],
    ['[inputs]\na = "https://ada:secret@x/y"', /holds a user or password/],
    ['[inputs]\na = "https://x/y#part"', /sha256=… of 64 hex digits/],
    [
      '[inputs]\na = { data = "lbi" }\n[data]\nlib = "https://x/y"',
      /lbi is not named in \[data\].*lib/,
    ],
    [`[data]\na = { file = "grid.nc", sha256 = "${DIGEST}" }`, /its SHA-256 is [0-9a-f]{64}/],
    ['[data]\na = { url = "https://x/y", sha256 = "12" }', /64 hex digits/],
    [
      '[inputs]\na = { url = "https://x/y", mode = "now" }',
      /"mode"\): found "now", expected "immutable" or "pin"/,
    ],
    ['[inputs]\na = { url = "https://x/y", mode = "now", zz = 1 }', /"zz"/],
    ['[inputs]\na = { uri = "https://x/y" }', /expected a URL, \{ url/],
    ['[transfer-plugins]\ntape = "grid.nc"', /may not be executed/],
  ];
  for (const [text, said] of refusals) {
    await assert.rejects(read(`command = "cat a"\n${text}\n`), (error: WindrowError) => {
      assert.match(error.message, said, text);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});
