import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { type Encoding, executablesIn } from './executables.ts';

const PROGRAM = Buffer.from('an executable '.repeat(10_000));
const SHA256 = createHash('sha256').update(PROGRAM).digest('hex');
const OPEN: Readonly<Record<Encoding, (bytes: Buffer) => Buffer>> = {
  identity: (bytes) => bytes,
  gzip: (bytes) => gunzipSync(bytes),
  zstd: (bytes) => zstdDecompressSync(bytes),
};

function folderWith(t: TestContext, files: Readonly<Record<string, Buffer>>, version = '1.0.0') {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-executables-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const encodings: Record<string, Encoding> = { w: 'identity', 'w.gz': 'gzip', 'w.zst': 'zstd' };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  const forms = Object.entries(encodings).map(([file, encoding]) => ({ encoding, file }));
  const executables = [{ platform: 'linux-arm64', sha256: SHA256, bytes: PROGRAM.length, forms }];
  writeFileSync(join(folder, 'executables.json'), JSON.stringify({ version, executables }));
  return folder;
}

const FORMS = [
  { w: PROGRAM },
  { 'w.gz': gzipSync(PROGRAM) },
  { 'w.zst': zstdCompressSync(PROGRAM) },
  { w: PROGRAM, 'w.zst': zstdCompressSync(PROGRAM) },
];

for (const files of FORMS) {
  test(`every encoding is read where ${Object.keys(files).join(' and ')} is kept`, async (t) => {
    const folder = folderWith(t, files as Record<string, Buffer>);
    const find = executablesIn({ folder, version: '1.0.0', running: null });
    const found = await find('linux-arm64');
    assert.deepEqual([found.sha256, found.bytes], [SHA256, PROGRAM.length]);
    for (const encoding of ['identity', 'gzip', 'zstd'] as const) {
      const bytes = await buffer(found.read(encoding));
      assert.ok(OPEN[encoding](bytes).equals(PROGRAM), encoding);
      const known = found.encodedBytes(encoding);
      if (known !== null) assert.equal(bytes.length, known);
    }
  });
}

test('the running executable serves its own platform, and is digested', async (t) => {
  const folder = folderWith(t, { w: PROGRAM }, '0.9.0');
  const running = { platform: 'linux-x64', path: join(folder, 'w') };
  const find = executablesIn({ folder, version: '1.0.0', running });
  const found = await find('linux-x64');
  assert.deepEqual([found.sha256, found.version], [SHA256, '1.0.0']);
  assert.equal(found.encodedBytes('gzip'), null);
});

const PARCELS = [
  { kept: { w: PROGRAM }, opens: ['gzip', 'zstd'], sent: 'zstd' },
  { kept: { w: PROGRAM }, opens: ['gzip'], sent: 'gzip' },
  { kept: { w: PROGRAM }, opens: [], sent: 'identity' },
  { kept: { 'w.gz': gzipSync(PROGRAM) }, opens: ['gzip', 'zstd'], sent: 'gzip' },
  { kept: { 'w.zst': zstdCompressSync(PROGRAM) }, opens: ['gzip'], sent: 'gzip' },
  { kept: { w: PROGRAM, 'w.zst': zstdCompressSync(PROGRAM) }, opens: ['zstd'], sent: 'zstd' },
] as const;

for (const { kept, opens, sent } of PARCELS) {
  const names = Object.keys(kept).join(' and ');
  test(`where ${names} is kept, who opens ${opens.join(' and ') || 'nothing'} is sent ${sent}`, async (t) => {
    const folder = folderWith(t, kept as Readonly<Record<string, Buffer>>);
    const found = await executablesIn({ folder, version: '1.0.0', running: null })('linux-arm64');
    const [parcel, ...others] = await Promise.all([1, 2, 3].map(() => found.parcel(opens)));
    assert.equal(parcel!.encoding, sent);
    const content = Buffer.concat([...(parcel!.pieces() as Iterable<Buffer>)]);
    assert.equal(content.length, parcel!.bytes);
    assert.ok(OPEN[sent](content).equals(PROGRAM));
    assert.ok(
      others.every((other) => other === parcel),
      'for many machines it is packed, and kept in memory, once',
    );
  });
}

test('executables of another version are not taken, and are told of', async (t) => {
  const folder = folderWith(t, { w: PROGRAM }, '0.9.0');
  const find = executablesIn({ folder, version: '1.0.0', running: null });
  await assert.rejects(find('linux-arm64'), {
    code: 'PILOT_NO_EXECUTABLE',
    facts: { platform: 'linux-arm64', version: '1.0.0', folder, found: 'those of version 0.9.0' },
  });
});

test('a cut file fails its reader instead of ending early', async (t) => {
  const cut = gzipSync(PROGRAM).subarray(0, 100);
  const folder = folderWith(t, { 'w.gz': cut });
  const { read } = await executablesIn({ folder, version: '1.0.0', running: null })('linux-arm64');
  await assert.rejects(buffer(read('identity')), { code: 'Z_BUF_ERROR' });
  await assert.rejects(buffer(read('zstd')), { code: 'Z_BUF_ERROR' });
});

test('without any description the folder is named', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-executables-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const find = executablesIn({ folder, version: '1.0.0', running: null });
  await assert.rejects(find('linux-x64'), { code: 'PILOT_NO_EXECUTABLE' });
  writeFileSync(join(folder, 'executables.json'), '{');
  await assert.rejects(find('linux-x64'), { code: 'PILOT_EXECUTABLES_UNREADABLE' });
});
