import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pause } from '#base';
import type { Executable } from '../executables.ts';
import type { Machine } from '../node-file.ts';
import { crowdOf, type LocalSsh, localSsh, machine } from '../testing/local-ssh.ts';
import { executableOf, WORKER } from '../testing/stand-in-worker.ts';
import { execMachines, startMachines, stopMachines } from './machines.ts';

const SECRET = 'a-session-that-nobody-else-may-see';

/** Starts `executable`; whatever workers come of it end with the test. */
async function start(
  t: TestContext,
  ssh: LocalSsh,
  executable: Executable = executableOf(WORKER),
  machines?: readonly Machine[],
  contactMs = 60_000,
) {
  const crowd = crowdOf(ssh, machines);
  t.after(() => stopMachines(crowd, { mode: 'now' }, () => {}));
  const plan = {
    document: SECRET,
    sessionTag: 'tag',
    urlFor: (seen: string) => `http://${seen}:1`,
    executableFor: async () => executable,
    walls: 'bare' as const,
    contactMs,
  };
  return await startMachines(crowd, plan, () => {});
}

/** Pipes and files in which workers report. */
const reportsIn = (ssh: LocalSsh) =>
  readdirSync(join(usual(ssh), hostname())).filter((name) => name.startsWith('report'));

/** A directory with programs: name and what a shell does for it. */
function toolsOf(t: TestContext, scripts: Readonly<Record<string, string>>): string {
  const tools = join(localSsh(t).directory, 'tools');
  mkdirSync(tools);
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(tools, name), 0o755);
  }
  return tools;
}

/** One that nobody has waited for yet is dead all the same. */
function isAlive(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !readFileSync(stat, 'utf8').includes(') Z ');
}

const usual = (ssh: LocalSsh) => join(ssh.home, '.cache/windrow');
const bin = (ssh: LocalSsh) =>
  readdirSync(join(usual(ssh), 'bin')).filter((name) => !name.endsWith('.by-tag'));

test('a worker is put into place, started, and gets its session by stdin alone', async (t) => {
  const ssh = localSsh(t);
  const [result] = await start(t, ssh);
  assert.equal(result?.error, null);
  const { state, worker, placed, url, directory } = result.value!;
  assert.deepEqual([state, worker, placed, url], ['started', 'w1', 'copied', 'http://10.0.0.1:1']);
  assert.equal(directory, usual(ssh));
  assert.equal(readFileSync(join(ssh.home, 'session'), 'utf8'), `${SECRET}\n`);
  assert.equal(readFileSync(join(ssh.home, 'seen'), 'utf8').includes(SECRET), false);
  assert.match(
    readFileSync(join(ssh.home, 'argv'), 'utf8'),
    /worker --server http:\/\/10.0.0.1:1 /,
  );
  assert.match(bin(ssh).join(), /^windrow-1\.0\.0-linux-x64-[0-9a-f]{12}$/);
});

test('it has a session of its own, and nothing of the connection', async (t) => {
  const ssh = localSsh(t);
  const [result] = await start(t, ssh);
  const { pid } = result!.value!;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const [, , , session, terminal] = stat;
  assert.equal(Number(session), pid);
  assert.equal(Number(terminal), 0);
  assert.deepEqual(
    readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) > 2 && Number(fd) < 10),
    [],
  );
});

test('an executable that is there is not sent again, and a damaged one is', async (t) => {
  const ssh = localSsh(t);
  await start(t, ssh);
  await stopMachines(crowdOf(ssh), { mode: 'drain' }, () => {});
  const [second] = await start(t, ssh);
  assert.equal(second?.value?.placed, 'present');
  await stopMachines(crowdOf(ssh), { mode: 'drain' }, () => {});
  const file = join(usual(ssh), 'bin', bin(ssh)[0]!);
  writeFileSync(file, 'x'.repeat(readFileSync(file).length));
  const [third] = await start(t, ssh);
  assert.equal(third?.value?.placed, 'copied', 'of the right length, but of another content');
  await stopMachines(crowdOf(ssh), { mode: 'drain' }, () => {});
  writeFileSync(file, 'short');
  const [fourth] = await start(t, ssh);
  assert.equal(fourth?.value?.placed, 'copied');
});

test('machines with the same disk get one copy, also from two starts at once', async (t) => {
  const ssh = localSsh(t);
  const executable = executableOf(WORKER);
  let reads = 0;
  const counted: Executable = {
    ...executable,
    parcel: async (encodings) => {
      const parcel = await executable.parcel(encodings);
      const pieces = () => {
        reads++;
        return parcel.pieces();
      };
      return { ...parcel, pieces };
    },
  };
  // All are this machine, whose worker directory can be taken only by the stand-in that is first;
  // what counts here is what was sent.
  const machines = ['a', 'b', 'c'].map((host) => machine({ host, name: host }));
  const both = await Promise.all([
    start(t, ssh, counted, machines),
    start(t, ssh, counted, machines),
  ]);
  assert.deepEqual(
    both.flat().map(({ error }) => error?.message ?? null),
    Array.from({ length: 6 }, () => null),
  );
  assert.equal(reads, 1);
  assert.equal(bin(ssh).length, 1, 'no mark, lock or draft is left');
});

test('a copy that breaks off leaves nothing that is in the way', async (t) => {
  const ssh = localSsh(t);
  const executable = executableOf(WORKER);
  const broken: Executable = {
    ...executable,
    parcel: async () => ({
      encoding: 'identity',
      bytes: executable.bytes,
      async *pieces() {
        yield Buffer.from('#!/bin/sh\n');
        throw new Error('the disk here is broken');
      },
    }),
  };
  const [failed] = await start(t, ssh, broken);
  assert.match(failed!.error!.message, /the disk here is broken/);
  assert.deepEqual(bin(ssh), []);
  const [second] = await start(t, ssh, executable);
  assert.equal(second?.value?.placed, 'copied');
});

test('bytes that arrive changed never get the name', async (t) => {
  const ssh = localSsh(t);
  const executable = { ...executableOf(WORKER), sha256: 'f'.repeat(64) };
  const [result] = await start(t, ssh, executable);
  assert.equal(result?.error?.code, 'PILOT_COPY_DAMAGED');
  assert.deepEqual(bin(ssh), []);
});

test('the lock of a dead process is passed over at once, and of one that died breaking it', async (t) => {
  const ssh = localSsh(t);
  const executable = executableOf(WORKER);
  const lock = `bin/windrow-1.0.0-linux-x64-${executable.sha256.slice(0, 12)}.lock`;
  const dead = { host: hostname(), pid: 2 ** 22 + 1, realm: 'another boot', startTime: '1' };
  mkdirSync(join(usual(ssh), 'bin'), { recursive: true });
  for (const left of [lock, `${lock}.breaking`, `${lock}.breaking.breaking`]) {
    writeFileSync(join(usual(ssh), left), JSON.stringify(dead));
  }
  const [result] = await start(t, ssh, executable);
  assert.equal(result?.value?.placed, 'copied');
  assert.equal(bin(ssh).length, 1);
});

test('a worker that ends at once is told with its last words', async (t) => {
  const ssh = localSsh(t);
  const crashing = executableOf(
    '#!/bin/sh\necho first\necho "libc.so.6: version not found" >&2\nexit 9\n',
  );
  const [result] = await start(t, ssh, crashing);
  assert.equal(result?.error?.code, 'PILOT_WORKER_CRASHED');
  assert.match(result.error.message, /exit code 9/);
  assert.match(result.error.message, /first\n.*libc\.so\.6: version not found/);
  const [alien] = await start(
    t,
    ssh,
    executableOf(Buffer.from('\x7fELF\x02\x01\x01 no program', 'latin1')),
  );
  assert.equal(alien?.error?.code, 'PILOT_WORKER_CRASHED');
  assert.match(alien.error.message, /exit code 127\):\n.*not found/);
});

test('what the worker itself reports reaches the user as it is', async (t) => {
  const ssh = localSsh(t);
  const saying = (error: object) =>
    executableOf(`#!/bin/sh
while [ $# -gt 0 ]; do case $1 in --report) report=$2 ;; esac; shift; done
printf '%s\\n' '${JSON.stringify({ state: 'failed', error })}' >"$report"; exit 1
`);
  const refused = {
    code: 'WORKER_SESSION_REFUSED',
    message: 'no',
    todo: 'try',
    status: 403,
    facts: {},
  };
  const [one] = await start(t, ssh, saying(refused));
  assert.deepEqual([one?.error?.code, one?.error?.message], ['WORKER_SESSION_REFUSED', 'n1: no']);
  const gone = { code: 'WORKER_SERVER_GONE', message: 'gone', facts: { reason: 'ETIMEDOUT' } };
  const [two] = await start(t, ssh, saying(gone));
  assert.equal(two?.error?.code, 'PILOT_SERVER_OUT_OF_REACH');
  assert.match(two.error.message, /http:\/\/10\.0\.0\.1:1: ETIMEDOUT/);
  const busy = (session: string, server = 'http://10.0.0.1:1') => ({
    code: 'WORKER_DIRECTORY_BUSY',
    message: 'busy',
    facts: { session, server, worker: 'w7', pid: 7, directory: '/d' },
  });
  const [three] = await start(t, ssh, saying(busy('tag')));
  assert.deepEqual([three?.value?.state, three?.value?.pid], ['running', 7]);
  const [four] = await start(t, ssh, saying(busy('other')));
  assert.equal(four?.error?.code, 'PILOT_DIRECTORY_TAKEN');
  const [five] = await start(t, ssh, saying(busy('tag', 'http://10.0.0.1:2')));
  assert.equal(five?.error?.code, 'PILOT_WORKER_ELSEWHERE');
  assert.match(five.error.message, /looks for the server at http:\/\/10\.0\.0\.1:2, not at/);
  const told = busy('tag', 'http://10.0.0.1:2');
  const [six] = await start(t, ssh, saying({ ...told, facts: { ...told.facts, isTold: true } }));
  assert.deepEqual([six?.value?.state, six?.value?.pid], ['told', 7]);
});

test('a worker that tells nothing is given up after a while', { timeout: 60_000 }, async (t) => {
  const ssh = localSsh(t);
  const silent = executableOf('#!/bin/sh\nsleep 1\n');
  // 40 s are for loading.
  const [result] = await start(t, ssh, silent, undefined, -39_500);
  assert.equal(result?.error?.code, 'PILOT_WORKER_SILENT');
  assert.match(result.error.message, /has told nothing for 500 ms$/);
  while (reportsIn(ssh).length > 0) await pause(20, new AbortController().signal);
});

test('where a directory cannot hold pipes, workers report by a file', async (t) => {
  const tools = toolsOf(t, { mkfifo: 'exit 1', sleep: 'exec /bin/sleep 0.05' });
  const ssh = localSsh(t, '/bin/sh', `PATH=${tools}:$PATH`);
  const [result] = await start(t, ssh);
  assert.equal(result?.value?.worker, 'w1');
  const other = localSsh(t, '/bin/sh', `PATH=${tools}:$PATH`);
  const [crashed] = await start(t, other, executableOf('#!/bin/sh\nexit 9\n'));
  assert.match(crashed!.error!.message, /ended at once \(exit code 9\)/);
  assert.deepEqual([...reportsIn(ssh), ...reportsIn(other)], []);
});

test('where logind ends what a session leaves, the worker is started in a scope of the user', async (t) => {
  const tools = toolsOf(t, {
    busctl: 'echo "b true"',
    'systemd-run': 'echo "$*" >"$HOME/scope"; while [ "$1" != setsid ]; do shift; done; exec "$@"',
  });
  const ssh = localSsh(t, '/bin/sh', `PATH=${tools}:$PATH`);
  const [result] = await start(t, ssh);
  assert.equal(result?.value?.state, 'started');
  assert.match(
    readFileSync(join(ssh.home, 'scope'), 'utf8'),
    /^--user --scope .* setsid \.\/bin\//,
  );
});

test('stop asks workers to end and waits until they are gone', async (t) => {
  const ssh = localSsh(t);
  const [started] = await start(t, ssh);
  const { pid } = started!.value!;
  const asked: number[] = [];
  const plan = {
    mode: 'drain' as const,
    onAsked: (_: Machine, pids: readonly number[]) => void asked.push(...pids),
  };
  const [stopped] = await stopMachines(crowdOf(ssh), plan, () => {});
  assert.deepEqual([stopped?.value?.state, stopped?.value?.pids, asked], ['stopped', [pid], [pid]]);
  assert.equal(isAlive(pid), false);
  const [again] = await stopMachines(crowdOf(ssh), { mode: 'drain' }, () => {});
  assert.equal(again?.value?.state, 'none');
});

test('stop for one session leaves the workers of others alone', async (t) => {
  const ssh = localSsh(t);
  const [started] = await start(t, ssh);
  const { pid } = started!.value!;
  const stop = (sessionTag: string) =>
    stopMachines(crowdOf(ssh), { mode: 'now', sessionTag }, () => {});
  const [others] = await stop('another');
  assert.equal(others?.value?.state, 'none');
  assert.ok(isAlive(pid));
  const [own] = await stop('tag');
  assert.deepEqual([own?.value?.state, own?.value?.pids], ['stopped', [pid]]);
});

test('a pid that another process has now is never signalled, nor one of another machine', async (t) => {
  const ssh = localSsh(t);
  const [started] = await start(t, ssh);
  const lock = join(usual(ssh), hostname(), 'worker.lock');
  const text = readFileSync(lock, 'utf8');
  const changed = [
    { ...JSON.parse(text), startTime: '1' },
    { ...JSON.parse(text), realm: 'another-boot pid:[1]', host: 'elsewhere' },
  ];
  for (const entry of changed) {
    writeFileSync(lock, JSON.stringify(entry));
    const [stopped] = await stopMachines(crowdOf(ssh), { mode: 'now' }, () => {});
    assert.equal(stopped?.value?.state, 'none');
    assert.ok(isAlive(started!.value!.pid));
  }
  writeFileSync(lock, text);
});

test('where nothing was ever started stop makes nothing', async (t) => {
  const ssh = localSsh(t);
  const [stopped] = await stopMachines(crowdOf(ssh), { mode: 'drain' }, () => {});
  assert.equal(stopped?.value?.state, 'none');
  assert.deepEqual(readdirSync(ssh.home), []);
});

test('an interrupted start ends its conversations and begins no more', async (t) => {
  const ssh = localSsh(t);
  const ending = new AbortController();
  const crowd = {
    ...crowdOf(ssh, [machine(), machine({ name: 'n2' })]),
    parallel: 1,
    signal: ending.signal,
  };
  const plan = {
    document: SECRET,
    sessionTag: 'tag',
    urlFor: () => 'http://10.0.0.1:1',
    executableFor: async () => {
      ending.abort();
      return executableOf(WORKER);
    },
    walls: 'bare' as const,
    contactMs: 1000,
  };
  const results = await startMachines(crowd, plan, () => {});
  assert.deepEqual(
    results.map(({ error }) => error?.code),
    ['PILOT_INTERRUPTED', 'PILOT_INTERRUPTED'],
  );
});

test('an interruption also ends the second connection, which is to tell why the first broke off', {
  timeout: 60_000,
}, async (t) => {
  const again = '$HOME/first';
  const hang = `if [ -e "${again}" ]; then : >"$HOME/second"; exec sleep 600; fi; : >"${again}"`;
  const ssh = localSsh(t, '/bin/sh', hang);
  const ending = new AbortController();
  const patient = { ...ssh, options: { ...ssh.options, connectTimeoutMs: 600_000 } };
  const crowd = { ...crowdOf(patient), signal: ending.signal };
  const plan = { words: ['kill -9 $PPID'], mostBytes: 1000, timeoutMs: 0, onLine: () => {} };
  const hooks = { onResult: () => {}, onErrorLine: () => {} };
  const all = execMachines(crowd, plan, hooks);
  while (!existsSync(join(ssh.home, 'second'))) await pause(20, ending.signal);
  ending.abort();
  const [result] = await all;
  assert.equal(result?.error?.code, 'PILOT_INTERRUPTED');
});
