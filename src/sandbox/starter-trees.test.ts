/** What programs leave behind is ended with them, by every way of starting programs. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { findLauncher, openStarter } from './open-starter.ts';
import type { ProgramEnd, Starter } from './port.ts';
import { isAlive, sh, start, temporaryFolder, until, writeScript } from './starter-world.ts';

const launcherPath = findLauncher();
const noLauncher = launcherPath === null ? 'the launcher is not built (no C compiler?)' : false;

suite('trees started by the launcher', { skip: noLauncher }, () => describeTrees('launcher'));
suite('trees started by spawn', () => describeTrees('spawn'));

function describeTrees(kind: Starter['kind']): void {
  const exact = kind === 'launcher';
  let starter: Starter;
  before(() => {
    starter = openStarter({ launcherPath: exact ? launcherPath : null });
  });
  after(() => starter.close());

  /** What a daemon does, and how its program waits until it has said its number. */
  const daemonIn = (folder: string) => ({
    says: `"echo pid=\\$\\$; : > ${folder}/said; exec /bin/sleep 100"`,
    heard: `until [ -e ${folder}/said ]; do sleep 0.02; done`,
  });

  test('a daemon with a double fork and a session of its own is ended with its program', async (t) => {
    const { says, heard } = daemonIn(temporaryFolder(t));
    const { end, stdout } = await sh(starter, `(setsid sh -c ${says} >&1 &); ${heard}; exit 5`);
    assert.deepEqual([end.exitCode, end.strays], [5, 1]);
    assert.equal(isAlive(Number(stdout.match(/pid=(\d+)/)![1])), false);
  });

  test('a daemon that also cleaned its environment is ended', {
    skip: !exact && 'only the launcher adopts orphans',
  }, async (t) => {
    const { says, heard } = daemonIn(temporaryFolder(t));
    const { end, stdout } = await sh(starter, `(setsid env -i /bin/sh -c ${says} &); ${heard}`);
    assert.equal(end.strays, 1);
    assert.equal(isAlive(Number(stdout.match(/pid=(\d+)/)![1])), false);
  });

  test('a background child that holds the output open does not delay the end', async () => {
    const { end } = await sh(starter, 'sleep 100 & echo out');
    assert.deepEqual([end.exitCode, end.strays], [0, 1]);
    assert.ok(end.wallMs < 5000);
  });

  test('a fork bomb loses', async (t) => {
    const folder = temporaryFolder(t);
    const alive = writeScript(folder, 'alive', '');
    t.after(() => rmSync(alive, { force: true }));
    // Bounded thrice: by depth, by the file, by the sleep at the leaves.
    const bomb = writeScript(
      folder,
      'bomb',
      `#!/bin/sh
[ -e ${alive} ] || exit
echo $$ >> ${folder}/pids
[ "$1" -gt 0 ] || exec sleep 60
trap "" TERM
$0 $(($1-1)) & setsid $0 $(($1-1)) &
while [ -e ${alive} ]; do $0 0; done
`,
    );
    const started = start(starter, bomb, ['6']);
    const pids = () => linesOf(`${folder}/pids`).map(Number);
    await until(() => pids().length > 20);
    started.program.kill(0);
    assert.equal(((await started.ended) as ProgramEnd).killed, true);
    assert.deepEqual(pids().filter(isAlive), []);
  });

  test('a chain of daemons, each gone before it is seen, is caught', async (t) => {
    const folder = temporaryFolder(t);
    const alive = writeScript(folder, 'alive', '');
    t.after(() => rmSync(alive, { force: true }));
    const link = writeScript(
      folder,
      'link',
      `#!/bin/sh
[ -e ${alive} ] && [ $1 -lt 20000 ] || exit
echo $1 >> ${folder}/links
setsid $0 $(($1+1)) &
`,
    );
    const started = start(starter, 'sh', ['-c', `${link} 0 & sleep 100`]);
    await until(() => linesOf(`${folder}/links`).length > 20);
    started.program.kill(0);
    assert.equal(((await started.ended) as ProgramEnd).killed, true);
    const links = readFileSync(`${folder}/links`, 'utf8');
    // Nothing is left to write another number.
    assert.equal((await sh(starter, `sleep 0.1; cat ${folder}/links`)).stdout, links);
  });
}

/** None where there is no such file yet. */
function linesOf(file: string): string[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}
