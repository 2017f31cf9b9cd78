import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { describe, it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { CountingWay } from './field/origin.ts';
import { inField, type Running, type SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const needsRoot = process.getuid?.() === 0 ? false : 'mounting a small file system needs root';
const STATE = ['--state', 'state'];

async function serve(
  field: SweepField,
  more: readonly string[] = [],
  port = 0,
): Promise<{ server: Running; url: string; port: number }> {
  const listen = ['--listen', `127.0.0.1:${port}`];
  const server = field.start(['serve', '--traces', ...STATE, ...listen, ...more]);
  const find = () => /serving (http:\S+)/.exec(server.stdout())?.[1];
  const url = await server.until('it serves', find);
  return { server, url, port: Number(new URL(url).port) };
}

const collect = (field: SweepField, ...more: string[]) =>
  field.windrow('traces', 'collect', '--here', '--dir', 'app', ...STATE, ...more);

async function stop(server: Running): Promise<void> {
  process.kill(server.pid, 'SIGTERM');
  await server.ended;
}

describe('traces', () => {
  it('come home by one command, and can be listed, fetched, verified and removed', () =>
    inField(async (field) => {
      const { server } = await serve(field);
      const text = 'what happened\n'.repeat(10_000);
      field.write('app/deep/n1.app-trace.out', text);
      field.write('app/n2.app-trace.out.1', randomBytes(100_000));
      const sent = await collect(field, '--remove');
      assert.equal(sent.code, 0, sent.stderr);
      assert.deepEqual(readdirSync(field.path('app')), ['deep']);
      const [, id] = /^trace (\S+): 2 files stored/m.exec(sent.stdout) ?? [];
      assert.match(id!, /^\d{10}\.\d{9}$/);

      assert.match((await field.must(0, 'traces', 'ls', ...STATE)).stdout, new RegExp(`${id} +2 `));
      const shown = await field.must(0, 'traces', 'show', id!, ...STATE);
      assert.match(shown.stdout, /127\.0\.0\.1 +[0-9a-f]{64} +n1\.app-trace\.out\.zst/);
      await field.must(0, 'traces', 'get', id!, '--to', 'got', ...STATE);
      const got = readFileSync(field.path('got', 'n1.app-trace.out.zst'));
      assert.equal(zstdDecompressSync(got).toString(), text);
      await field.must(0, 'traces', 'get', id!, '--to', 'got', ...STATE);
      field.write('got/n1.app-trace.out.zst', 'of somebody');
      const there = await field.must(1, 'traces', 'get', id!, '--to', 'got', ...STATE);
      assert.match(there.stderr, /code: TRACE_FILE_THERE/);
      assert.equal(field.read('got/n1.app-trace.out.zst'), 'of somebody');
      const outside = await field.must(1, 'traces', 'get', '../../etc', ...STATE);
      assert.match(outside.stderr, /code: TRACE_NAME_UNSAFE/);
      const unknown = await field.must(1, 'traces', 'verify', '1.2', ...STATE);
      assert.match(unknown.stderr, /code: TRACE_NONE/);

      await field.must(0, 'traces', 'verify', ...STATE);
      appendFileSync(field.path('state', 'traces', id!, 'n1.app-trace.out.zst'), 'x');
      const verified = await field.must(1, 'traces', 'verify', id!, ...STATE);
      assert.match(verified.stdout, /damaged +.*n1\.app-trace\.out\.zst/);
      const refused = await field.must(1, 'traces', 'get', id!, '--to', 'again', ...STATE);
      assert.match(refused.stderr, /code: TRACE_DAMAGED/);
      assert.ok(!field.has('again/n1.app-trace.out.zst'));

      rmSync(field.path('state', 'traces', id!, 'n1.app-trace.out.zst'));
      const gone = await field.must(1, 'traces', 'verify', ...STATE);
      assert.match(gone.stdout, /gone +.*n1\.app-trace\.out\.zst/);
      await field.must(0, 'traces', 'rm', id!, 'n1.app-trace.out.zst', ...STATE);
      await field.must(0, 'traces', 'verify', ...STATE);
      await stop(server);
      const offline = await field.must(0, 'traces', 'ls', ...STATE);
      assert.match(offline.stdout, new RegExp(`${id} +1 `));
    }));

  it('are brought by every worker, from where its own settings say', () =>
    inField(async (field) => {
      const { server, url } = await serve(field);
      const startWorker = (name: string) => {
        field.write(`${name}-app/${name}.app-trace.out`, `of ${name}`);
        const session = ['--session-file', 'state/session', '--dir', `work-${name}`];
        const source = ['--trace-dir', `${name}-app`];
        return field.start(['worker', '--server', url, '--name', name, ...session, ...source]);
      };
      const workers = ['one', 'two'].map(startWorker);
      const none = field.start([
        ...['worker', '--server', url, '--name', 'none', '--dir', 'work-none'],
        ...['--session-file', 'state/session'],
      ]);
      await until('all are there', async () => {
        const { workers: seen } = await field.json('workers', ...STATE);
        return seen.length === 3;
      });
      const { stdout } = await field.must(1, 'traces', 'collect', ...STATE);
      assert.match(stdout, /one +done +1 +0/);
      assert.match(stdout, /two +done +1 +0/);
      assert.match(stdout, /none +failed +0 +0 .*trace-dir|none +failed .*where the traces/);
      const [, id] = /^trace (\S+): 2 files stored/m.exec(stdout) ?? [];
      const names = ['one.app-trace.out.zst', 'two.app-trace.out.zst'];
      assert.deepEqual(field.list(`state/traces/${id}`), names);
      const wrong = async (code: number, ...argv: string[]) =>
        (await field.must(code, 'traces', 'collect', ...STATE, ...argv)).stderr;
      assert.match(await wrong(2, '--trace-switch', 'control'), /of workers each says it/);
      assert.match(await wrong(1, '--to', 'elsewhere'), /TRACE_TARGET_WRONG/);
      assert.match(await wrong(1, '--id', '../x'), /TRACE_NAME_UNSAFE/);
      await wrong(1, '--match', 'nothing*');
      const as = ['--json', '--trace-compression', 'none'];
      const again = await field.must(1, 'traces', 'collect', ...as, ...STATE);
      assert.deepEqual(field.list(`state/traces/${JSON.parse(again.stdout).id}`), [
        'one.app-trace.out',
        'two.app-trace.out',
      ]);
      const brought = JSON.parse(again.stdout).workers.filter(
        ({ state }: { state: string }) => state === 'done',
      );
      assert.equal(brought.length, 2);
      for (const { foundBytes, doneBytes } of brought) {
        assert.ok(foundBytes > 0);
        assert.equal(doneBytes, foundBytes);
      }
      for (const worker of [...workers, none]) process.kill(worker.pid, 'SIGTERM');
      for (const worker of [...workers, none]) await worker.ended;
      const alone = await field.must(1, 'traces', 'collect', ...STATE);
      assert.match(alone.stderr, /code: ERRAND_NO_WORKERS/);
      await stop(server);
    }));

  it('are told to those who watch the server', () =>
    inField(async (field) => {
      const { server, url } = await serve(field);
      const token = field.read('state/admin-token').trim();
      const headers = { Authorization: `Bearer ${token}` };
      const events = await fetch(`${url}/v1/events`, { headers });
      field.write('app/n1.app-trace.out', 'x');
      assert.equal((await collect(field)).code, 0);
      let seen = '';
      const decoder = new TextDecoder();
      for await (const piece of events.body!) {
        seen += decoder.decode(piece as Uint8Array, { stream: true });
        if (seen.includes('n1.app-trace.out')) break;
      }
      assert.match(seen, /"kind":"trace"/);
      await stop(server);
    }));

  it('arrive whole although the server is killed again and again while they come', () =>
    inField(async (field) => {
      let { server, url, port } = await serve(field);
      // By this process, so that nothing comes that it does not see.
      const way = new CountingWay(url);
      const files = new Map<string, Buffer>();
      for (let number = 0; number < 6; number++) {
        const name = `n${number}.app-trace.out`;
        files.set(name, randomBytes(12_000_000));
        field.write(`app/${name}`, files.get(name)!);
      }
      const id = '1795276800.000000001';
      const sending = field.start([
        ...['traces', 'collect', '--here', '--dir', 'app', '--to', await way.open(), '--id', id],
        ...['--trace-compression', 'none', ...STATE],
      ]);
      const incoming = () => {
        const names = readdirSync(field.path('state', 'traces', '.incoming'));
        return names.some((name) => name.endsWith('.data'));
      };
      for (let kill = 0; kill < 3; kill++) {
        await sending.until('something comes', incoming);
        server.kill();
        await server.ended;
        const there = field.has(`state/traces/${id}`) ? field.list(`state/traces/${id}`) : [];
        for (const name of there)
          assert.ok(
            readFileSync(field.path('state/traces', id, name)).equals(files.get(name)!),
            name,
          );
        ({ server, port } = await serve(field, [], port));
      }
      const { code, stderr } = await sending.ended;
      assert.equal(code, 0, stderr);
      for (const [name, bytes] of files)
        assert.ok(readFileSync(field.path('state/traces', id, name)).equals(bytes), name);
      assert.equal(field.list(`state/traces/${id}`).length, files.size);
      await stop(server);
      await way.close();
    }));

  it('wait for room when the disk of the store is full', { skip: needsRoot }, () =>
    inField(async (field) => {
      const small = field.path('small');
      mkdirSync(small);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', small]);
      try {
        writeFileSync(`${small}/ballast`, Buffer.alloc(3_000_000, 1));
        const { server } = await serve(field, ['--trace-store', 'small/traces']);
        const bytes = randomBytes(2_000_000);
        field.write('app/n1.app-trace.out', bytes);
        const sending = field.start(['traces', 'collect', '--here', '--dir', 'app', ...STATE]);
        const incoming = () =>
          readdirSync(`${small}/traces/.incoming`).some((name) => name.endsWith('.data'));
        await sending.until('it comes', incoming);
        assert.deepEqual(readdirSync(`${small}/traces`).sort(), ['.about', '.incoming']);
        rmSync(`${small}/ballast`);
        const { code, stderr } = await sending.ended;
        assert.equal(code, 0, stderr);
        const [id] = readdirSync(`${small}/traces`).filter((name) => !name.startsWith('.'));
        const [name] = readdirSync(`${small}/traces/${id}`);
        assert.ok(zstdDecompressSync(readFileSync(`${small}/traces/${id}/${name}`)).equals(bytes));
        await stop(server);
      } finally {
        field.killAll();
        execFileSync('umount', ['-l', small]);
      }
    }),
  );

  it('are refused with a reason where nobody takes them, and stay where they are', () =>
    inField(async (field) => {
      field.write('app/n1.app-trace.out', 'x');
      const unset = await field.must(
        1,
        'traces',
        'collect',
        '--here',
        '--to',
        'https://127.0.0.1:1',
      );
      assert.match(unset.stderr, /code: TRACE_DIRECTORY_UNSET/);
      const plain = await collect(field, '--to', 'http://192.0.2.1:1');
      assert.match(plain.stderr, /code: TRACE_PLAIN_HTTP/);
      const { server, url } = await serve(field, ['--trace-account', 'site']);
      const refused = await collect(field, '--to', url);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /HTTP 403 TRACE_ACCOUNT_WRONG/);
      assert.ok(field.has('app/n1.app-trace.out'));
      await stop(server);
      const off = field.start(['serve', ...STATE, '--listen', '127.0.0.1:0']);
      await off.until('it serves', () => off.stdout().includes('serving'));
      const none = await field.must(1, 'traces', 'ls', ...STATE);
      assert.match(none.stderr, /code: TRACES_OFF/);
      await stop(off);
      await until('all is quiet', () => field.processes().length === 0);
    }));
});
