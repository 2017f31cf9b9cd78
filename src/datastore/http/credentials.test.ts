import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock, WindrowError } from '#base';
import { type Answer, bytesOf, openOrigin, serve } from '../testing/origin.ts';
import { directoryFor, openStore, readHeld } from '../testing/store.ts';
import { openCredentials } from './credentials.ts';
import { netrcLogin, parseNetrc } from './netrc.ts';

const FILE = { bytes: bytesOf(1000, 1), etag: '"one"' };
const SECRET = 'tr0ub4dor';

/** Answers those who show what is wanted. */
function guarded(authorization: string): Answer {
  return (q, r) => {
    if (q.headers.authorization === authorization) serve(q, r, FILE);
    else r.writeHead(401, { 'www-authenticate': 'Basic' }).end();
  };
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function openStoreWith(
  t: TestContext,
  files: { netrc?: string; toml?: string; mode?: number },
) {
  const home = directoryFor(t);
  const [netrc, file] = [join(home, '.netrc'), join(home, 'credentials.toml')];
  if (files.netrc !== undefined) writeFileSync(netrc, files.netrc);
  if (files.toml !== undefined) writeFileSync(file, files.toml);
  for (const path of [files.netrc !== undefined && netrc, files.toml !== undefined && file]) {
    if (path) chmodSync(path, files.mode ?? 0o600);
  }
  const places = { netrc, file, isFileNamed: false, home };
  const credentials = openCredentials({ ...places, environment: {}, clock: systemClock });
  const store = await openStore(t, { http: { credentials } });
  return { store, home };
}

test('a login of .netrc opens its host, and leaves no trace in the store', async (t) => {
  const origin = await openOrigin(t);
  const key = origin.on('/file', guarded(basic('ada', SECRET)));
  const { store } = await openStoreWith(t, {
    netrc: `machine 127.0.0.1 login ada password ${SECRET}\n`,
  });
  assert.ok((await readHeld(await store.ensure({ key, mode: 'immutable' }))).equals(FILE.bytes));
  assert.equal((await store.find(key))?.isPrivate, true);
  const found = execFileSync('sh', [
    '-c',
    'grep -rl "$1" "$2" || true',
    '-',
    SECRET,
    store.directory,
  ]);
  assert.equal(String(found), '');
});

test('a redirect to another origin is shown nothing, also not on the way back', async (t) => {
  const [origin, other] = [await openOrigin(t), await openOrigin(t)];
  const key = origin.on(
    '/file',
    (_q, r) => void r.writeHead(302, { location: `${other.url}/hop` }).end(),
  );
  other.on('/hop', (_q, r) => void r.writeHead(302, { location: `${origin.url}/back` }).end());
  origin.on('/back', (q, r) => serve(q, r, FILE));
  const { store } = await openStoreWith(t, {
    netrc: `machine 127.0.0.1 login ada password ${SECRET}\n`,
  });
  await readHeld(await store.ensure({ key, mode: 'immutable' }));
  const shown = (asked: typeof origin.asked) => asked.map(({ headers }) => headers.authorization);
  assert.deepEqual(shown(origin.asked), [basic('ada', SECRET), undefined]);
  assert.deepEqual(shown(other.asked), [undefined]);
});

test('a redirect within the origin goes on with what was shown', async (t) => {
  const origin = await openOrigin(t);
  const key = origin.on('/file', (_q, r) => void r.writeHead(307, { location: '/there' }).end());
  origin.on('/there', guarded(basic('ada', SECRET)));
  const { store } = await openStoreWith(t, { netrc: `default login ada password ${SECRET}\n` });
  await readHeld(await store.ensure({ key, mode: 'immutable' }));
});

test('a bearer token comes from a file or a command, for its origin alone', async (t) => {
  const [origin, other] = [await openOrigin(t), await openOrigin(t)];
  const key = origin.on('/file', guarded('Bearer abc.def'));
  const second = other.on('/file', guarded('Bearer from-command'));
  const third = origin.on('/third', (q, r) => serve(q, r, FILE));
  const token = join(directoryFor(t), 'token');
  writeFileSync(token, 'abc.def\n', { mode: 0o600 });
  const { store } = await openStoreWith(t, {
    toml: `["${origin.url}"]\nbearer-file = "${token}"\n["${other.url}"]\nbearer-command = ["echo", "from-command"]\n`,
  });
  for (const one of [key, second, third])
    await readHeld(await store.ensure({ key: one, mode: 'immutable' }));
  const elsewhere = await openOrigin(t);
  await readHeld(
    await store.ensure({ key: elsewhere.on('/x', (q, r) => serve(q, r, FILE)), mode: 'immutable' }),
  );
  assert.equal(elsewhere.asked[0]?.headers.authorization, undefined);
});

test('a login in an address is for its request, and in no message', async (t) => {
  const origin = await openOrigin(t);
  const { store } = await openStoreWith(t, {});
  origin.on('/file', guarded(basic('ada', SECRET)));
  const address = `http://ada:${SECRET}@127.0.0.1:${origin.port}/file`;
  const held = await store.ensure({ key: address, mode: 'immutable' });
  assert.equal(held.key, `${origin.url}/file`);
  await held.release();
  const wrong = address.replace('/file', '/none').replace(SECRET, `${SECRET}x`);
  const error = await store.ensure({ key: wrong, mode: 'immutable' }).catch((thrown) => thrown);
  assert.ok(
    error instanceof WindrowError && !JSON.stringify([error.message, error.facts]).includes(SECRET),
  );
});

test('files that others may read are refused when they are needed, and wrong ones told of', async (t) => {
  const origin = await openOrigin(t);
  const key = origin.on('/file', (q, r) => serve(q, r, FILE));
  const cases = [
    { netrc: 'machine 127.0.0.1 login a password b', mode: 0o644 },
    { toml: `["${origin.url}"]\nuser = "a"\npassword = "b"`, mode: 0o640 },
    { toml: 'this is no TOML' },
    { toml: `["${origin.url}"]\nuser = "a"` },
    { toml: `["${origin.url}"]\nbearer-command = ["false"]` },
  ];
  for (const files of cases) {
    const { store } = await openStoreWith(t, files);
    await assert.rejects(store.ensure({ key, mode: 'immutable' }), {
      code: 'DATA_CREDENTIALS_WRONG',
    });
  }
  const { store } = await openStoreWith(t, {
    netrc: 'machine elsewhere login a password b',
    mode: 0o644,
  });
  await readHeld(await store.ensure({ key, mode: 'immutable' }));
  assert.equal(origin.asked.length, 1);
});

test('.netrc is read as others write it', () => {
  const entries = parseNetrc(`
    # a remark
    machine One.example login ada password "with \\"quotes\\" and blanks"
    macdef init
    machine evil login a password b

    machine two.example
      login bob account x
      password #hash
    default login anonymous password guest`);
  assert.deepEqual(netrcLogin(entries, 'ONE.example'), {
    user: 'ada',
    password: 'with "quotes" and blanks',
  });
  assert.deepEqual(netrcLogin(entries, 'two.example'), { user: 'bob', password: '#hash' });
  assert.deepEqual(netrcLogin(entries, 'evil'), { user: 'anonymous', password: 'guest' });
});

test('a wrong login is shown once, a token that has grown old is read anew, a named file must be there', async (t) => {
  const origin = await openOrigin(t);
  const { store } = await openStoreWith(t, { netrc: 'machine 127.0.0.1 login a password wrong' });
  const key = origin.on('/file', guarded(basic('a', SECRET)));
  await assert.rejects(store.ensure({ key, mode: 'immutable' }), { code: 'DATA_REFUSED' });
  assert.equal(origin.countOf('/file'), 1);

  const token = join(directoryFor(t), 'token');
  writeFileSync(token, 'old', { mode: 0o600 });
  const { store: later } = await openStoreWith(t, {
    toml: `["${origin.url}"]\nbearer-file = "${token}"`,
  });
  for (const value of ['old', 'new']) {
    writeFileSync(token, value);
    const path = origin.on(`/${value}`, guarded(`Bearer ${value}`));
    await readHeld(await later.ensure({ key: path, mode: 'immutable' }));
  }
  assert.deepEqual([origin.countOf('/old'), origin.countOf('/new')], [1, 2]);

  const [netrc, file] = [join(directoryFor(t), 'netrc'), join(directoryFor(t), 'none.toml')];
  const places = { netrc, file, isFileNamed: true, environment: {}, home: '', clock: systemClock };
  await assert.rejects(openCredentials(places).authorizationFor(new URL(origin.url)), {
    code: 'DATA_CREDENTIALS_WRONG',
    message: /none\.toml.*it is not there/,
  });
});
