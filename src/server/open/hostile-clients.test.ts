import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMPLETION_LIMITS } from '#wire';
import { at, curl, makeBench, task, until } from './testing/bench.ts';
import { FakeDoor, type OpenServer, SESSION } from './testing/fake-door.ts';

const bench = makeBench();

test('what is too large is refused at once, announced or not, and curl hears it', async () => {
  const door = new FakeDoor([task()]);
  const limits = { ...COMPLETION_LIMITS, contentBytes: 100_000, totalBytes: 1_000_000 };
  const server = await bench.serve(door, { limits });
  const url = at(server, '/complete?ticket=100');
  const file = join(bench.directory, 'large');
  const open = '[Result]\nName=a\n--begin content--\n';
  await writeFile(file, Buffer.concat([Buffer.from(open), Buffer.alloc(30_000_000, 'x')]));
  for (const args of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect:']]) {
    const answer = await curl(...args, '--data-binary', `@${file}`, url);
    assert.equal(answer.status, 413, args.join(' '));
    assert.match(answer.body.toString(), /100.*KiB|more than/);
  }
  const line = join(bench.directory, 'line');
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
test('a client that listens only when it has sent everything still hears the refusal', async () => {
  const server = await bench.serve(new FakeDoor());
  const bytes = 20_000_000;
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => {}).pause();
  socket.write(`${POST.replace(SESSION, 'wrong')}Content-Length: ${bytes}\r\n\r\n`);
  await new Promise((resolve) => socket.write(Buffer.alloc(bytes), resolve));
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk;
  });
  socket.resume();
  await once(socket, 'close');
  assert.match(heard, /^HTTP\/1\.1 403 /);
});

const PACE = { idleMs: 100, graceMs: 200, bytesPerSecond: 1000 };

test('half a body and then silence is given up with 408, and the connection is closed', async () => {
  const door = new FakeDoor([task()]);
  const server = await bench.serve(door, { pace: PACE });
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
  const server = await bench.serve(new FakeDoor(), { pace: PACE });
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
  const server = await bench.serve(door);
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
  const server = await bench.serve(door);
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
  const server = await bench.serve(door);
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
