import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { COMPLETION_LIMITS } from '#wire';
import { FakeDoor, type FakeTask, type OpenServer, SESSION, serveDoor } from './open/fake-door.ts';
import type { OpenDoor } from './open/port.ts';
import type { OpenProtocolOptions } from './open-protocol.ts';

let directory = '';
let spool = '';
const servers: OpenServer[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'windrow-open-'));
  spool = join(directory, 'spool');
  await mkdir(spool);
});
after(() => rm(directory, { recursive: true }));
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  // Of a body that broke off, the server may still be tidying up.
  await until(async () => (await readdir(spool)).length === 0);
});

async function serve(
  door: OpenDoor,
  options: Partial<OpenProtocolOptions> = {},
): Promise<OpenServer> {
  const server = await serveDoor(door, spool, options);
  servers.push(server);
  return server;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly exit: number;
}

/** Runs curl and takes its last answer apart; `100 Continue` is skipped. */
async function curl(...args: string[]): Promise<Answer> {
  const child = promisify(execFile)('curl', ['-sS', '-i', '--max-time', '20', ...args], {
    encoding: 'buffer',
    maxBuffer: 1 << 28,
  });
  const { stdout, exit } = await child.then(
    (done) => ({ stdout: done.stdout, exit: 0 }),
    (error: { stdout: Buffer; code: number }) => ({ stdout: error.stdout, exit: error.code }),
  );
  let rest = stdout;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    const lines = rest.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(lines[0]!.split(' ')[1]);
    rest = rest.subarray(end + 4);
    if (status === 100) continue;
    const headers = lines.slice(1).map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    return { status, headers: Object.fromEntries(headers), body: rest, exit };
  }
}

function at(server: OpenServer, path: string): string {
  return `${server.url}${path}${path.includes('?') ? '&' : '?'}sessionID=${SESSION}`;
}

function task(text = './a', more: Partial<FakeTask> = {}): FakeTask {
  const command = { kind: 'shell' as const, text };
  const results = [{ name: 'energy', file: 'stdout' }];
  return { timeoutMs: 0, command, inputs: [], results, ...more };
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(2);
}

test('the configuration is text, and names the program where a platform is given', async () => {
  const door = new FakeDoor();
  const worker = { name: 'ising', md5: 'd41d8cd98f00b204e9800998ecf8427e' };
  door.configuration = { deleteWorker: true, deleteClient: false, pingS: 30, worker };
  const server = await serve(door);
  const answer = await curl(at(server, '/config?platform=Linux+x86_64'));
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type']!, /^text\/plain/);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(
    answer.body.toString(),
    `DeleteWorker=Yes\nDeleteClient=No\nPing=30\nWorker=ising\nMD5=${worker.md5}\n`,
  );
  assert.equal(door.platform, 'linux-x64');
  await curl(at(server, '/config'));
  assert.equal(door.platform, null);
});

test('a ping is answered by its status alone', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door);
  await curl(at(server, '/task'));
  const goOn = await curl(at(server, '/ping?ticket=100'));
  const expired = await curl(at(server, '/ping?ticket=999'));
  assert.deepEqual([goOn.status, goOn.body.length], [204, 0]);
  assert.deepEqual([expired.status, expired.body.length], [205, 0]);
  assert.equal(expired.headers['content-length'], '0');
  assert.equal(expired.headers['content-type'], undefined);
});

test('a program is sent for its platform only', async () => {
  const door = new FakeDoor();
  const program = randomBytes(300_000);
  door.programs.set('ising', new Map([['linux-x64', program]]));
  const server = await serve(door);
  const got = await curl(at(server, '/worker?name=ising&platform=Linux%20x86_64'));
  assert.equal(got.status, 200);
  assert.ok(got.body.equals(program));
  assert.equal((await curl(at(server, '/worker?name=other&platform=linux-x64'))).status, 403);
  assert.equal((await curl(at(server, '/worker?name=ising&platform=linux-s390x'))).status, 415);
  assert.equal((await curl(at(server, '/worker?platform=linux-x64'))).status, 400);
});

test('a task is told byte for byte, with binary inputs, and results come back the same', async () => {
  const table = randomBytes(200_000);
  const inputs = [
    { file: 'model.ini', bytes: 3, content: Buffer.from('a=1') },
    {
      file: 'table.bin',
      bytes: table.length,
      content: async function* () {
        yield table.subarray(0, 1000);
        yield table.subarray(1000);
      },
    },
  ];
  const door = new FakeDoor([task('./ising', { timeoutMs: 600_000, inputs })]);
  const server = await serve(door);
  const told = await curl(at(server, '/task?worker=node17'));
  assert.equal(told.status, 200);
  assert.match(told.headers['content-type']!, /^text\/plain/);
  const head = 'Ticket=100\nTimeout=600\nCommandLine=./ising\n';
  const model = '[Input]\nFile=model.ini\nLength=3\n--begin content--\na=1\n--end content--\n';
  const before = '[Input]\nFile=table.bin\nLength=200000\n--begin content--\n';
  const after = '\n--end content--\n[Result]\nName=energy\nFile=stdout\n';
  assert.ok(
    told.body.equals(
      Buffer.concat([Buffer.from(head + model + before), table, Buffer.from(after)]),
    ),
  );
  assert.deepEqual(door.leases, [{ worker: 'node17', address: '127.0.0.1' }]);
  const result = randomBytes(500_000);
  const file = join(directory, 'complete');
  const open = `[Result]\nName=energy\nLength=${result.length}\n--begin content--\n`;
  await writeFile(
    file,
    Buffer.concat([Buffer.from(open), result, Buffer.from('\n--end content--\n')]),
  );
  const complete = ['--data-binary', `@${file}`, at(server, '/complete?ticket=100')];
  const taken = await curl(...complete);
  assert.deepEqual([taken.status, taken.body.toString()], [200, 'taken\n']);
  assert.ok(door.done.get(0)!.energy!.equals(result));
  const again = await curl(...complete);
  assert.deepEqual([again.status, again.body.toString()], [200, 'duplicate\n']);
});

test('results may come as a form, with or without file names', async () => {
  const door = new FakeDoor([task('./a', { results: [{ name: 'a', file: 'out' }] }), task()]);
  const server = await serve(door);
  await curl(at(server, '/task'));
  const file = join(directory, 'form');
  const content = randomBytes(100_000);
  await writeFile(file, content);
  const url = at(server, '/complete?ticket=100');
  const taken = await curl('-F', `a=@${file}`, '-F', 'b=plain text', url);
  assert.equal(taken.status, 200, taken.body.toString());
  const results = door.done.get(0)!;
  assert.ok(results.a!.equals(content));
  assert.equal(results.b!.toString(), 'plain text');
});

test('the session may come in the Authorization header', async () => {
  const server = await serve(new FakeDoor());
  const url = `${server.url}/config`;
  const header = `Authorization: Bearer ${SESSION}`;
  assert.equal((await curl('-H', header, url)).status, 200);
  assert.equal((await curl('-H', `${header}x`, url)).status, 403);
});

test('nothing is said, leased or taken without the session', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door, { limit: { wrong: () => 0 } as never });
  for (const path of ['/config', '/ping', '/worker', '/task', '/failed', '/nothing']) {
    for (const session of ['', '?sessionID=', '?sessionID=wrong', '?sessionID=a&sessionID=b']) {
      const answer = await curl(`${server.url}${path}${session}`);
      assert.equal(answer.status, path === '/nothing' ? 404 : 403, path + session);
    }
  }
  const posted = await curl('-d', 'x', `${server.url}/complete?ticket=100&sessionID=wrong`);
  assert.equal(posted.status, 403);
  assert.match(posted.headers['content-type']!, /^text\/plain/);
  assert.deepEqual(door.leases, []);
});

test('a storm of wrong sessions is told to wait; the right one still passes', async () => {
  const server = await serve(new FakeDoor());
  const wrong = () => curl(`${server.url}/task?sessionID=guess`);
  const statuses = [];
  for (let n = 0; n < 7; n++) statuses.push((await wrong()).status);
  assert.deepEqual(statuses, [403, 403, 403, 403, 403, 429, 429]);
  assert.equal((await wrong()).headers['retry-after'], '2');
  assert.equal((await curl(at(server, '/config'))).status, 200);
  server.clock.advance(2000);
  assert.equal((await wrong()).status, 403);
  assert.equal((await wrong()).status, 429);
});

test('without a task the answer says whether one may come back', async () => {
  const door = new FakeDoor([task()]);
  door.retryAfterS = 6.2;
  const server = await serve(door);
  await curl(at(server, '/task'));
  const running = await curl(at(server, '/task'));
  assert.deepEqual([running.status, running.headers['retry-after']], [503, '7']);
  assert.equal((await curl(at(server, '/failed?ticket=100&reason=exit-code%203'))).status, 200);
  const finished = await curl(at(server, '/task'));
  assert.deepEqual([finished.status, finished.headers['retry-after']], [503, undefined]);
  assert.equal(door.failed.get(0)!.exitCode, 3);
});

test('parameters are read strictly, and the answer says in one line what is wrong', async () => {
  const server = await serve(new FakeDoor());
  for (const ticket of ['', '?ticket=', '?ticket=abc', '?ticket=1e3', '?ticket=-1', '?ticket=01']) {
    for (const path of ['/ping', '/failed']) {
      const answer = await curl(at(server, `${path}${ticket}`));
      assert.equal(answer.status, 400, path + ticket);
      assert.match(answer.body.toString(), /^ticket= is .*, expected the number after Ticket=\n$/);
    }
  }
  assert.equal((await curl(at(server, '/ping?ticket=1&ticket=2'))).status, 400);
  assert.equal((await curl(at(server, `/ping?ticket=${'9'.repeat(17)}`))).status, 400);
  assert.equal((await curl(at(server, `/task?worker=${'x'.repeat(300)}`))).status, 400);
});

test('another method is refused and leases nothing', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door);
  for (const [method, path, allow] of [
    ['POST', '/task', 'GET'],
    ['PUT', '/task', 'GET'],
    ['DELETE', '/ping', 'GET'],
    ['OPTIONS', '/worker', 'GET'],
    ['GET', '/complete', 'POST'],
    ['PUT', '/complete', 'POST'],
  ] as const) {
    const answer = await curl('-X', method, at(server, path));
    assert.deepEqual([answer.status, answer.headers.allow], [405, allow], `${method} ${path}`);
  }
  assert.equal((await curl('-I', at(server, '/task'))).status, 405);
  assert.deepEqual(door.leases, []);
});

test('a malformed body is refused with where and why, and the task goes on', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door);
  await curl(at(server, '/task'));
  const url = at(server, '/complete?ticket=100');
  for (const [body, reason] of [
    ['', /expected \[Result\], found the end of the text/],
    ['energy=5', /expected \[Result\]/],
    ['[Result]\nName=a\n--begin content--\nx', /expected --end content--/],
  ] as const) {
    const answer = await curl('--data-binary', body, url);
    assert.equal(answer.status, 400);
    assert.match(answer.body.toString(), reason);
    assert.equal(answer.body.toString().split('\n').length, 2, 'one line');
  }
  const form = await curl('-H', 'Content-Type: multipart/form-data', '-d', 'x', url);
  assert.equal(form.status, 400);
  assert.deepEqual(door.runningTickets, [100]);
});

test('what is too large is refused at once, announced or not, and curl hears it', async () => {
  const door = new FakeDoor([task()]);
  const limits = { ...COMPLETION_LIMITS, contentBytes: 100_000, totalBytes: 1_000_000 };
  const server = await serve(door, { limits });
  const url = at(server, '/complete?ticket=100');
  const file = join(directory, 'large');
  const open = '[Result]\nName=a\n--begin content--\n';
  await writeFile(file, Buffer.concat([Buffer.from(open), Buffer.alloc(30_000_000, 'x')]));
  for (const args of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect:']]) {
    const answer = await curl(...args, '--data-binary', `@${file}`, url);
    assert.equal(answer.status, 413, args.join(' '));
    assert.match(answer.body.toString(), /100.*KiB|more than/);
  }
  const line = join(directory, 'line');
  await writeFile(line, `[Result]\nName=${'a'.repeat(900_000)}`);
  assert.equal((await curl('--data-binary', `@${line}`, url)).status, 413);
  assert.equal((await curl('-F', `a=@${file}`, url)).status, 413);
  const refused = await curl(
    '--data-binary',
    `@${file}`,
    `${server.url}/complete?ticket=1&sessionID=no`,
  );
  assert.equal(refused.status, 403, 'a wrong session with a large body hears so too');
});

/** A connection that says what it is told and gathers what it hears. */
function talk(server: OpenServer, text: string): { socket: Socket; heard: () => string } {
  const socket = connect(server.port, '127.0.0.1');
  let heard = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1');
  });
  socket.write(text);
  return { socket, heard: () => heard };
}

const POST = `POST /complete?ticket=100&sessionID=${SESSION} HTTP/1.1\r\nHost: a\r\n`;
const PACE = { idleMs: 100, graceMs: 200, bytesPerSecond: 1000 };

test('half a body and then silence is given up with 408, and the connection is closed', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door, { pace: PACE });
  await curl(at(server, '/task'));
  const { socket, heard } = talk(server, `${POST}Content-Length: 1000\r\n\r\n[Result]\nName=a\n`);
  // The rest of what was announced is not waited for longer than the drain allows.
  socket.on('data', () => socket.end());
  await once(socket, 'close');
  assert.match(heard(), /^HTTP\/1\.1 408 /);
  assert.match(heard(), /content-type: text\/plain/i);
  assert.match(heard(), /the body came too slowly/);
  assert.deepEqual(door.runningTickets, [100]);
});

test('a body that drips is given up, however patiently it drips', async () => {
  const server = await serve(new FakeDoor(), { pace: PACE });
  const { socket, heard } = talk(server, `${POST}Content-Length: 100000\r\n\r\n`);
  const drip = setInterval(() => socket.write('x'), 20);
  await until(() => heard() !== '');
  clearInterval(drip);
  assert.match(heard(), /^HTTP\/1\.1 408 /);
  socket.destroy();
  await once(socket, 'close');
});

test('a body that breaks off changes nothing and leaves nothing', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door);
  await curl(at(server, '/task'));
  const half = `[Result]\nName=a\n--begin content--\n${'x'.repeat(200_000)}`;
  for (const form of [
    `${POST}Content-Length: 900000\r\n\r\n${half}`,
    `${POST}Transfer-Encoding: chunked\r\n\r\n${half.length.toString(16)}\r\n${half}\r\n`,
  ]) {
    const { socket } = talk(server, form);
    await until(() => server.log.some((line) => line.includes('incoming')));
    await until(() => socket.bytesWritten >= form.length);
    socket.resetAndDestroy();
  }
  const complete = [
    '--data-binary',
    '[Result]\nName=energy\n--begin content--\n1\n--end content--',
  ];
  assert.equal((await curl(...complete, at(server, '/complete?ticket=100'))).status, 200);
  assert.deepEqual(Object.keys(door.done.get(0)!), ['energy']);
  await until(() => server.log.filter((line) => line.includes('incoming')).length >= 3);
});

test('more bytes than announced are no part of the body, and the connection ends with 400', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door);
  await curl(at(server, '/task'));
  const body = '[Result]\nName=a\n--begin content--\nx\n--end content--\n';
  const length = `Content-Length: ${body.length}\r\n\r\n`;
  const { socket, heard } = talk(server, `${POST}${length}${body}and more\r\n\r\n`);
  await once(socket, 'close');
  assert.match(heard(), /HTTP\/1\.1 400/);
  // Whether the first answer was heard or not, asking again is safe and says what was taken.
  const again = await curl('--data-binary', body, at(server, '/complete?ticket=100'));
  assert.equal(again.status, 200);
  assert.equal(door.done.get(0)!.a!.toString(), 'x');
});

test('a client that goes away before it has its task gives it back', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door);
  const leasing = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  door.beforeLease = async () => {
    leasing.resolve();
    await gone.promise;
  };
  const text = `GET /task?sessionID=${SESSION} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const { socket } = talk(server, text);
  await leasing.promise;
  socket.resetAndDestroy();
  await until(async () => (await server.connections()) === 0);
  gone.resolve();
  await until(() => door.returned.length > 0);
  assert.deepEqual(door.returned, [100]);
  assert.deepEqual(door.runningTickets, []);
});

test('an input that cannot be read breaks the answer off, and the task goes back', async () => {
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.alloc(10);
    throw new Error('disk on fire');
  };
  const inputs = [{ file: 'a', bytes: 1000, content: broken }];
  const door = new FakeDoor([task('./a', { inputs })]);
  const server = await serve(door);
  const answer = await curl(at(server, '/task'));
  assert.notEqual(answer.exit, 0, 'curl sees that the answer is not whole');
  await until(() => door.returned.length > 0);
  assert.deepEqual(door.returned, [100]);
});

test('a task that cannot be told fails with the reason instead of being told wrongly', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door);
  const lease = door.lease.bind(door);
  door.lease = async (worker, address) => {
    const leased = await lease(worker, address);
    return 'none' in leased ? leased : { ...leased, commandLine: 'a\nb' };
  };
  const answer = await curl(at(server, '/task'));
  assert.equal(answer.status, 500);
  assert.equal(door.failed.get(0)!.cause, 'stage-in');
  assert.match(door.failed.get(0)!.reason, /the command holds a line break/);
});

test('a fault of the server is told without its inside, and logged with it', async () => {
  const door = new FakeDoor();
  door.config = async () => {
    throw new Error('SQLITE_CORRUPT in /var/lib');
  };
  const server = await serve(door);
  const answer = await curl(at(server, '/config'));
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body.toString(), /SQLITE|\/var/);
  assert.ok(server.log.some((line) => line.includes('SQLITE_CORRUPT')));
});

test('results that cannot be kept are refused as a fault of the server', async () => {
  const door = new FakeDoor([task()]);
  const server = await serve(door, { spoolDirectory: join(directory, 'none') });
  const big = join(directory, 'big');
  await writeFile(big, `[Result]\nName=a\n--begin content--\n${'x'.repeat(100_000)}`);
  const answer = await curl('--data-binary', `@${big}`, at(server, '/complete?ticket=100'));
  assert.equal(answer.status, 500);
});

test('the log never holds a session, however it was given', async () => {
  const server = await serve(new FakeDoor());
  await curl(at(server, '/config'));
  await curl(`${server.url}/config?session%49D=${SESSION}`);
  await curl(`${server.url}/config?x#sessionID=${SESSION}`);
  await curl('-H', `Authorization: Bearer ${SESSION}`, `${server.url}/complete`);
  await curl('-d', 'x', at(server, '/complete?ticket=x'));
  assert.ok(server.log.some((line) => line.includes('/config')));
  assert.ok(!server.log.join('').includes(SESSION));
});
