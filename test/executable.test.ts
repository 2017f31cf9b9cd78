import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { WorkerView } from '#wire';
import { builtExecutable, NoNodeForPlatform } from './built-executable.ts';
import { inField, type SweepField } from './field/sweep-field.ts';

const VALIDATOR = `
export default ({ i }: Record<string, string>, { stdout }: { stdout: string }): boolean | string =>
  Number(stdout) === Number(i) ** 2 || \`\${i} is wrong\`;
`;
const COLLECTOR = `
export default ({ i }: { i: string }, { stdout }: { stdout: string }): string =>
  \`\${i} squared is \${stdout}\`;
`;
const SQUARE = ['--worker-starter', 'launcher', '--', "/usr/bin/expr $i '*' $i"];

let directory = '';
let program = '';

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'windrow-executable-'));
  // Away from the sources and their packages.
  program = join(directory, 'windrow');
  copyFileSync(await builtExecutable('linux-x64'), program);
});

after(() => rmSync(directory, { recursive: true, force: true }));

/** Where there is no Node.js, and nothing of the user's in any cache. */
function alone(use: (field: SweepField) => Promise<void>): Promise<void> {
  const environment = { PATH: '', XDG_CACHE_HOME: join(directory, 'cache') };
  return inField(use, { program: [program], environment });
}

describe('the executable', () => {
  it('runs a sweep with launcher, validator and collector', async () => {
    await alone(async (field) => {
      field.write('validate.ts', VALIDATOR);
      field.write('collect.ts', COLLECTOR);
      const code = ['--validate', './validate.ts', '--collect', './collect.ts'];
      await field.must(0, 'run', '--range', 'i=1..9', '--output', 'out', ...code, ...SQUARE);
      const expected = Array.from({ length: 9 }, (_, i) => `${i + 1} squared is ${(i + 1) ** 2}`);
      assert.deepEqual(field.lines('out/collected'), expected);
    });
  });

  it('renews leases from a thread of its own, while its poll is kept back', async () => {
    await alone(async (field) => {
      const run = ['run', '--range', 'i=1..1', '--slots', '1', '--output', 'out', '--quiet'];
      const waiting = ': > begun; until [ -e go ]; do /bin/sleep 0.1; done';
      const options = { environment: { WINDROW_LEASE: '2s' } };
      const running = field.start([...run, '--', waiting], options);
      await running.until('it runs', () => field.has('begun'));
      const { url } = JSON.parse(field.read('out/.windrow/server.json'));
      const token = field.read('out/.windrow/admin-token').trim();
      const heard = async (): Promise<number | null> => {
        const headers = { authorization: `Bearer ${token}` };
        const answer = await fetch(`${url}/v1/workers`, { headers });
        const { workers } = (await answer.json()) as { workers: readonly WorkerView[] };
        return workers[0]?.busySlots === 1 ? workers[0].lastHeardAtMs : null;
      };
      const moments = new Set<number>();
      // A poll lasts 10 s and is heard of once.
      await running.until('it is heard of again and again', async () => {
        const moment = await heard();
        if (moment !== null) moments.add(moment);
        return moments.size >= 4;
      });
      const [first = 0, , , last = 0] = moments;
      assert.ok(last - first < 9000, `${last - first} ms`);
      field.write('go', '');
      assert.equal((await running.ended).code, 0);
    });
  });

  it('serves the web page, whose files it carries', async () => {
    await alone(async (field) => {
      const server = field.start(['serve', '--state', 'state', '--listen', '127.0.0.1:0']);
      const [url] = await server.until('it serves', () => /http:\S+/.exec(server.stdout()));
      const page = await (await fetch(url!)).text();
      const [script] = /\/assets\/page-\w+\.js/.exec(page)!;
      const answer = await fetch(`${url}${script}`);
      assert.match(await answer.text(), /Admin token/);
      server.interrupt();
      await server.ended;
    });
  });

  it('has version, manual, policy language and errors in it', async () => {
    await alone(async (field) => {
      assert.equal((await field.json('version')).platform, 'linux-x64');
      assert.match((await field.must(0, 'man', 'run')).stdout, /^\.TH WINDROW-RUN/);
      assert.equal((await field.must(0, 'classad', 'eval', '1 + 1')).stdout, '2\n');
      assert.match((await field.must(0, 'errors')).stdout, /EXECUTABLE_DAMAGED/);
      assert.equal((await field.windrow('--part=nothing')).code, 2);
    });
  });

  it('takes no options for Node.js from the environment', async () => {
    await alone(async (field) => {
      const environment = { NODE_OPTIONS: '--require /nowhere.js' };
      assert.equal((await field.start(['version'], { environment }).ended).code, 0);
    });
  });

  it('says what is wrong when it has no place to unpack', async () => {
    await alone(async (field) => {
      const environment = { XDG_CACHE_HOME: '/proc/nowhere', TMPDIR: '/proc/nowhere' };
      const { code, stderr } = await field.start(['version'], { environment }).ended;
      assert.equal(code, 70);
      assert.match(stderr, /no place .*XDG_CACHE_HOME/s);
    });
  });

  it('is refused when a byte of what it carries has changed', async () => {
    await alone(async (field) => {
      const environment = { XDG_CACHE_HOME: field.path('cache') };
      const options = { program: [damagedCopy()], environment };
      const { code, stderr } = await field.start(['version'], options).ended;
      assert.equal(code, 70);
      assert.match(stderr, /this executable is damaged: migrations/);
    });
  });
});

/** Text that is in no other file than a migration. */
const MARK = 'CREATE TABLE job';

function damagedCopy(): string {
  const bytes = readFileSync(program);
  const at = bytes.indexOf(MARK);
  assert.notEqual(at, -1);
  bytes.write('create', at);
  const copy = join(directory, 'damaged');
  writeFileSync(copy, bytes, { mode: 0o755 });
  return copy;
}

const ARM64_ROOT = '/usr/aarch64-linux-gnu';
const EMULATOR = ['/usr/bin/qemu-aarch64-static', '-L', ARM64_ROOT];

describe('the executable for linux-arm64', () => {
  const isMissing = ![ARM64_ROOT, EMULATOR[0]!].every(existsSync);
  const skip = isMissing && 'it takes qemu-user-static and libc6-dev-arm64-cross';

  it('works for a server on linux-x64', { skip }, async (t) => {
    const arm64 = await builtExecutable('linux-arm64').catch((error: unknown) => {
      if (error instanceof NoNodeForPlatform) return null;
      throw error;
    });
    if (arm64 === null) return t.skip('npm does not give its Node.js');
    await alone(async (field) => {
      const options = ['--output', 'out', '--slots', '0', '--listen', '127.0.0.1:0', '--json'];
      const sweep = field.start(['run', '--range', 'i=1..9', ...options, '--', '/bin/echo $i']);
      const url = await sweep.until('it serves', () => /http:\S+/.exec(sweep.stderr())?.[0]);
      const from = ['--server', url, '--session-file', field.path('out/.windrow/session')];
      const worker = [
        'worker',
        ...from,
        '--dir',
        'worker',
        '--slots',
        '1',
        '--name',
        'arm',
        '--walls',
        'bare',
      ];
      const working = field.start(worker, { program: [...EMULATOR, arm64] });
      const { code, stdout } = await sweep.ended;
      assert.equal(code, 0, working.stderr());
      const { workers } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
      assert.deepEqual([workers[0].worker, workers[0].done], ['arm', 9]);
      process.kill(working.pid, 'SIGTERM');
      assert.equal((await working.ended).code, 0);
    });
  });
});
