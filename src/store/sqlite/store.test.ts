import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, beforeEach, describe, it } from 'node:test';
import { WindrowError } from '#base';
import { attemptRecord, storedJob, storeSuite } from '../suite.ts';
import { openDatabase } from './open.ts';
import { prepareQuestions } from './questions.ts';
import { SqliteStore } from './store.ts';

const root = mkdtempSync(join(tmpdir(), 'windrow-store-'));
after(() => rmSync(root, { recursive: true, force: true }));
let directory = root;
let count = 0;
beforeEach(() => {
  directory = join(root, `state-${++count}`);
});

const open = (): SqliteStore => new SqliteStore(join(directory, 'windrow.sqlite'));
const hasCode = (code: string) => (error: unknown) =>
  error instanceof WindrowError && error.code === code;

storeSuite('SQLite', async () => open());

it('understands every question that it may ever ask', () => {
  const database = openDatabase(join(directory, 'windrow.sqlite'));
  const ask = prepareQuestions(database);
  const files = readdirSync(join(import.meta.dirname, 'questions'));
  for (const file of files) ask(file.slice(0, -'.sql'.length));
  assert.throws(() => ask('what-is-love'));
  database.close();
});

describe('SQLite: what goes wrong', () => {
  it('refuses a second server on one state directory, and lets one in after a kill -9', async () => {
    const program = `
      import { SqliteStore } from ${JSON.stringify(join(import.meta.dirname, 'store.ts'))};
      globalThis.store = new SqliteStore(${JSON.stringify(join(directory, 'windrow.sqlite'))});
      console.log('open');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.throws(open, hasCode('STATE_IN_USE'));
    child.kill('SIGKILL');
    await once(child, 'close');
    await open().close();
  });

  it('refuses a state directory of a newer version and leaves it as it was', async () => {
    await open().close();
    const file = join(directory, 'windrow.sqlite');
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 999');
    database.close();
    const before = readFileSync(file);
    assert.throws(open, hasCode('STATE_NEWER'));
    assert.deepEqual(readFileSync(file), before);
  });

  it('brings a state directory of an earlier version up to date, with all that it holds', async () => {
    const file = join(directory, 'windrow.sqlite');
    mkdirSync(directory, { recursive: true });
    const migrations = join(import.meta.dirname, 'migrations');
    const first = join(migrations, '0001-first.sql');
    const old = new DatabaseSync(file);
    old.exec(readFileSync(first, 'utf8'));
    old.exec("PRAGMA user_version = 1; INSERT INTO counter VALUES ('next-ticket', 42)");
    old.exec(
      `INSERT INTO attempt (ticket, job, task, number, worker, cause, reason, signature,
        started_at_ms, ended_at_ms, wall_ms, disk_bytes, usage_source, accepted)
        VALUES (3, 1, 0, 1, 'w', 'ok', '', '', 1, 2, 1, 4096, 'rusage', 1)`,
    );
    old.close();
    const store = open();
    assert.equal(await store.nextTicket(), 42);
    const attempt = attemptRecord(7);
    await store.commit([{ kind: 'attempt-ended', sequence: 2, attempt, accepted: true }]);
    const [before, after] = await store.attemptsAfter(1, 0, 10);
    assert.equal(before!.usage.sources, 'rrr----s');
    assert.deepEqual(after!.usage, attempt.usage);
    await store.close();
    const migrated = new DatabaseSync(file);
    assert.deepEqual(
      { ...migrated.prepare('PRAGMA user_version').get() },
      {
        user_version: readdirSync(migrations).length,
      },
    );
    migrated.close();
  });

  it('names a file that is no database', async () => {
    await open().close();
    writeFileSync(join(directory, 'windrow.sqlite'), 'not a database, just text '.repeat(400));
    assert.throws(open, hasCode('STATE_CORRUPT'));
  });

  it('names a page that was overwritten, and does not stop answering', async () => {
    const store = open();
    await store.commit([{ kind: 'job-added', job: storedJob(1) }]);
    await store.close();
    const file = join(directory, 'windrow.sqlite');
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 4096, Math.min(bytes.length, statSync(file).size));
    writeFileSync(file, bytes);
    await assert.rejects(async () => {
      const broken = open();
      try {
        await broken.jobs();
      } finally {
        await broken.close();
      }
    }, hasCode('STATE_CORRUPT'));
  });

  it('says that the directory cannot be made', () => {
    writeFileSync(join(root, 'a-file'), '');
    directory = join(root, 'a-file', 'state');
    assert.throws(open, hasCode('STATE_UNWRITABLE'));
  });

  it('keeps every acknowledged commit when it is killed at any instant', async () => {
    const program = `
      import { writeSync } from 'node:fs';
      import { SqliteStore } from ${JSON.stringify(join(import.meta.dirname, 'store.ts'))};
      import { attemptRecord } from ${JSON.stringify(join(import.meta.dirname, '..', 'suite.ts'))};
      const store = new SqliteStore(${JSON.stringify(join(directory, 'windrow.sqlite'))});
      for (let task = await store.lastSequence(); ; task++) {
        const attempt = attemptRecord(task);
        await store.commit([{ kind: 'attempt-ended', sequence: task + 1, attempt, accepted: true }]);
        writeSync(1, task + '\\n');
      }`;
    for (let round = 0; round < 5; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let acknowledged = '';
      child.stdout.on('data', (bytes) => {
        acknowledged += bytes;
        if (acknowledged.length > 400 + round * 97) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const last = Number(acknowledged.trimEnd().split('\n').at(-1));
      const store = open();
      const sequence = await store.lastSequence();
      assert.ok(sequence === last + 1 || sequence === last + 2, `${sequence} after ${last}`);
      await store.close();
    }
  });

  it('reports a full disk, changes nothing, and goes on when there is space again', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root to mount a small file system');
    directory = join(root, 'small');
    const mounted = spawnSync('sh', [
      '-c',
      'mkdir -p "$1" && mount -t tmpfs -o size=6m none "$1"',
      'sh',
      directory,
    ]);
    if (mounted.status !== 0) return t.skip('mounting is not allowed here');
    try {
      const store = open();
      const ballast = join(directory, 'ballast');
      writeFileSync(ballast, Buffer.alloc(3 << 20));
      let committed = 0;
      const reason = 'x'.repeat(100_000);
      await assert.rejects(async () => {
        for (;;) {
          const attempt = attemptRecord(committed, { reason });
          await store.commit([
            { kind: 'attempt-ended', sequence: committed + 1, attempt, accepted: true },
          ]);
          committed++;
        }
      }, hasCode('STATE_DISK_FULL'));
      assert.equal(await store.lastSequence(), committed);
      rmSync(ballast);
      const attempt = attemptRecord(committed);
      await store.commit([
        { kind: 'attempt-ended', sequence: committed + 1, attempt, accepted: true },
      ]);
      assert.equal(await store.lastSequence(), committed + 1);
      await store.close();
    } finally {
      spawnSync('umount', ['-l', directory]);
    }
  });
});

const untraceable =
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 ? false : 'strace cannot be used';

describe('SQLite: durability', { skip: untraceable }, () => {
  it('syncs the write-ahead log between the last write of a commit and its acknowledgement', () => {
    const program = `
      import { writeSync } from 'node:fs';
      import { SqliteStore } from ${JSON.stringify(join(import.meta.dirname, 'store.ts'))};
      const store = new SqliteStore(${JSON.stringify(join(directory, 'windrow.sqlite'))});
      const event = { kind: 'event', atMs: 0, job: null, event: 'test', actor: 'test', text: '' };
      for (let i = 0; i < 5; i++) {
        await store.commit([event]);
        writeSync(1, 'acknowledged');
      }
      await store.close();`;
    const trace = join(root, 'trace');
    const calls = ['-f', '-y', '-e', 'trace=pwrite64,fdatasync,write', '-o', trace];
    const node = [process.execPath, '--input-type=module', '-e', program];
    const { status, stderr } = spawnSync('strace', [...calls, ...node]);
    assert.equal(status, 0, stderr.toString());
    assert.deepEqual(syncedWhenAcknowledged(readFileSync(trace, 'utf8')), Array(5).fill(true));
  });
});

/** For each acknowledgement: whether a sync of the log had begun after its last write, and ended. */
function syncedWhenAcknowledged(trace: string): boolean[] {
  const found: boolean[] = [];
  let written = false;
  let syncing = '';
  for (const line of trace.split('\n')) {
    const thread = line.split(' ')[0]!;
    const ofLog = line.includes('windrow.sqlite-wal>');
    if (line.includes('pwrite64(') && ofLog) [written, syncing] = [true, ''];
    else if (line.includes('fdatasync(') && ofLog) syncing = thread;
    if (/fdatasync.*= 0$/.test(line) && thread === syncing) written = false;
    if (line.includes('"acknowledged"')) found.push(!written);
  }
  return found;
}
