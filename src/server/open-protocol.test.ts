import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { at, curl, makeBench, task, until } from './open/testing/bench.ts';
import { FakeDoor, SESSION } from './open/testing/fake-door.ts';

const bench = makeBench();

test('the configuration is text, and names the program where a platform is given', async () => {
  const door = new FakeDoor();
  const worker = { name: 'ising', md5: 'd41d8cd98f00b204e9800998ecf8427e' };
  door.configuration = { deleteWorker: true, deleteClient: false, pingS: 30, worker };
  const server = await bench.serve(door);
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
  const server = await bench.serve(door);
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
  const server = await bench.serve(door);
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
  const server = await bench.serve(door);
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
  const file = join(bench.directory, 'complete');
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
  const server = await bench.serve(door);
  await curl(at(server, '/task'));
  const file = join(bench.directory, 'form');
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
  const server = await bench.serve(new FakeDoor());
  const url = `${server.url}/config`;
  const header = `Authorization: Bearer ${SESSION}`;
  assert.equal((await curl('-H', header, url)).status, 200);
  assert.equal((await curl('-H', `${header}x`, url)).status, 403);
});

test('nothing is said, leased or taken without the session', async () => {
  const door = new FakeDoor([task()]);
  const server = await bench.serve(door, { limit: { wrong: () => 0 } as never });
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
  const server = await bench.serve(new FakeDoor());
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
  const server = await bench.serve(door);
  await curl(at(server, '/task'));
  const running = await curl(at(server, '/task'));
  assert.deepEqual([running.status, running.headers['retry-after']], [503, '7']);
  assert.equal((await curl(at(server, '/failed?ticket=100&reason=exit-code%203'))).status, 200);
  const finished = await curl(at(server, '/task'));
  assert.deepEqual([finished.status, finished.headers['retry-after']], [503, undefined]);
  assert.equal(door.failed.get(0)!.exitCode, 3);
});

test('parameters are read strictly, and the answer says in one line what is wrong', async () => {
  const server = await bench.serve(new FakeDoor());
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
  const server = await bench.serve(door);
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
  const server = await bench.serve(door);
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

test('an input that cannot be read breaks the answer off, and the task goes back', async () => {
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.alloc(10);
    throw new Error('disk on fire');
  };
  const inputs = [{ file: 'a', bytes: 1000, content: broken }];
  const door = new FakeDoor([task('./a', { inputs })]);
  const server = await bench.serve(door);
  const answer = await curl(at(server, '/task'));
  assert.notEqual(answer.exit, 0, 'curl sees that the answer is not whole');
  await until(() => door.returned.length > 0);
  assert.deepEqual(door.returned, [100]);
  assert.ok(server.log.some((line) => line.includes('disk on fire')));
});

test('a task that cannot be told fails with the reason instead of being told wrongly', async () => {
  const door = new FakeDoor([task()]);
  const server = await bench.serve(door);
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
  const server = await bench.serve(door);
  const answer = await curl(at(server, '/config'));
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body.toString(), /SQLITE|\/var/);
  assert.ok(server.log.some((line) => line.includes('SQLITE_CORRUPT')));
});

test('results that cannot be kept are refused as a fault of the server', async () => {
  const door = new FakeDoor([task()]);
  const server = await bench.serve(door, { spoolDirectory: join(bench.directory, 'none') });
  const big = join(bench.directory, 'big');
  await writeFile(big, `[Result]\nName=a\n--begin content--\n${'x'.repeat(100_000)}`);
  const answer = await curl('--data-binary', `@${big}`, at(server, '/complete?ticket=100'));
  assert.equal(answer.status, 500);
});

test('the log never holds a session, however it was given', async () => {
  const server = await bench.serve(new FakeDoor());
  await curl(at(server, '/config'));
  await curl(`${server.url}/config?session%49D=${SESSION}`);
  await curl(`${server.url}/config?x#sessionID=${SESSION}`);
  await curl('-H', `Authorization: Bearer ${SESSION}`, `${server.url}/complete`);
  await curl('-d', 'x', at(server, '/complete?ticket=x'));
  assert.ok(server.log.some((line) => line.includes('/config')));
  assert.ok(!server.log.join('').includes(SESSION));
});
