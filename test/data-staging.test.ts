import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { CountingWay, Origin } from './field/origin.ts';
import { inField, type Running, type SweepField } from './field/sweep-field.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const LIBRARY = randomBytes(6_000_000);
const SETS = Array.from({ length: 4 }, () => randomBytes(50_000));

let origin: Origin;
let url: string;
before(async () => {
  const opened = new Origin();
  origin = opened;
  url = await opened.open();
  origin.add('/lib.so', LIBRARY);
  for (const [index, content] of SETS.entries()) origin.add(`/set${index}`, content);
});
after(() => origin.close());

async function served(field: SweepField): Promise<{ serve: Running; server: string }> {
  const serve = field.start(['serve', '--state', 'state', '--listen', '127.0.0.1:0']);
  const server = await serve.until('it serves', () => /http:\S+/.exec(serve.stdout())?.[0]);
  return { serve, server };
}

function worker(field: SweepField, server: string, name: string): Running {
  const session = ['--session-file', field.path('state/session')];
  const place = ['--dir', field.path(name), '--name', name, '--slots', '2'];
  return field.start(['worker', '--server', server, ...session, ...place]);
}

async function run(field: SweepField, server: string, ...argv: string[]) {
  const token = ['--token-file', field.path('state/admin-token')];
  return field.windrow('run', '--server', server, ...token, ...argv);
}

const inputsOf = async (field: SweepField, job: number) => {
  const { attempts } = await field.json('show', String(job), '--attempts', '--state', 'state');
  return attempts as {
    worker: string;
    cause: string;
    inputs: { name: string; how: string; via: string; into: string }[];
  }[];
};

describe('a sweep of 200 tasks that share a large file and data sets, on two machines', () => {
  it('moves each byte once: from its origin to the server, and from there to each machine', () =>
    inField(async (field) => {
      const { serve, server } = await served(field);
      const ways = [new CountingWay(server), new CountingWay(server)];
      const addresses = await Promise.all(ways.map((way) => way.open()));
      const workers = addresses.map((address, index) => worker(field, address, `machine${index}`));
      const sets = SETS.map((_, index) => `"set${index}" = "${url}/set${index}"`).join('\n');
      field.write(
        'sweep.toml',
        `command = 'cat lib.so set$k | sha256sum'
[parameters.range]
i = "1..50"
k = "0..3"
[data]
"lib.so" = { url = "${url}/lib.so", sha256 = "${sha256(LIBRARY)}", mode = "immutable" }
${sets}
`,
      );
      const { code, stderr } = await run(field, server, 'sweep.toml', '--output', 'out');
      assert.equal(code, 0, stderr);
      const expected = SETS.map((set) => `${sha256(Buffer.concat([LIBRARY, set]))}  -`);
      const lines = field.lines('out/stdout');
      assert.deepEqual(
        lines,
        Array.from({ length: 200 }, (_, row) => expected[row % 4]),
      );
      for (const [path, { content }] of origin.files) {
        assert.equal(origin.sentBytes.get(path), content.length, path);
      }
      const attempts = await inputsOf(field, 1);
      const machines = new Set(attempts.map((one) => one.worker));
      for (const [index, way] of ways.entries()) {
        if (!machines.has(`machine${index}`)) continue;
        for (const content of [LIBRARY, ...SETS]) {
          assert.equal(way.sentBytes.get(`/blobs/${sha256(content)}`), content.length);
        }
      }
      assert.ok(attempts.every(({ inputs }) => inputs.length === 5));
      const [library] = attempts[0]!.inputs.filter(({ name }) => name === 'lib.so');
      assert.equal(library?.via, 'server');
      assert.match(library.into, /^(link|reflink|mount)$/);
      for (const one of [...workers, serve]) one.interrupt();
      await Promise.all([...workers, serve].map((one) => one.ended));
      for (const way of ways) await way.close();
    }));
});

describe('staging that goes wrong', () => {
  it('ends the job with the reason when the origin gives other bytes than were asked for', () =>
    inField(async (field) => {
      field.write(
        'sweep.toml',
        `command = "cat data"\n[data]\ndata = { url = "${url}/set0", sha256 = "${'0'.repeat(64)}" }\n`,
      );
      const { code, stdout, stderr } = await field.windrow('run', 'sweep.toml', '--state', 'state');
      assert.equal(code, 1);
      assert.match(stdout + stderr, /stage-in: .*set0 has SHA-256 .*expected was 0000/);
      const shown = await field.json('show', '1', '--state', 'state');
      assert.equal(shown.counts.waiting, 1, 'nothing was started');
    }));

  it('goes on where it was when the server and a worker are killed in the middle of it', () =>
    inField(async (field) => {
      const file = origin.add('/slow', randomBytes(3_000_000));
      file.bytesPerSecond = 1_500_000;
      const first = await served(field);
      const port = new URL(first.server).port;
      const working = worker(field, first.server, 'machine');
      const running = run(
        field,
        first.server,
        '--input',
        `slow=${url}/slow`,
        '--name',
        'slow',
        '--',
        'sha256sum slow',
      );
      await first.serve.until(
        'half of it is here',
        () => (origin.sentBytes.get('/slow') ?? 0) > 1_200_000,
      );
      first.serve.kill();
      working.kill();
      await Promise.all([first.serve.ended, working.ended]);
      const again = field.start(['serve', '--state', 'state', '--listen', `127.0.0.1:${port}`]);
      const server = await again.until('it serves', () => /http:\S+/.exec(again.stdout())?.[0]);
      const next = worker(field, server, 'machine');
      const { code, stdout, stderr } = await running;
      assert.equal(code, 0, stdout + stderr);
      const result = await field.must(0, 'results', '1', '--state', 'state');
      assert.equal(result.stdout, `${sha256(file.content)}  slow\n`);
      assert.ok(origin.sentBytes.get('/slow')! <= 2 * file.content.length);
      for (const one of [next, again]) one.interrupt();
      await Promise.all([next.ended, again.ended]);
    }));
});

describe('inputs in the directory of an attempt', () => {
  it('are mounted read-only behind walls, where the store itself is out of sight', (t) =>
    inField(async (field) => {
      if (process.getuid?.() !== 0) return t.skip('the account of attempts needs root');
      const command =
        'sha256sum < lib.so; echo more >> lib.so && echo written; chmod 666 lib.so && echo opened; ls "$$STORE" | head -1; [ "$(cat own)" = own ] && echo changed > own && cat own';
      field.write('own', 'own\n');
      field.write(
        'sweep.toml',
        `command = '''${command}'''
[inputs]
"lib.so" = "${url}/lib.so"
own = { file = "own", writable = true }
[environment]
STORE = "${field.path('state/worker/data')}"
[isolation]
walls = "private"
require = ["files"]
`,
      );
      const done = await field.windrow(
        'run',
        'sweep.toml',
        '--state',
        'state',
        '--walls',
        'private',
        '--output',
        'out',
      );
      assert.equal(done.code, 0, done.stderr);
      assert.equal(field.read('out/stdout'), `${sha256(LIBRARY)}  -\nchanged\n`);
      const [attempt] = await inputsOf(field, 1);
      assert.equal(attempt?.inputs[0]?.into, 'mount');
    }));

  it('that a program without walls writes to spoil no result: the attempt fails and says why', (t) =>
    inField(async (field) => {
      if (process.getuid?.() !== 0) return t.skip('only root may write to what is read-only');
      const done = await field.windrow(
        ...['run', '--state', 'state', '--name', 'spoil', '--input', `lib.so=${url}/lib.so`],
        ...['--', 'echo more >> lib.so; sha256sum lib.so'],
      );
      assert.equal(done.code, 1);
      const shown = await inputsOf(field, 1);
      assert.ok(shown.length > 1 && shown.every(({ cause }) => cause === 'stage-in'));
      const clean = await field.must(
        0,
        'run',
        '--state',
        'state',
        '--name',
        'clean',
        '--input',
        `lib.so=${url}/lib.so`,
        '--',
        'sha256sum lib.so',
      );
      assert.ok(clean);
      const result = await field.must(0, 'results', '2', '--state', 'state');
      assert.equal(result.stdout, `${sha256(LIBRARY)}  lib.so\n`);
    }));
});

describe('a transfer plugin that a job brings', () => {
  const plugin = (body: string) => `#!/bin/sh
if [ "$1" = -classad ]; then printf 'PluginType = "FileTransfer"\\nSupportedMethods = "tape"\\n'; exit 0; fi
${body}
`;
  const sweep =
    '\ncommand = "cat data"\n[inputs]\ndata = "tape://shelf/7"\n[transfer-plugins]\ntape = "fetch-tape"\n';

  it('fetches what only it can, into the attempt’s own directory', () =>
    inField(async (field) => {
      field.write('fetch-tape', plugin('echo "from $1" > "$2"'), 0o755);
      field.write('sweep.toml', sweep);
      const done = await field.windrow('run', 'sweep.toml', '--state', 'state', '--output', 'out');
      assert.equal(done.code, 0, done.stderr);
      assert.equal(readFileSync(field.path('out/stdout'), 'utf8'), 'from tape://shelf/7\n');
    }));

  it('holds the task with its own words and subcode when it fails', () =>
    inField(async (field) => {
      field.write('fetch-tape', plugin('echo \'TransferError = "no such tape"\'; exit 3'), 0o755);
      field.write('sweep.toml', sweep);
      const done = await field.windrow('run', 'sweep.toml', '--state', 'state');
      assert.equal(done.code, 1);
      const shown = await field.json('show', '1', '--state', 'state');
      assert.equal(shown.counts.held, 1);
      const task = await field.must(0, 'show', '1.0', '--state', 'state');
      assert.match(task.stdout, /fetch-tape says: no such tape \(code 13, subcode 768\)/);
    }));
});
