/** The real command on this machine, watching only a daemon with a name of the test's own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from './field/until.ts';
import { HOME } from './installed-program.ts';

const WINDROW = join(HOME, 'bin', 'windrow');
const DAEMON = `wpd${process.pid}`;
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'windrow-procwatch-'));
});
after(() => rmSync(folder, { recursive: true }));

function lacking(): string | false {
  const launcher = join(HOME, 'build', 'launcher');
  if (!existsSync(launcher)) return 'the launcher is not built (no C compiler?)';
  if (process.getuid?.() !== 0) return 'only root may follow processes';
  const firstLine = 'exec 3< <(exec "$0" events); read -r -t 20 line <&3; kill $!; echo "$line"';
  const { stdout } = spawnSync('bash', ['-c', firstLine, launcher], { encoding: 'utf8' });
  return stdout.startsWith('watching') ? false : 'the kernel tells nothing of processes here';
}

interface Watching {
  readonly child: ChildProcess;
  output(): string;
  end(): Promise<number | null>;
}

function procwatch(...args: string[]): Watching {
  const child = spawn(WINDROW, ['procwatch', DAEMON, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const closed = once(child, 'close');
  return {
    child,
    output: () => output,
    end: async () => {
      child.kill('SIGINT');
      return (await closed)[0];
    },
  };
}

/** A batch system's daemon that begins one job, which leaves a daemon of its own behind. */
function startDaemon(): ChildProcess {
  const script = join(folder, DAEMON);
  const job = 'SLURM_JOB_ID=4711 sh -c "(setsid sleep 65 &) ; exit 0"';
  writeFileSync(script, `#!/bin/bash\n${job} &\nwait\nsleep 66\n`, { mode: 0o755 });
  return spawn(script, { stdio: 'ignore', detached: true });
}

test('what outlives its job is told of with its job, killed on request, and nothing else is', {
  skip: lacking(),
}, async (t) => {
  const watching = procwatch('--kill', '--grace', '100ms', '--all', '--json');
  t.after(() => watching.child.kill('SIGKILL'));
  await until('it watches', () => watching.output().includes('"watching"'));
  const daemon = startDaemon();
  t.after(() => process.kill(-daemon.pid!, 'SIGKILL'));
  await until('something is killed', () => watching.output().includes('"killed"'));
  const notices = watching
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const killed = notices.find(({ kind }) => kind === 'killed');
  assert.equal(killed.command, 'sleep');
  assert.equal(killed.job, 'Slurm job 4711');
  assert.equal(killed.daemonPid, daemon.pid);
  assert.match(killed.text, /of Slurm job 4711 of wpd\d+ \d+ outlived its job and was killed$/);
  await until('it is gone', () => !existsSync(`/proc/${killed.pid}`));
  assert.ok(existsSync(`/proc/${daemon.pid}`), 'the daemon of the batch system is gone');
  assert.equal(await watching.end(), 0);
});

test('whoever may not watch is told so in a sentence', async () => {
  const nobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : [];
  const [file, ...args] = [...nobody, process.execPath, join(HOME, 'src', 'bin', 'windrow.js')];
  const { status, stderr } = spawnSync(file!, [...args, 'procwatch'], {
    encoding: 'utf8',
    env: { HOME: '/' },
  });
  assert.equal(status, 1);
  assert.match(stderr, /only root may follow|is not there/);
});
