import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { describePlugin } from './describe.ts';
import { findPlugins, pluginEnvironment, schemeOf } from './plugins.ts';
import { runPlugin } from './run-plugin.ts';
import { batchPlugin, type PluginPlace, pluginPlace, singlePlugin } from './testing/plugins.ts';
import { pluginTransports } from './transport.ts';

const place = pluginPlace();
const hurried = pluginPlace(2500);
after(() => {
  place.remove();
  hurried.remove();
});

async function run(at: PluginPlace, text: string, urls: readonly string[], upload = false) {
  const plugin = await describePlugin(at.plugin(`plugin-${Math.random()}`, text), at.world);
  const files = urls.map((url, index) => ({ url, path: at.path(`${plugin.name}.${index}`) }));
  return runPlugin(plugin, files, upload ? 'upload' : 'download', at.world);
}

/** What has ended and was not waited for yet does nothing any more. */
function isAlive(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('a plugin of the old form fetches one file a call', async () => {
  const text = singlePlugin('copy', 'printf "%s" "$1" > "$2"; echo "TransferTotalBytes = 8"');
  const [one, two] = await run(place, text, ['copy:a:1', 'copy://b']);
  assert.equal(one?.ok, true);
  assert.equal(readFileSync(one.transfer.path, 'utf8'), 'copy:a:1');
  assert.equal(two?.ok && two.bytes, 8);
});

test('a plugin of the form for many files is called once for all of them', async () => {
  const count = place.path('calls');
  const text = batchPlugin(
    'Many,more',
    'open(path, "w").write("of " + url)\nreturn {"TransferTotalBytes": os.path.getsize(path)}',
    `open("${count}", "a").write("x")`,
  );
  const outcomes = await run(place, text, [
    'many://a',
    'many://b',
    'more://"c"'.replaceAll('"', ''),
  ]);
  assert.deepEqual(
    outcomes.map(({ ok, transfer }) => ok && readFileSync(transfer.path, 'utf8')),
    ['of many://a', 'of many://b', 'of more://c'],
  );
  assert.equal(readFileSync(count, 'utf8'), 'x');
});

test('uploads go the other way, and leave the file where it is', async () => {
  const sent = place.path('sent');
  const single = singlePlugin('up', `cp "$1" "${sent}-single"; echo "$2" >> "${sent}-single"`);
  const batch = batchPlugin('up', `assert upload\nopen("${sent}", "w").write(open(path).read())`);
  for (const [text, file] of [
    [single, `${sent}-single`],
    [batch, sent],
  ] as const) {
    const path = place.plugin(`up-${file.length}`, text);
    const plugin = await describePlugin(path, place.world);
    const local = place.path('local');
    writeFileSync(local, 'result\n');
    const [outcome] = await runPlugin(
      plugin,
      [{ url: 'up:x', path: local }],
      'upload',
      place.world,
    );
    assert.equal(outcome?.ok, true);
    assert.equal(readFileSync(file, 'utf8').split('\n')[0], 'result');
    assert.equal(existsSync(local), true);
  }
});

test('a failure is told in the plugin’s own words, with its exit status times 256', async () => {
  const own = batchPlugin(
    'bad',
    'return {"TransferSuccess": "false", "TransferError": "\\"no such bucket\\"", "TransferErrorData": "{ [ ErrorType = \\"Resolution\\"; ErrorCode = 6; ErrorString = \\"no host\\" ] }"}',
    'sys.exit(3)',
  );
  const [batch] = await run(place, own, ['bad://a']);
  assert.ok(batch && !batch.ok);
  assert.deepEqual([batch.reason, batch.subcode], ['no such bucket', 768]);
  assert.deepEqual(batch.faults, [{ type: 'Resolution', code: 6, text: 'no host' }]);

  const said = singlePlugin('bad', `echo 'TransferError = "gone: \\e[31m"'; exit 1`);
  const [single] = await run(place, said, ['bad://a']);
  assert.ok(single && !single.ok);
  assert.match(single.reason, /^gone: /);
  assert.equal(single.subcode, 256);

  const silent = singlePlugin('bad', 'echo "first" >&2; echo "cannot resolve" >&2; exit 7');
  const [quiet] = await run(place, silent, ['bad://a']);
  assert.ok(quiet && !quiet.ok);
  assert.deepEqual([quiet.reason, quiet.subcode], ['cannot resolve', 1792]);

  const [killed] = await run(place, singlePlugin('bad', 'kill -SEGV $$'), ['bad://a']);
  assert.ok(killed && !killed.ok);
  assert.deepEqual([killed.reason, killed.subcode], ['the plugin was ended by SIGSEGV', 11]);
});

test('one that fails for one file of many says so for that file', async () => {
  const text = batchPlugin(
    'some',
    'if url.endswith("bad"): return {"TransferSuccess": "false", "TransferError": "\\"refused\\""}\nopen(path, "w").write("x")',
  );
  const [good, bad] = await run(place, text, ['some://good', 'some://bad']);
  assert.equal(good?.ok, true);
  assert.ok(bad && !bad.ok);
  assert.equal(bad.reason, 'refused');
});

test('a plugin that hangs is killed after its lifetime, with what it began in other sessions', async () => {
  const pids = hurried.path('pids');
  const body = `setsid sh -c 'echo $$ >> ${pids}; exec sleep 600' & echo $$ >> ${pids}; sleep 600`;
  const [outcome] = await run(hurried, singlePlugin('hang', body), ['hang://a']);
  assert.ok(outcome && !outcome.ok);
  assert.deepEqual(
    [outcome.subcode, outcome.reason],
    [62, 'the plugin took longer than it may, and was killed'],
  );
  const begun = readFileSync(pids, 'utf8').trim().split('\n');
  assert.equal(begun.length, 2);
  for (const pid of begun) assert.equal(isAlive(pid), false, `${pid} lives on`);
});

test('a plugin that ends well and leaves a process behind leaves none', async () => {
  const pid = place.path('left');
  const body = `setsid sh -c 'echo $$ > ${pid}; exec sleep 600' & while [ ! -s ${pid} ]; do sleep 0.02; done; echo x > "$2"`;
  const [outcome] = await run(place, singlePlugin('fork', body), ['fork://a']);
  assert.equal(outcome?.ok, true);
  assert.equal(isAlive(readFileSync(pid, 'utf8').trim()), false);
});

test('success without the file, with a short one, a link or a pipe is no success', async () => {
  const secret = place.path('secret');
  writeFileSync(secret, 'not yours');
  const lies: [body: string, said: RegExp][] = [
    ['true', /tells of success, but the file is not there/],
    ['printf 1234 > "$2"; echo "TransferTotalBytes = 5"', /has 4 bytes instead of 5 bytes/],
    [`ln -s ${secret} "$2"`, /no regular file/],
    [`ln ${secret} "$2"`, /hard link/],
    ['mkfifo "$2"', /no regular file/],
    ['mkdir "$2"', /no regular file/],
  ];
  for (const [body, said] of lies) {
    const [outcome] = await run(place, singlePlugin('lie', body), ['lie://a']);
    assert.ok(outcome && !outcome.ok, body);
    assert.match(outcome.reason, said);
    assert.equal(outcome.subcode, 256);
    assert.equal(existsSync(outcome.transfer.path), false, 'what it left was removed');
  }
  assert.equal(readFileSync(secret, 'utf8'), 'not yours');
  const [batch] = await run(place, batchPlugin('lie', 'return {"TransferUrl": "\\"x\\""}'), [
    'lie:a',
  ]);
  assert.ok(batch && !batch.ok);
  assert.match(batch.reason, /says nothing of this file/);
});

test('a flood of output, in its streams or in its answer, costs nothing but the transfer', async () => {
  const before = process.memoryUsage().rss;
  const streams = singlePlugin(
    'flood',
    'head -c 300000000 /dev/zero; head -c 300000000 /dev/zero >&2; echo x > "$2"',
  );
  const [single] = await run(place, streams, ['flood://a']);
  assert.equal(single?.ok, true);
  const answer = batchPlugin(
    'flood',
    'open(path, "w").write("x")',
    'for _ in range(300): out.write("#" * 1000000)\nout.flush()',
  );
  const [batch] = await run(place, answer, ['flood://a']);
  assert.ok(batch && !batch.ok);
  assert.ok(process.memoryUsage().rss - before < 200e6);
});

test('an answer that is no ad, or one that would be evaluated for ever, is no success', async () => {
  for (const nonsense of [
    '[ A = 1',
    '\\\\x00\\\\x01',
    '[ TransferUrl = strcat(TransferUrl, TransferUrl); TransferSuccess = true ]',
  ]) {
    const text = batchPlugin(
      'odd',
      'return {}',
      `out.seek(0); out.truncate(); out.write(b"${nonsense}".decode("latin1"))`,
    );
    const [outcome] = await run(place, text, ['odd://a']);
    assert.ok(outcome && !outcome.ok, nonsense);
  }
});

test('what does not answer -classad as it must is told of and left out', async () => {
  const { world } = place;
  const paths = [
    place.plugin('first', singlePlugin('http,ftp', 'true')),
    place.plugin('second', singlePlugin('ftp', 'true')),
    place.path('nowhere'),
    place.plugin('broken', '#!/bin/sh\nexit 4\n'),
    place.plugin('other', '#!/bin/sh\necho \'PluginType = "Jobs"\'\n'),
    place.plugin('no-interpreter', '#!/nowhere/python\n'),
  ];
  const { plugins, faults } = await findPlugins(paths, world);
  assert.deepEqual(
    [...plugins].map(([scheme, { name }]) => [scheme, name]),
    [
      ['http', 'first'],
      ['ftp', 'second'],
    ],
  );
  assert.deepEqual(
    faults.map(({ code }) => code),
    ['PLUGIN_MISSING', 'PLUGIN_UNFIT', 'PLUGIN_UNFIT', 'PLUGIN_NOT_EXECUTABLE'],
  );
});

test('the datastore learns from a plugin’s transport why a file did not come', async () => {
  const path = place.plugin(
    'picky',
    singlePlugin(
      'picky',
      'case "$1" in *no) echo \'TransferError = "not this"\'; exit 2;; esac; echo x > "$2"',
    ),
  );
  const { plugins } = await findPlugins([path], place.world);
  const [transport] = pluginTransports(plugins, place.world);
  const bring = (url: string) =>
    transport!.bring({
      url: new URL(url),
      path: place.path('brought'),
      known: null,
      owner: '',
      login: null,
      mostBytes: Number.MAX_SAFE_INTEGER,
      signal: new AbortController().signal,
      onProgress: () => {},
    });
  const brought = await bring('picky://host/yes');
  assert.equal(brought.way, 'plugin picky');
  await assert.rejects(bring('picky://host/no'), {
    name: 'TransferFailure',
    kind: 'refused',
    subcode: 512,
    message: 'picky says: not this',
  });
});

test('a plugin for many files sees the job’s variables that bear its name', () => {
  const job = { MYPLUGIN_LEVEL: '3', myplugin_x: '1', OTHER: '2' };
  const seen = pluginEnvironment({ name: 'MyPlugin.py', batches: true }, { PATH: '/bin' }, job);
  assert.deepEqual(seen, { PATH: '/bin', MYPLUGIN_LEVEL: '3', myplugin_x: '1' });
  assert.deepEqual(pluginEnvironment({ name: 'myplugin', batches: false }, {}, job), {});
  assert.equal(schemeOf('GSIFTP://a'), 'gsiftp');
  assert.equal(schemeOf('c:/windows'), null);
  assert.equal(schemeOf('a/b:c'), null);
});

test('the example plugin makes an overlay of an image instead of a copy', async (t) => {
  if (!existsSync('/usr/bin/qemu-img')) return t.skip('qemu-img is not installed');
  const image = place.path('image.raw');
  writeFileSync(image, Buffer.alloc(8 << 20));
  const path = fileURLToPath(new URL('../../../examples/plugins/nfs', import.meta.url));
  const plugin = await describePlugin(path, place.world);
  const files = [
    { url: `nfs:${image}`, path: place.path('disk.qcow2') },
    { url: 'nfs:/nowhere', path: place.path('none.qcow2') },
  ];
  const [made, missing] = await runPlugin(plugin, files, 'download', place.world);
  assert.equal(made?.ok, true);
  const overlay = readFileSync(place.path('disk.qcow2'));
  assert.ok(overlay.length < 1 << 20 && overlay.includes(image));
  assert.ok(missing && !missing.ok);
  assert.deepEqual(
    [missing.reason, missing.subcode],
    ['there is no image /nowhere on this machine', 256],
  );
});
