import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { Agent } from 'undici';
import { messageOf, type WindrowError } from '#base';
import { type CollectOptions, type CollectStep, collectTraces } from './collect/collect.ts';
import { findTraces } from './collect/find.ts';
import { Collector } from './testing/collector.ts';

const ID = '1795276800.000000002';

describe('collecting the traces of a machine', () => {
  let collector: Collector;
  let root: string;
  let traces: string;
  let steps: CollectStep[];
  const dispatcher = new Agent();
  before(async () => {
    collector = await Collector.open();
  });
  after(async () => {
    await dispatcher.close();
    await collector.close();
  });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'windrow-collect-'));
    traces = join(root, 'traces');
    mkdirSync(join(traces, 'deep', 'er'), { recursive: true });
    steps = [];
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const collect = (options: Partial<CollectOptions> = {}) =>
    collectTraces({
      directory: traces,
      match: '*app-trace.out*',
      mostFiles: 1000,
      id: ID,
      to: { url: collector.url, dispatcher, account: 'rocks', secret: '' },
      switchFile: '',
      switchText: '\n',
      compression: 'zstd',
      remove: false,
      memory: join(root, 'begun'),
      signal: new AbortController().signal,
      onStep: (step) => steps.push(step),
      ...options,
    });
  const stored = (name: string) => readFileSync(join(collector.directory, ID, name));
  const storedAs = () => steps.flatMap((step) => (step.kind === 'stored' ? [step.storedAs] : []));

  it('finds regular files by their names, however deep, and follows no links', async () => {
    writeFileSync(join(traces, 'a.app-trace.out'), 'a');
    writeFileSync(join(traces, 'deep', 'er', 'b.app-trace.out.1'), 'b');
    writeFileSync(join(traces, 'other.out'), 'c');
    symlinkSync('/etc', join(traces, 'app-trace.out.d'));
    symlinkSync('/etc/passwd', join(traces, 'l.app-trace.out'));
    const options = { directory: traces, match: '*app-trace.out*', mostFiles: 2 };
    const { files, isCut } = await findTraces(options);
    assert.equal(isCut, false);
    assert.equal((await findTraces({ ...options, mostFiles: 1 })).isCut, true);
    assert.deepEqual(
      files.map(({ path }) => path),
      ['a.app-trace.out', 'deep/er/b.app-trace.out.1'],
    );
  });

  it('compresses what is not compressed, with zstd or bzip2', async () => {
    const text = 'line of a trace\n'.repeat(1000);
    writeFileSync(join(traces, 'x.app-trace.out'), text);
    await collect();
    await collect({ compression: 'bzip2' });
    assert.deepEqual(storedAs(), ['x.app-trace.out.zst', 'x.app-trace.out.bz2']);
    assert.equal(zstdDecompressSync(stored('x.app-trace.out.zst')).toString(), text);
    const path = join(collector.directory, ID, 'x.app-trace.out.bz2');
    assert.equal(execFileSync('bzip2', ['-dc', path]).toString(), text);
  });

  it('leaves files as they are that are compressed by their first bytes, whatever their name', async () => {
    for (const program of ['bzip2', 'gzip', 'xz', 'zstd']) {
      const bytes = execFileSync(program, ['-c'], { input: 'trace' });
      writeFileSync(join(traces, `${program}.app-trace.out`), bytes);
    }
    await collect();
    assert.deepEqual(
      storedAs(),
      ['bzip2', 'gzip', 'xz', 'zstd'].map((name) => `${name}.app-trace.out`),
    );
    assert.deepEqual(
      stored('gzip.app-trace.out'),
      readFileSync(join(traces, 'gzip.app-trace.out')),
    );
  });

  it('stops tracing before it looks for files', async () => {
    const control = join(root, 'control');
    writeFileSync(control, 'on\n');
    await collect({ switchFile: control, switchText: '\n' });
    assert.equal(readFileSync(control, 'utf8')[0], '\n');
    await assert.rejects(collect({ switchFile: join(root, 'missing') }), {
      code: 'TRACE_SWITCH_FAILED',
    });
    assert.ok(!existsSync(join(root, 'missing')));
  });

  it('removes files only when they are stored and did not change meanwhile', async () => {
    const calm = join(traces, 'calm.app-trace.out');
    const busy = join(traces, 'busy.app-trace.out');
    writeFileSync(calm, 'x'.repeat(10_000));
    writeFileSync(busy, 'y'.repeat(10_000));
    await collect({
      remove: true,
      onStep: (step) => {
        steps.push(step);
        if (step.kind === 'found') appendFileSync(busy, 'more');
      },
    });
    assert.ok(!existsSync(calm));
    assert.ok(existsSync(busy));
    const fates = steps.flatMap((step) => (step.kind === 'stored' ? [step.fate] : []));
    assert.deepEqual(fates, ['changed', 'removed']);
  });

  it('says of a file that cannot be removed that it is stored', async (t) => {
    const held = join(traces, 'deep');
    writeFileSync(join(held, 'held.app-trace.out'), 'trace');
    const isRoot = process.getuid?.() === 0;
    const lock = (isOn: boolean) =>
      isRoot
        ? spawnSync('chattr', [isOn ? '+i' : '-i', held]).status
        : chmodSync(held, isOn ? 0o500 : 0o700);
    if (lock(true) !== (isRoot ? 0 : undefined))
      return t.skip('this file system has no immutable directories');
    await collect({ remove: true }).finally(() => lock(false));
    const said = steps.flatMap((step) =>
      step.kind === 'failed' ? [(step.error as WindrowError).message] : [],
    );
    assert.equal(said.length, 1);
    assert.match(said[0]!, /held\.app-trace\.out is stored, but cannot be removed here: /);
    assert.equal(zstdDecompressSync(stored('held.app-trace.out.zst')).toString(), 'trace');
  });

  it('sends and removes nothing elsewhere, whatever is exchanged for links after it was found', async () => {
    const secrets = join(root, 'secrets');
    mkdirSync(secrets);
    for (const name of ['f.app-trace.out', 'g.app-trace.out']) {
      writeFileSync(join(secrets, name), 'secret');
      writeFileSync(join(traces, 'deep', name), 'trace');
    }
    writeFileSync(join(traces, 'h.app-trace.out'), 'trace');
    await collect({
      remove: true,
      onStep: (step) => {
        steps.push(step);
        if (step.kind === 'found') {
          rmSync(join(traces, 'h.app-trace.out'));
          symlinkSync(join(secrets, 'f.app-trace.out'), join(traces, 'h.app-trace.out'));
        } else if (step.kind === 'sending' && step.file.endsWith('f.app-trace.out')) {
          rmSync(join(traces, 'deep'), { recursive: true, force: true });
          symlinkSync(secrets, join(traces, 'deep'));
        }
      },
    });
    const codes = steps.flatMap((step) =>
      step.kind === 'failed' ? [(step.error as WindrowError).code] : [],
    );
    assert.deepEqual(codes, ['TRACE_UNREADABLE', 'TRACE_UNREADABLE']);
    assert.deepEqual(readdirSync(secrets), ['f.app-trace.out', 'g.app-trace.out']);
    assert.deepEqual(storedAs(), ['f.app-trace.out.zst']);
    assert.equal(zstdDecompressSync(stored('f.app-trace.out.zst')).toString(), 'trace');
  });

  it('keeps files that could not be sent, and sends the others', async () => {
    const bad = join(traces, `${'n'.repeat(212)}.app-trace.out`);
    writeFileSync(bad, 'bad');
    writeFileSync(join(traces, 'good.app-trace.out'), 'good');
    const { stored: count, failed } = await collect({ remove: true });
    assert.deepEqual([count, failed], [1, 1]);
    assert.ok(existsSync(bad));
  });

  it('tries no other file when the collector cannot be reached, and says how many are left', async () => {
    for (const name of ['a', 'b', 'c'])
      writeFileSync(join(traces, `${name}.app-trace.out`), `of ${name}`);
    const [key, cert] = [join(root, 'key.pem'), join(root, 'cert.pem')];
    const made = ['-subj', '/CN=nobody', '-days', '2', '-keyout', key, '-out', cert];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    execFileSync('openssl', ['req', '-x509', '-nodes', ...curve, ...made], { stdio: 'ignore' });
    const site = { key: readFileSync(key), cert: readFileSync(cert) };
    let connections = 0;
    const server = createSecureServer(site).on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const to = { url: `https://127.0.0.1:${port}`, dispatcher, account: 'rocks', secret: '' };
    try {
      const { stored: count, failed } = await collect({ to });
      assert.deepEqual([count, failed], [0, 3]);
    } finally {
      server.close();
    }
    const errors = steps.flatMap((step) => (step.kind === 'failed' ? [step.error] : []));
    const codes = errors.map((error) => (error as WindrowError).code);
    assert.deepEqual(codes, ['SERVER_UNTRUSTED', 'TRACE_UNTRIED']);
    // A certificate does not get better by waiting.
    assert.equal(connections, 1);
    assert.match(messageOf(errors[1]), /not tried any more: 2/);
  });

  it('says so when the directory is not there', async () => {
    await assert.rejects(collect({ directory: join(root, 'none') }), {
      code: 'TRACE_DIRECTORY_FAILED',
    });
  });
});
