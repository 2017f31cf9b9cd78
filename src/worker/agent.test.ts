import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { ServerClient } from '#wire';
import { BlackHole } from './testing/black-hole.ts';
import { openField, until } from './testing/field.ts';
import { FieldServer, jobOf, rowsOf, SESSION, textOf } from './testing/field-server.ts';

test('every task of a job runs once and its output comes back', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf('echo "value $x"'), rowsOf(50));
  field.start();
  await server.until(() => server.ended.size === 50);
  const texts = server.ends().map((end) => textOf(end, 'out'));
  assert.deepEqual(new Set(texts), new Set(rowsOf(50).map(([x]) => `value ${x}\n`)));
  assert.ok(server.ends().every(({ cause }) => cause === 'ok'));
  assert.equal(server.ignored, 0);
});

test('tiny tasks are asked for ahead, so that syncs are fewer by far than tasks', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/true'], { results: [] }), rowsOf(400));
  field.start();
  await server.until(() => server.ended.size === 400);
  assert.ok(server.syncs.length < 100, `${server.syncs.length} syncs`);
  assert.equal(server.ignored, 0);
});

test('long tasks are not asked for ahead', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/sleep', '1000']), rowsOf(10));
  field.start();
  await server.until(() => server.current.size === 2 && server.syncs.length > 1);
  assert.equal(server.syncs.at(-1)?.freeSlots, 0);
  assert.equal(server.granted, 2);
});

test('nothing runs twice when answers are lost after the server worked them off', async () => {
  await using field = await openField();
  const { server } = field;
  const log = join(field.dir, 'runs');
  let count = 0;
  server.beforeAnswer = (sync) => (sync.ended.length > 0 && count++ % 2 === 0 ? 'close' : 'answer');
  server.addTasks(jobOf(`echo $x >> '${log}'`), rowsOf(60));
  field.start();
  await server.until(() => server.ended.size === 60);
  const runs = readFileSync(log, 'utf8').trim().split('\n');
  assert.deepEqual(
    runs.map(Number).sort((a, b) => a - b),
    rowsOf(60).map(([x]) => Number(x)),
  );
  assert.ok(count >= 2, 'an answer was lost');
});

test('a ticket that is granted again while it is held does not run again', async () => {
  await using field = await openField();
  const { server } = field;
  const log = join(field.dir, 'runs');
  server.repeatsGrants = true;
  server.addTasks(jobOf(`echo $x >> '${log}'; sleep 0.05`), rowsOf(20));
  field.start();
  await server.until(() => server.ended.size === 20);
  assert.equal(readFileSync(log, 'utf8').trim().split('\n').length, 20);
});

test('an end does not wait for the answer to a long poll', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/sleep', '0.5']), rowsOf(1));
  const beganMs = performance.now();
  field.start();
  await server.until(() => server.ended.size === 1);
  assert.ok(performance.now() - beganMs < 9000, 'a poll takes ten seconds');
});

test('a grant whose answer was lost goes back because it is not held', async () => {
  await using field = await openField();
  const { server } = field;
  let lost = 0;
  server.beforeAnswer = () => (server.granted > 0 && lost++ === 0 ? 'close' : 'answer');
  server.addTasks(jobOf('echo $x'), rowsOf(3));
  field.start();
  await server.until(() => server.ended.size === 3);
  assert.equal(lost > 0, true);
  assert.ok(server.granted > 3);
  assert.equal(server.ignored, 0);
});

test('an end is repeated until an answered sync has carried it', async () => {
  await using field = await openField();
  const { server } = field;
  let refusing = false;
  server.refuse = (path) => (refusing && path === '/sync' ? 503 : 0);
  server.addTasks(jobOf(['/bin/sleep', '0.3']), rowsOf(2));
  field.start();
  await server.until(() => server.current.size === 2);
  refusing = true;
  let refused = 0;
  server.refuse = (path) => (path === '/sync' && refused++ < 4 ? 503 : 0);
  await server.until(() => server.ended.size === 2);
  assert.ok(refused >= 4);
  assert.equal(server.granted, 2);
});

test('programs go on while the server is gone, and a server on another port gets their ends', async () => {
  await using field = await openField();
  const { server: first } = field;
  const second = new FieldServer();
  let server = first;
  const go = join(field.dir, 'go');
  first.addTasks(jobOf(`until [ -e '${go}' ]; do sleep 0.02; done; echo done $x`), rowsOf(2));
  field.start({ endpoint: async () => ({ url: server.url, session: SESSION }) });
  await first.until(() => first.current.size === 2);
  await first.close();
  for (const [ticket, current] of first.current) second.current.set(ticket, current);
  writeFileSync(go, '');
  await until(() => existsSync(go));
  await second.listen();
  server = second;
  await second.until(() => second.ended.size === 2);
  await second.close();
  assert.deepEqual(
    new Set(second.ends().map((end) => textOf(end, 'out'))),
    new Set(['done 0\n', 'done 1\n']),
  );
});

test('a cancelled attempt loses its whole process tree and reports the cause', async () => {
  await using field = await openField();
  const { server } = field;
  const pids = join(field.dir, 'pids');
  server.addTasks(
    jobOf(`trap '' TERM; sleep 1000 & echo $! > '${pids}'; wait; sleep 1000`, {
      killGraceMs: 100,
    }),
    rowsOf(1),
  );
  field.start();
  await until(() => existsSync(pids) && readFileSync(pids, 'utf8').endsWith('\n'));
  server.cancels = [{ ticket: [...server.current.keys()][0]!, cause: 'cancelled' }];
  server.change();
  await server.until(() => server.ended.size === 1);
  assert.equal(server.ends()[0]?.cause, 'cancelled');
  const pid = Number(readFileSync(pids, 'utf8'));
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('a ticket that the server does not know any more is superseded', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/sleep', '1000'], { id: 1 }), rowsOf(1));
  field.start({ slots: 1 });
  await server.until(() => server.current.size === 1);
  server.current.clear();
  server.addTasks(jobOf('echo next', { id: 2 }), rowsOf(1));
  server.cancels = [{ ticket: 1, cause: 'superseded' }];
  server.change();
  await server.until(() => server.ended.size === 1);
  assert.equal(textOf(server.ends()[0]!, 'out'), 'next\n');
});

test('draining finishes what runs, gives back what waits, then ends', async () => {
  await using field = await openField();
  const { server } = field;
  const go = join(field.dir, 'go');
  const quick = jobOf(['/bin/true'], { id: 1, results: [] });
  const slow = jobOf(`until [ -e '${go}' ]; do sleep 0.02; done`, { id: 2 });
  server.addTasks(quick, rowsOf(200));
  server.addTasks(slow, rowsOf(40));
  const { agent, ended } = field.start();
  await server.until(() => server.ended.size === 200 && server.current.size > 2);
  agent.drain();
  await server.until(() => server.syncs.at(-1)?.draining === true && server.current.size === 2);
  writeFileSync(go, '');
  await ended;
  assert.equal(server.ended.size, 202);
  assert.equal(server.waiting.length, 38);
  assert.deepEqual(field.leftovers(), []);
});

test('the server can drain a worker, and one with nothing to do ends at once', async () => {
  await using field = await openField();
  const { ended } = field.start();
  await field.server.until(() => field.server.syncs.length > 0);
  field.server.settings = { ...field.server.settings, drain: true };
  field.server.change();
  await ended;
});

test('a stopped worker kills what runs, says so, and leaves nothing behind', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf('echo begun; sleep 1000'), rowsOf(2));
  const { agent, ended } = field.start();
  await server.until(() => server.syncs.at(-1)?.holding.length === 2);
  agent.stop();
  await ended;
  assert.deepEqual(
    server.ends().map(({ cause }) => cause),
    ['cancelled', 'cancelled'],
  );
  assert.deepEqual(field.leftovers(), []);
});

test('a worker can be stopped while there is no server', async () => {
  await using field = await openField();
  field.server.addTasks(jobOf(['/bin/sleep', '1000']), rowsOf(2));
  const { agent, ended } = field.start();
  await field.server.until(() => field.server.syncs.at(-1)?.holding.length === 2);
  await field.server.close();
  agent.stop();
  await ended;
  assert.deepEqual(field.leftovers(), []);
});

test('without a server a worker with nothing to do gives up after its time', async () => {
  await using field = await openField();
  const connected: string[] = [];
  const { ended } = field.start({ giveUpMs: 300, onConnected: (id) => void connected.push(id) });
  await field.server.until(() => field.server.syncs.length > 1);
  await field.server.close();
  await assert.rejects(ended, { code: 'WORKER_SERVER_GONE' });
  assert.deepEqual(connected, [field.server.syncs[0]!.worker]);
});

test('a worker with something to deliver waits far longer for a server that is gone', async () => {
  await using field = await openField();
  const { server: first } = field;
  const second = new FieldServer();
  let server = first;
  const go = join(field.dir, 'go');
  first.addTasks(jobOf(`until [ -e '${go}' ]; do sleep 0.02; done; echo kept`), rowsOf(1));
  const clock = new ManualClock();
  /** How many ends each sync was to carry. */
  const carried: number[] = [];
  const { ended } = field.start({
    endpoint: async () => ({ url: server.url, session: SESSION }),
    connect: (endpoint) => {
      const link = new ServerClient(endpoint);
      const sync = link.sync.bind(link);
      link.sync = (request, options) => {
        carried.push(request.ended.length);
        return sync(request, options);
      };
      return link;
    },
    clock,
    giveUpMs: 300_000,
    deliverMs: 86_400_000,
  });
  await first.until(() => first.current.size === 1);
  await first.close();
  writeFileSync(go, '');
  await until(() => carried.at(-1) === 1);
  clock.advance(86_000_000);
  const tries = carried.length;
  await until(() => carried.length > tries + 1);
  for (const [ticket, current] of first.current) second.current.set(ticket, current);
  await second.listen();
  server = second;
  await Promise.race([ended, second.until(() => second.ended.size === 1)]);
  assert.equal(textOf(second.ends()[0]!, 'out'), 'kept\n');
  await second.close();
});

test('what no server has taken in its time is given up', async () => {
  await using field = await openField();
  const { server } = field;
  const go = join(field.dir, 'go');
  server.addTasks(jobOf(`until [ -e '${go}' ]; do sleep 0.02; done`), rowsOf(1));
  const { ended } = field.start({ giveUpMs: 1, deliverMs: 1500 });
  await server.until(() => server.current.size === 1);
  await server.close();
  writeFileSync(go, '');
  await assert.rejects(ended, { code: 'WORKER_SERVER_GONE' });
  assert.deepEqual(field.leftovers(), []);
});

test('a server that never answers is given up sooner than one that did', async () => {
  await using field = await openField();
  await field.server.close();
  const { ended } = field.start({ firstContactMs: 300 });
  await assert.rejects(ended, { code: 'WORKER_SERVER_GONE' });
});

test('a wrong session ends the worker and kills what runs', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/sleep', '1000']), rowsOf(2));
  const { ended } = field.start();
  await server.until(() => server.current.size === 2);
  server.refuse = () => 403;
  server.cancels = [{ ticket: 1, cause: 'cancelled' }];
  server.change();
  await assert.rejects(ended, { code: 'WORKER_SESSION_REFUSED' });
  assert.deepEqual(field.leftovers(), []);
});

test('a server of another protocol ends the worker', async () => {
  await using field = await openField();
  field.server.protocol = 99;
  field.server.addTasks(jobOf(['/bin/true']), rowsOf(1));
  const { ended } = field.start();
  await assert.rejects(ended, { code: 'PROTOCOL_MISMATCH' });
});

test('a job of more CPUs takes more slots, and small ones share one', async () => {
  await using field = await openField();
  const { server } = field;
  const go = join(field.dir, 'go');
  const wait = `until [ -e '${go}' ]; do sleep 0.02; done`;
  const request = { cpus: 3, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };
  server.addTasks(jobOf(wait, { id: 1, request }), rowsOf(1));
  field.start({ slots: 4 });
  await server.until(() => server.syncs.some(({ holding }) => holding.length === 1));
  assert.equal(server.syncs.at(-1)?.freeSlots, 1);
  const small = { ...request, cpus: 0.5 };
  server.addTasks(jobOf(wait, { id: 2, request: small }), rowsOf(1));
  await server.until(() => server.syncs.some(({ holding }) => holding.length === 2));
  assert.equal(server.syncs.at(-1)?.freeSlots, 0);
  writeFileSync(go, '');
  await server.until(() => server.ended.size === 2);
});

test('the server may change the number of slots', async () => {
  await using field = await openField();
  const { server } = field;
  server.settings = { ...server.settings, slots: 3 };
  server.addTasks(jobOf(['/bin/sleep', '1000']), rowsOf(5));
  field.start({ slots: 1 });
  await server.until(() => server.current.size === 3 && server.syncs.at(-1)?.slots === 3);
});

test('a dead predecessor is named until the server has answered', async () => {
  await using field = await openField();
  const { server } = field;
  let refused = 0;
  server.beforeAnswer = () => (refused++ === 0 ? 'close' : 'answer');
  server.addTasks(jobOf(['/bin/true']), rowsOf(2));
  field.start({}, 'the-dead-one');
  await server.until(() => server.ended.size === 2);
  const named = server.syncs.map(({ replaces }) => replaces);
  assert.deepEqual(named.slice(0, 2), ['the-dead-one', 'the-dead-one']);
  assert.ok(named.slice(2).every((name) => name === null));
});

test('a server that answers polls at once is not asked without pause', async () => {
  await using field = await openField();
  const { server } = field;
  server.addTasks(jobOf(['/bin/sleep', '1.5']), rowsOf(2));
  field.start();
  await server.until(() => server.syncs.at(-1)?.holding.length === 2);
  server.settings = { ...server.settings, drain: true };
  server.change();
  const before = server.syncs.length;
  await server.until(() => server.ended.size === 2);
  assert.ok(server.syncs.length - before < 20, `${server.syncs.length - before} syncs`);
});

test('a cancellation that is repeated with every answer does not prolong the grace', async () => {
  await using field = await openField();
  const { server } = field;
  const [on, told] = [join(field.dir, 'on'), join(field.dir, 'told')];
  server.addTasks(
    jobOf(`trap 'echo TERM >> ${told}' TERM; : > ${on}; while :; do sleep 0.05; done`, {
      killGraceMs: 1000,
    }),
    rowsOf(1),
  );
  field.start();
  await server.until(() => existsSync(on));
  const [ticket] = server.current.keys();
  server.repeatsCancels = true;
  server.cancels = [{ ticket: ticket!, cause: 'cancelled' }];
  const beganMs = performance.now();
  server.change();
  await server.until(() => server.ended.size === 1);
  assert.ok(performance.now() - beganMs < 9000);
  assert.equal(readFileSync(told, 'utf8'), 'TERM\n');
});

test('an end that the server refuses is told without its parts, and holds up no other', async () => {
  await using field = await openField();
  const { server } = field;
  server.refuseSync = (sync) => sync.ended.some((end) => textOf(end, 'out') === 'poison 5\n');
  server.addTasks(jobOf('echo poison $x'), rowsOf(12));
  field.start();
  await server.until(() => server.ended.size === 12);
  const causes = server.ends().map(({ cause }) => cause);
  assert.equal(causes.filter((cause) => cause === 'ok').length, 11);
  assert.equal(causes.filter((cause) => cause === 'stage-out').length, 1);
});

test('an answer that the worker slept through is not acted upon', async () => {
  await using field = await openField();
  const { server } = field;
  let sleptMs = 0;
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + sleptMs };
  const log = join(field.dir, 'runs');
  field.start({ clock });
  await server.until(() => server.syncs.at(-1)?.waitMs !== 0 && server.syncs.length > 1);
  // While it slept the server gave the poll something, waited for a lease, and gave it to others.
  sleptMs = 60_000;
  server.addTasks(jobOf(`echo $x >> '${log}'`), rowsOf(1));
  await server.until(() => server.ended.size === 1);
  assert.equal(readFileSync(log, 'utf8'), '0\n');
  assert.equal(server.granted, 2);
  assert.equal(server.ends()[0]!.ticket, 2);
});

test('a cut cable is noticed when it is mended, not when the poll should have been answered', async () => {
  await using field = await openField();
  const { server } = field;
  server.settings = { ...server.settings, leaseMs: 2000 };
  const hole = await BlackHole.open(Number(new URL(server.url).port));
  try {
    const url = hole.url;
    field.start({ endpoint: async () => ({ url, session: SESSION }) });
    await server.until(() => server.renewedAtMs.length > 0 && server.syncs.length > 0);
    hole.cut();
    // What had got through by then may be on its way to the server.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const renewals = server.renewedAtMs.length;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(server.renewedAtMs.length, renewals);
    const polls = server.syncs.length;
    hole.heal();
    await server.until(() => server.syncs.length > polls);
    server.addTasks(jobOf('echo $x'), rowsOf(1));
    await server.until(() => server.ended.size === 1);
  } finally {
    hole.close();
  }
});

test('a worker tells how far away the server is, and how loaded its machine', async () => {
  await using field = await openField();
  const { server } = field;
  server.settings = { ...server.settings, leaseMs: 1000 };
  server.addTasks(jobOf(['/bin/sleep', '0.2']), rowsOf(20));
  field.start({ awayMs: 5000 });
  await server.until(() => server.syncs.at(-1)?.machine.roundTripMs != null);
  const { machine, awayMs, remainingMs } = server.syncs.at(-1)!;
  assert.ok(machine.roundTripMs! > 0 && machine.roundTripMs! < 20_000, `${machine.roundTripMs}`);
  assert.ok(machine.cpus >= 1 && machine.memoryFreeBytes > 0 && machine.loadAverage >= 0);
  assert.deepEqual([awayMs, remainingMs], [5000, null]);
});

test('at the end of its time a worker gives back what runs, says why, and ends', async () => {
  await using field = await openField();
  const { server } = field;
  const endMs = performance.now() + 3000;
  const pids = join(field.dir, 'pids');
  server.addTasks(jobOf(`echo $$$$ >> '${pids}'; sleep 1000`), rowsOf(3));
  const { ended } = field.start({ remainingMs: () => endMs - performance.now() });
  await ended;
  assert.ok(performance.now() >= endMs);
  assert.deepEqual(
    server.ends().map(({ cause, reason }) => [cause, reason]),
    Array(2).fill(['cancelled', 'The time of its worker was over.']),
  );
  for (const pid of readFileSync(pids, 'utf8').trim().split('\n')) {
    assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
  }
  const told = server.syncs.map(({ remainingMs }) => remainingMs!);
  assert.ok(told[0]! > 0 && told[0]! <= 3000 && told.at(-1) === 0, `${told}`);
  assert.deepEqual(field.leftovers(), []);
});

test('what says that it takes longer than is left is not begun, and goes back at once', async () => {
  await using field = await openField();
  const { server } = field;
  const request = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 60_000 };
  server.addTasks(jobOf('echo long', { id: 1, request }), rowsOf(1));
  server.addTasks(jobOf('echo short', { id: 2 }), rowsOf(1));
  const { agent, ended } = field.start({ remainingMs: () => 30_000 });
  await server.until(() => server.ended.size === 1 && server.granted > 2);
  assert.equal(textOf(server.ends()[0]!, 'out'), 'short\n');
  agent.stop();
  await ended;
});
