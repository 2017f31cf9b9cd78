import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { FormInput } from './receive/form-input.ts';
import { type FormPiece, readForm } from './receive/form-parser.ts';
import { Collector, freshName } from './testing/collector.ts';
import { BOUNDARY, oldBody, post } from './testing/old-client.ts';

const curl = promisify(execFile);
const ID = '1795276800.123456789';

function piecesOf(body: Buffer, cut: number): FormPiece[] {
  const input = new FormInput();
  const found: FormPiece[] = [];
  const pieces = readForm(input, BOUNDARY);
  const takeAll = () => {
    for (let { value } = pieces.next(); value; { value } = pieces.next()) found.push(value);
  };
  for (let at = 0; at < body.length; at += cut) {
    input.push(body.subarray(at, at + cut));
    takeAll();
  }
  input.end();
  takeAll();
  return found;
}

function fileOf(pieces: readonly FormPiece[]): Buffer {
  return Buffer.concat(pieces.flatMap((piece) => (piece.kind === 'data' ? [piece.bytes] : [])));
}

describe('forms of old clients', () => {
  let collector: Collector;
  before(async () => {
    collector = await Collector.open();
  });
  after(() => collector.close());

  const upload = (bytes: Buffer, filename: string, username = 'rocks', id = ID) =>
    post(collector.port, oldBody({ username, id, filename, bytes }));
  const stored = (name: string) => readFileSync(join(collector.directory, ID, name));

  it('are stored to the byte and answered with an empty 200 application/octet-stream', async () => {
    const bytes = randomBytes(300_000);
    const answer = await upload(bytes, 'node-1.out.bz2');
    assert.equal(answer.status, 200);
    assert.match(answer.head, /content-type: application\/octet-stream/i);
    assert.equal(answer.body, '');
    assert.deepEqual(stored('node-1.out.bz2'), bytes);
  });

  const awkward: Record<string, Buffer> = {
    'that are empty': Buffer.alloc(0),
    'that end in CR': Buffer.from('last line\r'),
    'that end in LF': Buffer.from('last line\n'),
    'that end in CR LF': Buffer.from('last line\r\n'),
    'that begin with LF': Buffer.from('\nx'),
    'that are one CR': Buffer.from('\r'),
    'that hold lines like the boundary': Buffer.from(
      `a\n--${BOUNDARY}x\n--${BOUNDARY}\nnot a header\n--${BOUNDARY}--\nb\r\n--${BOUNDARY}\r`,
    ),
    'that end like the end of a form': Buffer.from(`x\n--${BOUNDARY}\n\n\r\n`),
  };
  for (const [what, bytes] of Object.entries(awkward)) {
    it(`keep files ${what} as they are`, async () => {
      const name = freshName();
      assert.equal((await upload(bytes, name)).status, 200);
      assert.deepEqual(stored(name), bytes);
    });
  }

  it('give the same file however the body is cut into pieces', () => {
    const lines = fc.constantFrom(
      '\n',
      '\r',
      '\r\n',
      '-',
      '--',
      `\n--${BOUNDARY.slice(0, 9)}`,
      'x',
      `\n--${BOUNDARY}-`,
    );
    fc.assert(
      fc.property(
        fc.array(lines, { maxLength: 30 }),
        fc.integer({ min: 1, max: 70 }),
        (parts, cut) => {
          const bytes = Buffer.from(parts.join(''));
          const pieces = piecesOf(
            oldBody({ username: 'rocks', id: ID, filename: 'f', bytes }),
            cut,
          );
          assert.deepEqual(fileOf(pieces), bytes);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are refused when username, id or file name is missing, and nothing is stored', async () => {
    const before = await collector.names();
    const whole = { username: 'rocks', id: ID, filename: 'f.out', bytes: Buffer.from('x') };
    for (const left of ['username', 'id', 'filename'] as const) {
      const { [left]: _, ...rest } = whole;
      const answer = await post(collector.port, oldBody({ ...rest, bytes: whole.bytes }));
      assert.equal(answer.status, 400, left);
    }
    const empty = await post(collector.port, oldBody({ ...whole, filename: '' }));
    assert.equal(empty.status, 400);
    assert.deepEqual(await collector.names(), before);
    assert.deepEqual(await collector.incoming(), []);
  });

  it('are refused for another account', async () => {
    assert.equal((await upload(Buffer.from('x'), freshName(), 'mallory')).status, 403);
  });

  it('are refused with names that could leave the store or hide in it', async () => {
    const names = [
      '../x',
      'a/b',
      'a\\b',
      '..',
      '.hidden',
      '/etc/passwd',
      'C:x',
      'nul',
      'con.txt',
      'x.',
      'x\x07y',
      'y'.repeat(300),
      ' x',
    ];
    for (const name of names) {
      const answer = await upload(Buffer.from('x'), name);
      assert.equal(answer.status, 400, name);
      assert.match(answer.body, /TRACE_/);
    }
    for (const id of ['..', '.', 'a/b', '../..', '']) {
      assert.equal((await upload(Buffer.from('x'), 'f', 'rocks', id)).status, 400, id);
    }
    assert.deepEqual(await collector.incoming(), []);
  });

  it('are refused when they mix the ends of lines', async () => {
    const body = oldBody({ username: 'rocks', id: ID, filename: 'mixed', bytes: Buffer.from('x') });
    const mixed = body.toString().replace('name="id"\n\n', 'name="id"\r\n\r\n');
    assert.equal((await post(collector.port, Buffer.from(mixed))).status, 400);
  });

  it('store nothing when they break off, or announce more than comes', async () => {
    const name = freshName();
    const body = oldBody({
      username: 'rocks',
      id: ID,
      filename: name,
      bytes: randomBytes(100_000),
    });
    await post(collector.port, body.subarray(0, 50_000), { length: body.length });
    const cut = await post(collector.port, body.subarray(0, body.length - 60));
    assert.equal(cut.status, 400);
    await assert.rejects(async () => stored(name), /ENOENT/);
    assert.deepEqual(await collector.incoming(), []);
  });

  it('with proper CR LF come from curl', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'windrow-curl-'));
    try {
      const bytes = Buffer.concat([randomBytes(70_000), Buffer.from('\r\n--')]);
      const file = join(directory, 'from curl.out');
      writeFileSync(file, bytes);
      const form = ['-F', 'username=rocks', '-F', `id=${ID}`, '-F', `filename=@${file}`];
      await curl('curl', ['-sSf', ...form, `${collector.url}/traces/sbin/store-trace.cgi`]);
      assert.deepEqual(stored('from curl.out'), bytes);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('of one name and different content are both kept, the same content once', async () => {
    const name = freshName();
    for (const text of ['one', 'two', 'one', 'two', 'three']) {
      assert.equal((await upload(Buffer.from(text), name)).status, 200);
    }
    const names = (await collector.names()).filter((found) => found.includes(name));
    assert.deepEqual(names, [`${ID}/${name}`, `${ID}/${name}.2`, `${ID}/${name}.3`]);
    assert.equal(stored(`${name}.2`).toString(), 'two');
  });

  it('keep large files as they are that are full of beginnings of boundaries, some at once', async () => {
    const lines = (sender: number): Buffer => {
      const line = (at: number) => `${sender}.${at}\n--${BOUNDARY.slice(0, at % 50)}`;
      return Buffer.from(Array.from({ length: 250_000 }, (_, at) => line(at)).join(''));
    };
    const files = Array.from({ length: 4 }, (_, sender) => ({
      name: freshName(),
      bytes: lines(sender),
    }));
    assert.ok(files[0]!.bytes.length > 8 * 2 ** 20);
    const answers = await Promise.all(files.map(({ name, bytes }) => upload(bytes, name)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    for (const { name, bytes } of files) assert.ok(stored(name).equals(bytes), name);
  });

  it('may come a hundred at once, all of one name', async () => {
    const name = freshName();
    const texts = Array.from({ length: 100 }, (_, number) => `sender ${number}`);
    const answers = await Promise.all(texts.map((text) => upload(Buffer.from(text), name)));
    assert.ok(answers.every(({ status }) => status === 200));
    const names = (await collector.names()).filter((found) => found.includes(name));
    const found = names.map((path) => readFileSync(join(collector.directory, path), 'utf8'));
    assert.deepEqual(found.sort(), texts.sort());
  });
});

describe('the limits of a collector', () => {
  it('refuse files that are too large, and ids that have too many', async () => {
    const limits = { fileBytes: 1000, idFiles: 2 };
    const collector = await Collector.open({ limits });
    try {
      const send = (bytes: Buffer) =>
        post(collector.port, oldBody({ username: 'rocks', id: ID, filename: freshName(), bytes }));
      assert.equal((await send(randomBytes(1001))).status, 413);
      assert.equal((await send(randomBytes(1000))).status, 200);
      assert.equal((await send(randomBytes(10))).status, 200);
      const full = await send(randomBytes(10));
      assert.equal(full.status, 413);
      assert.match(full.body, /TRACE_ID_FULL/);
      assert.deepEqual(await collector.incoming(), []);
    } finally {
      await collector.close();
    }
  });

  it('ask for the upload secret where there is one', async () => {
    const collector = await Collector.open({ rules: { secret: 's3cret' } });
    try {
      const body = () =>
        oldBody({ username: 'rocks', id: ID, filename: freshName(), bytes: Buffer.from('x') });
      const refused = await post(collector.port, body());
      assert.equal(refused.status, 403);
      assert.match(refused.body, /TRACE_SECRET_WRONG/);
      const basic = Buffer.from('rocks:s3cret').toString('base64');
      const headers = `Authorization: Basic ${basic}\r\n`;
      assert.equal((await post(collector.port, body(), { headers })).status, 200);
    } finally {
      await collector.close();
    }
  });

  it('keep nothing about the sender when the store is anonymous', async () => {
    for (const anonymous of [true, false]) {
      const collector = await Collector.open({ anonymous });
      try {
        const bytes = Buffer.from('x');
        await post(collector.port, oldBody({ username: 'rocks', id: ID, filename: 'f', bytes }));
        const [trace] = await Array.fromAsync(collector.store.list());
        assert.equal(trace?.sender, anonymous ? null : '127.0.0.1');
        assert.equal(collector.stored[0]?.sender, trace?.sender);
      } finally {
        await collector.close();
      }
    }
  });
});
