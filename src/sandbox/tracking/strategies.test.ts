/** Each way of tracking alone, against programs that daemonise: what it says to miss, and no more. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '#base';
import { COOKIE_VARIABLE } from '../cookie.ts';
import { isAlive, PATH, temporaryFolder, until, writeScript } from '../starter-world.ts';
import { killAll } from './kill-all.ts';
import { findBy, type Marks, namespaceOf, STRATEGIES, type Strategy } from './strategies.ts';

/** What a program does to get away; each process writes its name and number down. */
const NOTE = '#!/bin/sh\necho "$1 $$" >> "$2"\nexec sleep 67\n';
const PROGRAM = `
"$NOTE" child "$NOTES" &
(setsid sh -c '("$0" daemon "$1" &)' "$NOTE" "$NOTES" &)
(setsid env -i sh -c '("$0" clean-daemon "$1" &)' "$NOTE" "$NOTES" &)
exec "$NOTE" program "$NOTES"
`;
const ALL = ['program', 'child', 'daemon', 'clean-daemon'] as const;
type Name = (typeof ALL)[number];

interface Running {
  readonly marks: Marks;
  readonly pids: ReadonlyMap<Name, number>;
}

/** Runs the program with every mark on it; `prefix` puts it into a group or a namespace. */
async function run(
  test: TestContext,
  prefix: readonly string[],
  groupId?: number,
): Promise<Running> {
  const folder = temporaryFolder(test);
  const notes = join(folder, 'notes');
  const note = writeScript(folder, 'note', NOTE);
  const cookie = randomBytes(8).toString('hex');
  const [file, ...args] = [...prefix, 'sh', '-c', PROGRAM];
  const child = spawn(file!, args, {
    detached: true,
    stdio: 'ignore',
    env: { PATH, NOTE: note, NOTES: notes, [COOKIE_VARIABLE]: cookie },
  });
  const said = () => {
    try {
      return readFileSync(notes, 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };
  await until(() => said().length === ALL.length);
  const inner = new Map(
    said().map((line) => {
      const [name, pid] = line.split(' ');
      return [name as Name, Number(pid)] as const;
    }),
  );
  const first = prefix.includes('--pid') ? firstInside(child.pid!) : child.pid!;
  const pidNamespace = namespaceOf(first);
  const pids = prefix.includes('--pid') ? outerPids(inner, pidNamespace) : inner;
  test.after(() => {
    for (const pid of pids.values()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
  });
  const marks = { leader: child.pid!, cookie, pidNamespace };
  return { marks: groupId === undefined ? marks : { ...marks, groupId }, pids };
}

function firstInside(parent: number): number {
  return Number(
    readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ')[0],
  );
}

/** The program knows the numbers of its own namespace. */
function outerPids(inner: ReadonlyMap<Name, number>, pidNamespace: string): Map<Name, number> {
  const rows = findBy('pid namespace', { pidNamespace });
  const outer = new Map<number, number>();
  for (const { pid } of rows) {
    const numbers = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    outer.set(Number(numbers?.trim().split(/\s+/).at(-1)), pid);
  }
  return new Map([...inner].map(([name, pid]) => [name, outer.get(pid)!]));
}

async function seen(
  strategy: Parameters<typeof findBy>[0],
  { marks, pids }: Running,
): Promise<Name[]> {
  const found = new Set(findBy(strategy, marks).map(({ pid }) => pid));
  return ALL.filter((name) => found.has(pids.get(name)!));
}

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? false : 'only root may give a group of its own';
const noNamespaces =
  spawnSync('unshare', ['--pid', '--fork', '--kill-child', 'true']).status === 0
    ? false
    : 'PID namespaces cannot be made here';
const GROUP = 60_000 + (process.pid % 5000);

describe('processes of a program that daemonises', () => {
  for (const [strategy, prefix, expected, skip] of [
    ['process group', [], ['program', 'child'], false],
    ['process tree', [], ['program', 'child'], false],
    ['cookie', [], ['program', 'child', 'daemon'], false],
    ['group id', ['setpriv', `--groups=${GROUP}`], ALL, needsRoot],
    ['pid namespace', ['unshare', '--pid', '--fork', '--kill-child'], ALL, noNamespaces],
  ] as const) {
    it(`are found by ${strategy}: ${expected.join(', ')}; and killed`, { skip }, async (test) => {
      const running = await run(test, prefix, strategy === 'group id' ? GROUP : undefined);
      // In a namespace its first process adopts them: they stay in the tree.
      const isAdopted = strategy === 'pid namespace';
      const daemons = ['daemon', 'clean-daemon'] as const;
      await until(() => isAdopted || !daemons.some((name) => isInTree(running, name)));
      assert.deepEqual(await seen(strategy, running), [...expected]);
      const { killed, left } = await killAll(() => findBy(strategy, running.marks), systemClock);
      assert.ok(killed >= expected.length);
      assert.deepEqual(left, []);
      const alive = ALL.filter((name) => isAlive(running.pids.get(name)!));
      assert.deepEqual(
        alive,
        ALL.filter((name) => !(expected as readonly string[]).includes(name)),
      );
    });
  }

  it('are found by nothing that has no mark of them', () => {
    for (const { name } of STRATEGIES) {
      if (name === 'cgroup' || name === 'adoption') continue;
      assert.deepEqual(findBy(name, {}), [], name);
    }
  });

  it('are tracked by ways that each say what they miss, the strongest first', () => {
    const names = STRATEGIES.map(({ name }) => name);
    const order: Strategy[] = [
      'cgroup',
      'pid namespace',
      'group id',
      'cookie',
      'process tree',
      'process group',
    ];
    assert.deepEqual(
      names.filter((name) => order.includes(name)),
      order,
    );
    assert.ok(STRATEGIES.every(({ misses, how }) => misses.length > 10 && how.length > 10));
  });
});

function isInTree({ marks, pids }: Running, name: Name): boolean {
  return findBy('process tree', marks).some(({ pid }) => pid === pids.get(name));
}
