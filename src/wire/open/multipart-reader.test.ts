import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { WindrowError } from '#base';
import { COMPLETION_LIMITS } from './limits.ts';
import { isMultipart, readMultipart } from './multipart-reader.ts';
import { PartSpool } from './part-spool.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'windrow-spool-'));
});
after(() => rm(directory, { recursive: true }));

const TYPE = 'multipart/form-data; boundary=XX';

async function* pieces(whole: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let n = 0; at < whole.length; n++) {
    const size = sizes.length === 0 ? whole.length : sizes[n % sizes.length]!;
    yield whole.subarray(at, at + size);
    at += size;
  }
}

interface FormPart {
  readonly name: string;
  readonly file?: string;
  readonly content: Buffer;
}

function form(parts: readonly FormPart[], tail = '--XX--\r\n'): Buffer {
  const blocks = parts.flatMap(({ name, file, content }) => {
    const fileName = file === undefined ? '' : `; filename="${file}"`;
    const head = `--XX\r\nContent-Disposition: form-data; name="${name}"${fileName}\r\n\r\n`;
    return [Buffer.from(head), content, Buffer.from('\r\n')];
  });
  return Buffer.concat([...blocks, Buffer.from(tail)]);
}

async function read(
  body: Buffer,
  sizes: readonly number[] = [],
  limits: Partial<typeof COMPLETION_LIMITS> = {},
): Promise<FormPart[]> {
  const spool = new PartSpool(directory);
  try {
    const all = { ...COMPLETION_LIMITS, ...limits };
    const count = await readMultipart(pieces(body, sizes), TYPE, spool, all);
    assert.equal(count, spool.parts.length);
    return await Promise.all(
      spool.parts.map(async ({ name, file, content }) => ({
        name,
        file,
        content: content.kind === 'memory' ? content.bytes : await readFile(content.path),
      })),
    );
  } finally {
    await spool.discard();
  }
}

test('parts arrive byte for byte and in order, however the body is cut', async () => {
  const part = fc.record(
    {
      name: fc.stringMatching(/^[a-z]{1,8}$/),
      file: fc.stringMatching(/^[a-z.]{0,8}[a-z]$/),
      content: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    },
    { noNullPrototype: true },
  );
  const parts = fc.uniqueArray(part, { minLength: 1, maxLength: 5, selector: ({ name }) => name });
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(parts, sizes, async (written, cuts) => {
      assert.deepEqual(await read(form(written), cuts), written);
    }),
    { numRuns: 200 },
  );
});

test('a part without file name is bytes too, not text', async () => {
  const content = Buffer.from([0xff, 0xfe, 0x00, 0x0d, 0x0a, 0x2d, 0x2d, 0x58]);
  assert.deepEqual(await read(form([{ name: 'a', content }])), [{ name: 'a', file: '', content }]);
});

test('what follows the closing boundary changes nothing, in the same or a later piece', async () => {
  const content = Buffer.from('x');
  const body = form([{ name: 'a', file: 'f', content }], '--XX--\r\nan epilogue\r\n');
  for (const sizes of [[], [1], [body.length - 12, 12]]) {
    assert.equal((await read(body, sizes)).length, 1);
  }
});

test('parts larger than every buffer flow through one after the other', async () => {
  const parts = ['a', 'b', 'c'].map((name, n) => ({
    name,
    file: 'f',
    content: Buffer.alloc(3_000_000, n),
  }));
  const got = await read(form(parts), [65_536]);
  assert.ok(got.every(({ content }, n) => content.equals(parts[n]!.content)));
  assert.deepEqual(await readdir(directory), []);
});

test('a malformed or oversized form is refused with a code, and nothing of it is left', async () => {
  const content = Buffer.alloc(200_000, 'x');
  const part = { name: 'a', file: 'f', content };
  const cases: [why: string, body: Buffer, code: string, limits?: object][] = [
    ['cut within a part', form([part]).subarray(0, 100_000), 'OPEN_MULTIPART_MALFORMED'],
    ['without closing boundary', form([part], ''), 'OPEN_MULTIPART_MALFORMED'],
    ['empty', Buffer.alloc(0), 'OPEN_MULTIPART_MALFORMED'],
    ['no part', Buffer.from('--XX--\r\n'), 'OPEN_MULTIPART_MALFORMED'],
    ['something else', Buffer.from('[Result]\nName=a\n'), 'OPEN_MULTIPART_MALFORMED'],
    ['the same part twice', form([part, part]), 'OPEN_MULTIPART_MALFORMED'],
    ['a part without name', form([{ ...part, name: '' }]), 'OPEN_MULTIPART_MALFORMED'],
    ['a large part', form([part]), 'OPEN_TOO_LARGE', { contentBytes: 199_999 }],
    ['a large whole', form([part]), 'OPEN_TOO_LARGE', { totalBytes: 199_999 }],
    [
      'many parts',
      form(['a', 'b', 'c'].map((name) => ({ ...part, name }))),
      'OPEN_TOO_LARGE',
      { sections: 2 },
    ],
  ];
  for (const [why, body, code, limits] of cases) {
    for (const sizes of [[], [40_000]]) {
      const error = await read(body, sizes, limits).then(
        () => assert.fail(`${why}: was taken`),
        (error: WindrowError) => error,
      );
      assert.equal(error.code, code, `${why}: ${error.message}`);
    }
  }
  assert.deepEqual(await readdir(directory), []);
});

test('a body that breaks off, or a sink that refuses, ends the reading with that error', async () => {
  const body = form([{ name: 'a', file: 'f', content: Buffer.alloc(500_000) }]);
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield body.subarray(0, 300_000);
    throw new Error('cable pulled');
  };
  const spool = new PartSpool(directory);
  await assert.rejects(readMultipart(broken(), TYPE, spool), /cable pulled/);
  await spool.discard();
  const full = {
    begin() {},
    write() {
      throw new Error('no space');
    },
    end() {},
  };
  await assert.rejects(readMultipart(pieces(body, [65_536]), TYPE, full), /no space/);
  assert.deepEqual(await readdir(directory), []);
});

test('whatever bytes come as a form, the reading ends', { timeout: 60_000 }, async () => {
  const word = fc.constantFrom(
    '--XX',
    '--XX--',
    '\r\n',
    '\r\n--XX\r\n',
    '\r\n--XX--\r\n',
    '--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
    '\r\n--XX\r\nContent-Disposition: form-data; name="b"; filename="c"\r\n\r\n',
    '\r\n--XX\r\nContent-Disposition: attachment\r\n\r\n',
    'Content-Disposition: form-data',
    'x'.repeat(70_000),
    'abc',
    '-',
    '\n',
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 12 }), sizes, async (words, cuts) => {
      await read(Buffer.from(words.join('')), cuts).catch((error: WindrowError) => {
        assert.match(error.code ?? String(error), /^OPEN_/);
      });
    }),
    { numRuns: 500 },
  );
  assert.deepEqual(await readdir(directory), []);
});

test('only multipart/form-data with a boundary is read as a form', async () => {
  assert.equal(isMultipart(TYPE), true);
  assert.equal(isMultipart(' Multipart/Form-Data; boundary=x'), true);
  for (const type of [undefined, '', 'text/plain', 'multipart/mixed; boundary=x']) {
    assert.equal(isMultipart(type), false);
  }
  const nowhere = new PartSpool(directory);
  await assert.rejects(readMultipart(pieces(form([]), []), 'multipart/form-data', nowhere), {
    code: 'OPEN_MULTIPART_MALFORMED',
  });
});

test('small parts stay in memory, large ones become files that can be taken away', async () => {
  const spool = new PartSpool(directory);
  for (const [name, bytes] of [
    ['small', 10],
    ['large', 70_000],
    ['last', 65_530],
  ] as const) {
    spool.begin({ name, file: '', bytes: null });
    await spool.write(Buffer.alloc(bytes - 1, 'x'));
    await spool.write(Buffer.from('y'));
    await spool.end();
  }
  const kinds = spool.parts.map(({ name, content, bytes }) => [name, content.kind, bytes]);
  assert.deepEqual(kinds, [
    ['small', 'memory', 10],
    ['large', 'file', 70_000],
    ['last', 'file', 65_530],
  ]);
  const [small, large] = spool.parts;
  const sha256 = createHash('sha256').update('xxxxxxxxxy').digest('hex');
  assert.equal(small!.sha256, sha256);
  assert.ok(large!.content.kind === 'file');
  const taken = join(directory, 'taken');
  await rename(large!.content.path, taken);
  await spool.discard();
  await spool.discard();
  assert.deepEqual(await readdir(directory), ['taken']);
  assert.equal((await readFile(taken)).length, 70_000);
  await rm(taken);
});

test('a spool without a place to write says so when it needs one', async () => {
  const spool = new PartSpool(join(directory, 'none'));
  spool.begin({ name: 'a', file: '', bytes: null });
  await spool.write(Buffer.alloc(1000));
  await assert.rejects(spool.write(Buffer.alloc(100_000)), { code: 'FILE_UNUSABLE' });
  await spool.discard();
});
