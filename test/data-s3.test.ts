/**
 * `s3://` against an origin that checks each signature by itself, as Amazon's documentation has it
 * (Signature Version 4), and does not believe the client's library.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '#base';
import { openDatastore } from '#datastore';
import { addressOf, s3Transport } from '../src/bin/s3.ts';
import {
  type Answer,
  bytesOf,
  openOrigin,
  sendShort,
  serve,
} from '../src/datastore/testing/origin.ts';

/** The keys of Amazon's own examples. */
const ID = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const FILE = { bytes: bytesOf(300_000), etag: '"one"' };

interface Signed {
  readonly method: string;
  /** As it stands in the request line. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

const hmac = (key: string | Buffer, text: string) =>
  createHmac('sha256', key).update(text).digest();
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** UriEncode of the documentation: all but unreserved characters and `/`. */
function uriEncode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[A-Za-z0-9\-._~/]/.test(character)) return character;
      return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** Null: the signature is right; else what is wrong with it. */
function faultOf({ method, path, headers }: Signed, secret = SECRET): string | null {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
  const found = form.exec(headers.authorization ?? '');
  if (!found) return `no authorization: ${headers.authorization}`;
  const [, id, day, region, signed, signature] = found as unknown as string[];
  const moment = String(headers['x-amz-date']);
  if (id !== ID || !moment.startsWith(day!)) return 'another account or day';
  for (const name of ['host', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token']) {
    if (headers[name] !== undefined && !signed!.split(';').includes(name))
      return `${name} unsigned`;
  }
  const canonical = [
    method,
    uriEncode(decodeURIComponent(path.split('?')[0]!)),
    path.split('?')[1] ?? '',
    ...signed!.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', moment, scope, sha256(canonical)].join('\n');
  const key = [day!, region!, 's3', 'aws4_request'].reduce(
    hmac,
    `AWS4${secret}` as string | Buffer,
  );
  return hmac(key as Buffer, text).toString('hex') === signature ? null : 'a wrong signature';
}

test('the check of signatures agrees with the example of Amazon’s documentation', () => {
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': sha256(''),
    'x-amz-date': '20130524T000000Z',
    authorization: `AWS4-HMAC-SHA256 Credential=${ID}/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41`,
  };
  const get = { method: 'GET', path: '/test.txt', headers };
  assert.equal(faultOf(get), null);
  assert.equal(faultOf({ ...get, path: '/test.tx' }), 'a wrong signature');
});

/** Only those who sign properly are answered. */
function guarded(answer: Answer, faults: string[]): Answer {
  return (request, response, nth) => {
    const { method = '', url: path = '', headers } = request;
    const fault = faultOf({ method, path, headers });
    if (fault === null) return answer(request, response, nth);
    faults.push(fault);
    response.writeHead(403).end();
  };
}

function directory(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'windrow-s3-'));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

async function storeFor(
  t: TestContext,
  environment: Readonly<Record<string, string>>,
  home = directory(t),
) {
  const common = { clock: systemClock, random: Math.random, onEvent: () => {} };
  const proxies = { http: [], https: [], none: [] };
  const s3 = s3Transport({ ...common, proxies, userAgent: 'windrow-test' }, environment, home);
  const store = await openDatastore({
    ...common,
    directory: join(directory(t), 'store'),
    transports: [s3],
    limits: { leastFreeBytes: 0 },
    fetching: { tries: 2, backoffFromMs: 1, backoffToMs: 5 },
  });
  t.after(() => store.close());
  const read = async (key: string) => {
    const held = await store.ensure({ key, mode: 'immutable' });
    const bytes = readFileSync(held.path);
    await held.release();
    return { bytes, way: held.way };
  };
  return { store, read };
}

test('each request is signed, also one that goes on, whatever characters the key has', async (t) => {
  const origin = await openOrigin(t);
  const faults: string[] = [];
  const cases = [
    ['s3://bucket/plain.nc', '/bucket/plain.nc'],
    ['s3://bucket/a dir/b+c (1)!~$&*=@,;.nc', '/bucket/a%20dir/b%2Bc%20(1)!~$&*=@,;.nc'],
    ['s3://bucket/größe?x=1', '/bucket/gr%C3%B6%C3%9Fe%3Fx=1'],
    ['s3://bucket/a\\b//c', '/bucket/a%5Cb//c'],
  ] as const;
  for (const [, path] of cases) {
    const twice: Answer = (q, r, nth) =>
      nth === 1 ? sendShort(r, FILE, 90_000) : serve(q, r, FILE);
    origin.on(path, guarded(twice, faults));
  }
  const { store, read } = await storeFor(t, {
    AWS_ACCESS_KEY_ID: ID,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: `${origin.url}/`,
  });
  for (const [key] of cases) {
    const { bytes, way } = await read(key);
    assert.ok(bytes.equals(FILE.bytes), key);
    assert.equal(way.resumes, 1, key);
  }
  assert.deepEqual(faults, []);
  assert.equal((await store.find('s3://bucket/plain.nc'))?.isPrivate, true);
  const args = ['-c', 'grep -rlE "$1" "$2" || true', '-', `${SECRET}|Signature=`, store.directory];
  assert.equal(String(execFileSync('sh', args)), '', 'no secret lies in the store');
});

test('the profile of ~/.aws/credentials counts, with its session; a file for all to read does not', async (t) => {
  const origin = await openOrigin(t);
  const faults: string[] = [];
  origin.on(
    '/bucket/file',
    guarded((q, r) => serve(q, r, FILE), faults),
  );
  const home = directory(t);
  const file = join(home, '.aws', 'credentials');
  mkdirSync(join(home, '.aws'));
  const profile = `aws_access_key_id = ${ID}\naws_secret_access_key = ${SECRET}\naws_session_token = a/b+c==\n`;
  writeFileSync(file, `[default]\naws_access_key_id = x\n[site]\n${profile}`, { mode: 0o600 });
  const environment = { AWS_PROFILE: 'site', AWS_ENDPOINT_URL_S3: origin.url };
  const { read } = await storeFor(t, environment, home);
  assert.ok((await read('s3://bucket/file')).bytes.equals(FILE.bytes));
  assert.deepEqual(faults, []);
  assert.equal(origin.asked[0]?.headers['x-amz-security-token'], 'a/b+c==');
  chmodSync(file, 0o644);
  const second = await storeFor(t, environment, home);
  await assert.rejects(second.read('s3://bucket/file'), { code: 'DATA_CREDENTIALS_WRONG' });
});

test('a redirect elsewhere is shown neither signature nor session', async (t) => {
  const [origin, other] = [await openOrigin(t), await openOrigin(t)];
  const location = other.on('/there', (q, r) => serve(q, r, FILE));
  origin.on('/bucket/file', (_q, r) => void r.writeHead(307, { location }).end());
  const { read } = await storeFor(t, {
    AWS_ACCESS_KEY_ID: ID,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_SESSION_TOKEN: 'session',
    AWS_ENDPOINT_URL: origin.url,
  });
  await read('s3://bucket/file');
  const shown = Object.keys(other.asked[0]!.headers).filter((name) =>
    /^x-amz|authorization/.test(name),
  );
  assert.deepEqual(shown, []);
});

test('without an account requests go unsigned, and what is no address is refused', async (t) => {
  const origin = await openOrigin(t);
  origin.on('/bucket/open', (q, r) => serve(q, r, FILE));
  origin.on(
    '/bucket/closed',
    guarded((q, r) => serve(q, r, FILE), []),
  );
  const { read } = await storeFor(t, { AWS_ENDPOINT_URL: origin.url });
  assert.ok((await read('s3://bucket/open')).bytes.equals(FILE.bytes));
  await assert.rejects(read('s3://bucket/closed'), {
    code: 'DATA_REFUSED',
    message: /403.*no credentials are known/,
  });
  await assert.rejects(read('s3:///key'), { code: 'DATA_REFUSED', message: /BUCKET/ });
});

test('Amazon’s own service is asked at the host of the bucket', () => {
  const address = addressOf(new URL('s3://my-bucket/a/b.nc'), '', 'eu-central-1');
  assert.equal(address.href, 'https://my-bucket.s3.eu-central-1.amazonaws.com/a/b.nc');
});
