import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ChirpWish } from '#model';
import type { ServerLink } from '../port.ts';
import { wordsOf } from './codes.ts';
import { type Admitted, ChirpDesk } from './desk.ts';

const base = mkdtempSync(join(tmpdir(), 'windrow-chirp-'));
after(() => rmSync(base, { recursive: true }));

interface Told {
  ticket: number;
  kind: string;
  name?: string;
  expression?: string;
  text?: string;
}

/** A server that takes everything, and knows one attribute. */
class Server {
  readonly told: Told[] = [];

  readonly link = async (): Promise<ServerLink> => {
    const postJson = async (path: string, body: unknown): Promise<unknown> => {
      if (path === '/attributes/read') return { expression: '"from the ad"' };
      const { told } = body as { told: Told[] };
      this.told.push(...told);
      return { taken: told.map(() => true) };
    };
    return { postJson } as unknown as ServerLink;
  };
}

interface Place {
  readonly scratch: string;
  readonly server: Server;
  readonly desk: ChirpDesk;
  readonly admitted: Admitted;
  readonly config: string;
}

let count = 0;
const IO = { io: true, delayed: true };

async function inPlace(
  use: (place: Place) => Promise<void>,
  { wish = IO, hasHostNetwork = true }: { wish?: ChirpWish; hasHostNetwork?: boolean } = {},
): Promise<void> {
  const scratch = join(base, `scratch-${++count}`);
  mkdirSync(scratch);
  const server = new Server();
  const silent = () => {};
  const desk = new ChirpDesk({
    worker: 'w',
    link: server.link,
    monotonic: () => 0,
    log: { debug: silent, info: silent, warn: silent, error: silent },
  });
  const root = { path: scratch, seen: scratch };
  try {
    const admitted = await desk.admit({ ticket: 7, wish, root, hasHostNetwork });
    const config = readFileSync(join(scratch, '.chirp.config'), 'utf8');
    await use({ scratch, server, desk, admitted, config });
    await admitted.dismiss();
  } finally {
    await desk.close();
  }
}

/** Speaks lines; `say` answers with the next line. */
class Speaker {
  readonly socket: Socket;
  #buffer = '';
  #isOver = false;
  readonly #waiting: (() => void)[] = [];

  constructor(config: string) {
    const [host = '', port = ''] = config.split(' ');
    const isPath = host.startsWith('unix:');
    this.socket = isPath ? connect(host.slice(5)) : connect({ host, port: Number(port) });
    this.socket.on('data', (bytes: Buffer) => {
      this.#buffer += bytes.toString('latin1');
      this.#wake();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  static async introduced(config: string): Promise<Speaker> {
    const speaker = new Speaker(config);
    assert.equal(await speaker.say(`cookie ${config.trim().split(' ')[2]}`), '0');
    return speaker;
  }

  async say(line: string): Promise<string> {
    this.socket.write(`${line}\n`);
    return await this.line();
  }

  /** `''` when the other side has hung up. */
  async line(): Promise<string> {
    while (!this.#buffer.includes('\n')) {
      if (this.#isOver) return '';
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const end = this.#buffer.indexOf('\n');
    const line = this.#buffer.slice(0, end);
    this.#buffer = this.#buffer.slice(end + 1);
    return line;
  }

  async bytes(length: number): Promise<string> {
    while (this.#buffer.length < length && !this.#isOver) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const bytes = this.#buffer.slice(0, length);
    this.#buffer = this.#buffer.slice(length);
    return bytes;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

describe('chirp', () => {
  it('lets a program set and ask for attributes, and remark', async () => {
    await inPlace(async ({ server, config }) => {
      const speaker = await Speaker.introduced(config);
      assert.equal(await speaker.say('set_job_attr payload_user "a\\ b"'), '0');
      const length = Number(await speaker.say('get_job_attr RequestMemory'));
      assert.equal(await speaker.bytes(length), '"from the ad"');
      assert.equal(await speaker.say('ulog half\\ done'), '0');
      assert.deepEqual(server.told, [
        { ticket: 7, kind: 'attribute', name: 'payload_user', expression: '"a b"' },
        { ticket: 7, kind: 'remark', text: 'half done' },
      ]);
      speaker.socket.destroy();
    });
  });

  it('tells delayed attributes at the end at the latest, each with its last value', async () => {
    await inPlace(async ({ server, config, admitted }) => {
      const speaker = await Speaker.introduced(config);
      assert.equal(await speaker.say('set_job_attr_delayed ChirpDone 0.1'), '0');
      assert.equal(await speaker.say('set_job_attr_delayed chirpdone 0.9'), '0');
      const length = Number(await speaker.say('get_job_attr_delayed CHIRPDONE'));
      assert.equal(await speaker.bytes(length), '0.9');
      await admitted.dismiss();
      assert.deepEqual(server.told.at(-1), {
        ...{ ticket: 7, kind: 'attribute', name: 'chirpdone', expression: '0.9' },
      });
    });
  });

  it('refuses what the job did not ask for', async () => {
    const wish = { io: false, delayed: true };
    await inPlace(
      async ({ server, config }) => {
        const speaker = await Speaker.introduced(config);
        for (const line of [
          'set_job_attr ChirpA 1',
          'get_job_attr A',
          'ulog x',
          'getfile x',
          'unlink x',
          'open x r 0',
        ]) {
          assert.equal(await speaker.say(line), '-2', line);
        }
        assert.equal(await speaker.say('set_job_attr_delayed ChirpA 1'), '0');
        assert.equal(await speaker.say('set_job_attr_delayed Other 1'), '-2');
        assert.deepEqual(
          server.told.filter(({ name }) => name !== 'ChirpA'),
          [],
        );
      },
      { wish },
    );
  });

  it('guards attributes that decide where and how a task runs, and values that are no expressions', async () => {
    await inPlace(async ({ server, config }) => {
      const speaker = await Speaker.introduced(config);
      for (const name of [
        'Owner',
        'requirements',
        'REQUESTMEMORY',
        'JobPrio',
        'AccountingGroup',
        'PeriodicHold',
        'JobStatus',
      ]) {
        assert.equal(await speaker.say(`set_job_attr ${name} 1`), '-2', name);
      }
      assert.equal(await speaker.say('set_job_attr A 1\\ +'), '-8');
      assert.equal(await speaker.say('set_job_attr 1A 1'), '-8');
      assert.equal(await speaker.say(`set_job_attr A "${'x'.repeat(5001)}"`), '-5');
      assert.equal(await speaker.say(`set_job_attr_delayed ChirpA "${'x'.repeat(994)}"`), '-5');
      assert.deepEqual(server.told, []);
    });
  });

  it('answers nobody without the cookie, and a wrong one late and once', async () => {
    await inPlace(async ({ config, scratch }) => {
      const early = new Speaker(config);
      assert.equal(await early.say('getfile .chirp.config'), '-1');
      assert.equal(await early.line(), '');
      const started = performance.now();
      const wrong = new Speaker(config);
      assert.equal(await wrong.say(`cookie ${'a'.repeat(31)}`), '-1');
      assert.ok(performance.now() - started >= 900);
      assert.equal(await wrong.line(), '');
      assert.equal(statSync(join(scratch, '.chirp.config')).mode & 0o777, 0o600);
      assert.match(config, /^127\.0\.0\.1 \d+ [a-z]{31}\n$/);
    });
  });

  it('hears nobody whose attempt is over', async () => {
    await inPlace(async ({ desk, config, admitted, scratch }) => {
      const other = join(scratch, 'other');
      mkdirSync(other);
      const root = { path: other, seen: other };
      const second = await desk.admit({ ticket: 8, wish: IO, root, hasHostNetwork: true });
      const speaker = await Speaker.introduced(config);
      await admitted.dismiss();
      assert.equal(await speaker.line(), '');
      const late = new Speaker(config);
      assert.equal(await late.say(`cookie ${config.trim().split(' ')[2]}`), '-1');
      await second.dismiss();
    });
  });

  it('reaches files of the scratch directory and nothing else, by whatever path or link', async () => {
    await inPlace(async ({ scratch, config }) => {
      writeFileSync(join(base, 'secret'), 'secret');
      mkdirSync(join(base, 'outside'), { recursive: true });
      symlinkSync(join(base, 'secret'), join(scratch, 'link'));
      symlinkSync(join(base, 'outside'), join(scratch, 'folder'));
      spawnSync('mkfifo', [join(scratch, 'pipe')]);
      writeFileSync(join(scratch, 'own.txt'), 'mine');
      const speaker = await Speaker.introduced(config);
      const ways = [
        '/etc/passwd',
        '../secret',
        'link',
        'folder/x',
        './../secret',
        'a/../../secret',
      ];
      for (const path of [...ways, 'pipe', `${base}/secret`]) {
        assert.ok(Number(await speaker.say(`getfile ${path}`)) < 0, path);
        assert.ok(Number(await speaker.say(`open ${path} w 420`)) < 0, path);
        assert.ok(Number(await speaker.say(`truncate ${path} 0`)) < 0, path);
      }
      for (const path of ['../new', 'folder/new', '/tmp/new']) {
        assert.ok(Number(await speaker.say(`putfile ${path} 420 0`)) < 0, path);
        assert.ok(Number(await speaker.say(`mkdir ${path} 493`)) < 0, path);
        assert.ok(Number(await speaker.say(`rename own.txt ${path}`)) < 0, path);
        assert.ok(Number(await speaker.say(`link own.txt ${path}`)) < 0, path);
      }
      assert.ok(Number(await speaker.say('chmod link 511')) < 0);
      assert.ok(Number(await speaker.say('unlink .chirp.config')) < 0);
      assert.ok(Number(await speaker.say('getfile .chirp.config')) < 0);
      assert.equal(await speaker.say('rmall folder'), '0');
      assert.ok(existsSync(join(base, 'outside')));
      assert.equal(readFileSync(join(base, 'secret'), 'utf8'), 'secret');
      assert.equal(
        await speaker.bytes(Number(await speaker.say(`getfile ${scratch}/own.txt`))),
        'mine',
      );
      linkSync(join(scratch, 'own.txt'), join(scratch, 'twice.txt'));
      assert.equal(await speaker.say('unlink twice.txt'), '0');
    });
  });

  it('stores and reads files piece by piece', async () => {
    await inPlace(async ({ scratch, config }) => {
      const speaker = await Speaker.introduced(config);
      assert.equal(await speaker.say('putfile new\\ file 420 5'), '0');
      speaker.socket.write('hello');
      assert.equal(await speaker.line(), '5');
      assert.equal(readFileSync(join(scratch, 'new file'), 'utf8'), 'hello');
      const fd = await speaker.say('open new\\ file rw 0');
      assert.equal(await speaker.say(`lseek ${fd} 0 2`), '5');
      speaker.socket.write(`write ${fd} 6\n world`);
      assert.equal(await speaker.line(), '6');
      assert.equal(await speaker.say(`lseek ${fd} -5 2`), '6');
      assert.equal(await speaker.bytes(Number(await speaker.say(`read ${fd} 100`))), 'world');
      assert.equal(await speaker.bytes(Number(await speaker.say(`pread ${fd} 4 1`))), 'ello');
      assert.equal(await speaker.say(`fstat ${fd}`), '0');
      assert.equal((await speaker.line()).split(' ')[7], '11');
      assert.equal(await speaker.say(`close ${fd}`), '0');
      assert.equal(await speaker.say(`close ${fd}`), '-12');
      assert.equal(await speaker.say('nonsense'), '-8');
    });
  });

  it('outlives floods, half lines, giant lines and lies about lengths', async () => {
    await inPlace(async ({ scratch, config }) => {
      const giant = await Speaker.introduced(config);
      giant.socket.write(`ulog ${'x'.repeat(100_000)}`);
      assert.equal(await giant.line(), '-5');
      const half = await Speaker.introduced(config);
      half.socket.end('set_job_attr A');
      const liar = await Speaker.introduced(config);
      assert.equal(await liar.say('putfile lie 420 1000'), '0');
      liar.socket.end('short');
      await liar.line();
      const big = await Speaker.introduced(config);
      assert.equal(await big.say('open big wc 420'), '3');
      big.socket.write(`write 3 ${2 ** 21}\n`);
      big.socket.write(Buffer.alloc(2 ** 21));
      assert.equal(await big.line(), '-5');
      assert.equal(await big.say('whoami 4'), '4');
      const flood = await Speaker.introduced(config);
      flood.socket.write('set_job_attr A 1\n'.repeat(200));
      const codes: string[] = [];
      for (let n = 0; n < 200; n++) codes.push(await flood.line());
      assert.equal(codes.filter((code) => code === '0').length, 20);
      assert.equal(codes.filter((code) => code === '-10').length, 180);
      assert.ok(!existsSync(join(scratch, 'lie')));
      const many = Array.from({ length: 30 }, () => new Speaker(config));
      const cookie = `cookie ${config.trim().split(' ')[2]}`;
      const welcomed = await Promise.all(many.map((one) => one.say(cookie)));
      assert.ok(welcomed.filter((code) => code === '0').length <= 16);
      assert.ok(welcomed.some((code) => code === '-10'));
    });
  });

  it('is reached by a socket in scratch where the network is not the machine’s', async () => {
    await inPlace(
      async ({ config, server, scratch }) => {
        assert.match(config, /^unix:.*\.chirp\.sock 0 [a-z]{31}\n$/);
        assert.equal(statSync(join(scratch, '.chirp.sock')).mode & 0o777, 0o600);
        const speaker = await Speaker.introduced(config);
        assert.equal(await speaker.say('set_job_attr A 1'), '0');
        assert.equal(server.told.length, 1);
      },
      { hasHostNetwork: false },
    );
  });

  it('is spoken to by a program in Python that knows the protocol only', async (test) => {
    if (spawnSync('python3', ['--version']).status !== 0) return test.skip('there is no python3');
    const script = `
import os, socket
host, port, cookie = open(os.environ["_CONDOR_CHIRP_CONFIG"]).read().split()
s = socket.create_connection((host, int(port)))
f = s.makefile("rwb")
def ask(line, data=b""):
    f.write(line.encode() + b"\\n" + data); f.flush()
    return int(f.readline())
assert ask("cookie " + cookie) == 0
assert ask('set_job_attr User1 "py\\\\ thon"') == 0
n = ask("get_job_attr X"); assert f.read(n) == b'"from the ad"'
assert ask("putfile a.txt 420 3") == 0
f.write(b"abc"); f.flush(); assert int(f.readline()) == 3
n = ask("getfile a.txt"); assert f.read(n) == b"abc"
assert ask("stat a.txt") == 0; assert len(f.readline().split()) == 13
n = ask("getdir ."); assert f.read(n) == b"a.txt\\n"
assert ask("unlink a.txt") == 0 and ask("unlink a.txt") == -3
print("spoken")
`;
    await inPlace(async ({ scratch, server }) => {
      const environment = { ...process.env, _CONDOR_CHIRP_CONFIG: join(scratch, '.chirp.config') };
      const run = promisify(execFile);
      const { stdout } = await run('python3', ['-c', script], {
        env: environment,
        timeout: 60_000,
      });
      assert.equal(stdout, 'spoken\n');
      assert.equal(server.told[0]?.expression, '"py thon"');
    });
  });

  it('parts words at blanks that no backslash protects', () => {
    assert.deepEqual(wordsOf('a\\ b  c\\\\d \te'), ['a b', 'c\\d', 'e']);
    assert.deepEqual(wordsOf(''), []);
  });
});
