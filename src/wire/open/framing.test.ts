import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WindrowError } from '#base';
import { readCompletion } from './completion-reader.ts';
import { BEGIN, Collector, complete, contentOf, END, TASK, textOf } from './framing-world.ts';
import { COMPLETION_LIMITS } from './limits.ts';
import type { PartSink } from './parts.ts';
import { spokenTask } from './spoken-task.ts';
import { formatConfig, formatTask, type OpenTask, taskTextBytes } from './task-text.ts';

test('a task is written byte for byte as specified', async () => {
  const expected = `Ticket=48213
Timeout=600
CommandLine=./ising --beta '0.44' --seed '7'
[Input]
File=model.ini
Length=27
--begin content--
[model]
beta=0.44
seed=7
#

--end content--
[Result]
Name=energy
File=stdout
`;
  assert.equal((await textOf(TASK)).toString(), expected);
  assert.equal(taskTextBytes(TASK), expected.length);
});

test('the configuration names the program only where one was asked for', () => {
  const plain = { deleteWorker: true, deleteClient: false, pingS: 30, worker: null };
  assert.equal(formatConfig(plain), 'DeleteWorker=Yes\nDeleteClient=No\nPing=30\n');
  const worker = { name: 'ising', md5: 'd41d8cd98f00b204e9800998ecf8427e' };
  assert.equal(
    formatConfig({ ...plain, worker }),
    'DeleteWorker=Yes\nDeleteClient=No\nPing=30\nWorker=ising\nMD5=d41d8cd98f00b204e9800998ecf8427e\n',
  );
});

test('without Length, content ends at the newline before the first end line', async () => {
  const cases: [body: string, content: string][] = [
    ['abc\n--end content--\n', 'abc'],
    ['abc\n\n--end content--\n', 'abc\n'],
    ['--end content--\n', ''],
    ['\n--end content--\n', ''],
    ['\n\n--end content--\n', '\n'],
    ['abc\n--end content--', 'abc'],
    ['abc\n--end content--\r\n', 'abc'],
    ['abc\n--end content--\r', 'abc'],
    ['abc\r\n--end content--\r\n', 'abc\r'],
    [' --end content--\n--end content--\n', ' --end content--'],
    ['--end content---\n--end content--\n', '--end content---'],
    ['--end content-- \n--end content--\n', '--end content-- '],
    ['x--end content--\n\n--end content--\n', 'x--end content--\n'],
    ['\n--end content-\n--end content--\n', '\n--end content-'],
    ['--end content--\rx\n--end content--\n', '--end content--\rx'],
    ['\n\n\n--end\n--end content--\n', '\n\n\n--end'],
  ];
  for (const [body, content] of cases) {
    for (const sizes of [[], [1], [2], [3, 1, 7], [16], [17], [18]]) {
      const text = `[Result]\nName=a\n${BEGIN}${body}`;
      assert.deepEqual(await contentOf(text, sizes), [content], JSON.stringify([body, sizes]));
    }
  }
});

test('with Length, content may hold anything, the end line too', async () => {
  const content = `a\n${END}[Result]\nName=b\n`;
  const head = `[Result]\nName=a\nLength=${content.length}\n${BEGIN}${content}`;
  for (const tail of [`\n${END}`, END, `\r\n${END}`, '\n--end content--', '--end content--\r\n']) {
    for (const sizes of [[], [1], [5]]) {
      assert.deepEqual(await contentOf(head + tail, sizes), [content], JSON.stringify(tail));
    }
  }
  assert.deepEqual(await contentOf(`[Result]\nName=a\nLength=0\n${BEGIN}\n${END}`), ['']);
  assert.deepEqual(await contentOf(`[Result]\nName=a\nLength=0\n${BEGIN}${END}`), ['']);
});

test('framing lines may end in CRLF, and what a client mirrors of its task is ignored', async () => {
  const body = [
    'Ticket=7',
    'CommandLine=./a',
    '',
    '[Result]',
    'File=out/a.dat',
    'Name=field',
    'Mood=good',
    '--begin content--',
  ];
  const parts = await complete(`${body.join('\r\n')}\r\n\xff\r\n--end content--\r\n\r\n`, [3]);
  assert.equal(parts.length, 1);
  assert.deepEqual(
    { name: parts[0]!.name, file: parts[0]!.file, bytes: parts[0]!.bytes },
    { name: 'field', file: 'out/a.dat', bytes: null },
  );
});

const MALFORMED: [why: string, body: string, expected: RegExp][] = [
  ['nothing', '', /byte 0, head: expected \[Result\], found the end/],
  ['no section', 'Name=a\n', /byte 7, head: expected \[Result\]/],
  ['an HTML page', '<html>\n', /byte 0, head: expected \[Section\]/],
  ['a section without content', '[Result]\nName=a\n', /\[Result\] 1: expected --begin content--/],
  ['the next section instead of content', '[Result]\nName=a\n[Result]\n', /byte 16, \[Result\] 2/],
  ['a section that is not Result', `[Input]\nName=a\n${BEGIN}${END}`, /expected \[Result\]/],
  ['content without name', `[Result]\n${BEGIN}a\n${END}`, /expected Name=, found none/],
  ['an empty name', `[Result]\nName=\n${BEGIN}a\n${END}`, /expected Name=, found none/],
  ['two names', `[Result]\nName=a\nName=b\n${BEGIN}a\n${END}`, /byte 16.*Name= once/],
  [
    'one result twice',
    `[Result]\nName=a\n${BEGIN}1\n${END}`.repeat(2),
    /\[Result\] 2, content: expected each result once/,
  ],
  ['content before a section', BEGIN, /byte 0, head: expected \[Section\]/],
  ['content that does not end', `[Result]\nName=a\n${BEGIN}abc\n`, /content: expected --end cont/],
  ['content that is cut', `[Result]\nName=a\nLength=9\n${BEGIN}abc`, /byte 46, .*the end of the/],
  [
    'a Length that is too short',
    `[Result]\nName=a\nLength=2\n${BEGIN}abc\n${END}`,
    /expected --end/,
  ],
  [
    'a Length that is too long',
    `[Result]\nName=a\nLength=5\n${BEGIN}abc\n${END}`,
    /expected --end/,
  ],
  [
    'two blank lines after counted content',
    `[Result]\nName=a\nLength=1\n${BEGIN}a\n\n${END}`,
    /found ""/,
  ],
  ['no end line', `[Result]\nName=a\nLength=1\n${BEGIN}a\n`, /expected --end content--, found the/],
  ['a field after content', `[Result]\nName=a\n${BEGIN}a\n${END}Name=b\n`, /expected \[Section\]/],
  ['a negative Length', `[Result]\nName=a\nLength=-1\n`, /expected Length=<bytes>, found "-1"/],
  ['a Length in hexadecimal', `[Result]\nName=a\nLength=0x10\n`, /expected Length=<bytes>/],
  ['a Length beyond numbers', `[Result]\nName=a\nLength=${'9'.repeat(30)}\n`, /expected Length=/],
  ['a line that is no UTF-8', '[Result]\nName=\xff\n', /expected a line of UTF-8/],
];

test('whatever is malformed is refused with where, what was expected and what was found', async () => {
  for (const [why, body, expected] of MALFORMED) {
    for (const sizes of [[], [1]]) {
      const error = await complete(Buffer.from(body, 'latin1'), sizes).then(
        () => assert.fail(`${why}: was taken`),
        (error: WindrowError) => error,
      );
      assert.equal(error.code, 'OPEN_MALFORMED', why);
      assert.match(error.message, expected, why);
    }
  }
});

test('every size is bounded, and the bound is named', async () => {
  const limits = { lineBytes: 100, contentBytes: 1000, totalBytes: 3000, sections: 3, fields: 3 };
  const section = (name: string, bytes: number) =>
    `[Result]\nName=${name}\n${BEGIN}${'x'.repeat(bytes)}\n${END}`;
  const cases: [body: string, expected: RegExp][] = [
    [`[Result]\nName=${'a'.repeat(200)}`, /a line has more than 100 B/],
    [section('a', 1001), /the content has more than 1000 B/],
    [`[Result]\nName=a\nLength=1001\n`, /the content has more than 1000 B/],
    [section('a', 900) + section('b', 900) + section('c', 1000) + '\n'.repeat(500), /the whole/],
    [['a', 'b', 'c', 'd'].map((name) => section(name, 1)).join(''), /more than 3 sections/],
    ['[Result]\nA=1\nB=1\nC=1\nD=1\n', /more than 3 fields/],
  ];
  for (const [body, expected] of cases) {
    for (const sizes of [[], [7]]) {
      const error = await complete(body, sizes, limits).then(
        () => assert.fail(`was taken: ${body.slice(0, 50)}`),
        (error: WindrowError) => error,
      );
      assert.equal(error.code, 'OPEN_TOO_LARGE');
      assert.match(error.message, expected);
    }
  }
});

test('an endless line or content is refused without being kept', async () => {
  const endless = async function* (): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(65_536, 'x');
  };
  const sink = new Collector();
  await assert.rejects(readCompletion(endless(), sink), { code: 'OPEN_TOO_LARGE' });
  let kept = 0;
  const counter: PartSink = {
    begin() {},
    write(chunk) {
      kept += chunk.length;
    },
    end() {},
  };
  const body = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(`[Result]\nName=a\n${BEGIN}`);
    yield* endless();
  };
  const limits = { ...COMPLETION_LIMITS, contentBytes: 1 << 20 };
  await assert.rejects(readCompletion(body(), counter, limits), { code: 'OPEN_TOO_LARGE' });
  assert.ok(kept <= 1 << 20);
});

test('an input that is not as long as announced is an error, never a shifted task', async () => {
  for (const bytes of [26, 28]) {
    const task = { ...TASK, inputs: [{ ...TASK.inputs[0]!, bytes }] };
    await assert.rejects(textOf(task), { code: 'OPEN_INPUT_CHANGED' });
  }
});

test('a task that would break its lines is refused before anything is said', async () => {
  const wrong: Partial<OpenTask>[] = [
    { commandLine: 'a\nTicket=7' },
    { inputs: [{ file: 'a\rb', bytes: 0, content: Buffer.alloc(0) }] },
    { results: [{ name: 'a\n[Input]', file: 'x' }] },
    { results: [{ name: 'a', file: 'x\0' }] },
    { commandLine: '\ud800' },
  ];
  for (const part of wrong) {
    await assert.rejects(formatTask({ ...TASK, ...part }).next(), { code: 'OPEN_UNSPEAKABLE' });
  }
});

test('a command becomes one line of sh, whatever it was', () => {
  const attempt = { ticket: 7, timeoutMs: 1500, inputs: [], results: TASK.results };
  const stdin = { file: 'stdin', bytes: 1, content: Buffer.from('x') };
  const line = (text: string, inputs = [stdin]) => {
    const task = spokenTask({ ...attempt, command: { kind: 'shell', text }, inputs });
    const script = task.inputs.find((input) => input.file.startsWith('windrow-command'));
    return [task.commandLine, script?.content.toString()];
  };
  assert.equal(spokenTask({ ...attempt, command: { kind: 'shell', text: 'a' } }).timeoutS, 2);
  assert.deepEqual(line('a; b', []), ['a; b', undefined]);
  assert.deepEqual(line('a; b'), ["{ a; b; } < 'stdin'", undefined]);
  assert.deepEqual(line("a 'x\ny'", []), ['sh ./windrow-command', "a 'x\ny'\n"]);
  assert.deepEqual(line('a\rb', []), ['sh ./windrow-command', 'a\rb\n']);
  const script = "sh ./windrow-command < 'stdin'";
  for (const text of ['a\nb', 'a # b', 'a &', 'a;', 'a \\', '  ']) {
    assert.deepEqual(line(text), [script, `${text}\n`]);
  }
  const taken = { file: 'windrow-command', bytes: 0, content: Buffer.alloc(0) };
  assert.deepEqual(line('a\nb', [taken])[0], 'sh ./windrow-command-2');
  const argv = ['./a', "it's", '$(x)', '-y z', ''];
  const spoken = spokenTask({ ...attempt, command: { kind: 'argv', argv } });
  assert.equal(spoken.commandLine, `'./a' 'it'\\''s' '$(x)' '-y z' ''`);
});
