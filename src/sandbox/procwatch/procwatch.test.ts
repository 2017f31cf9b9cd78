/** The real events of the kernel, of daemons that the tests themselves start. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '#base';
import { findLauncher } from '../open-starter.ts';
import { isAlive, temporaryFolder, until, writeScript } from '../starter-world.ts';
import { type Noticed, type ProcwatchOptions, watchProcesses } from './procwatch.ts';

const launcher = findLauncher();

function lacking(): string | false {
  if (launcher === null) return 'the launcher is not built (no C compiler?)';
  if (process.getuid?.() !== 0) return 'only root may follow processes';
  const firstLine = 'exec 3< <(exec "$0" events); read -r -t 20 line <&3; kill $!; echo "$line"';
  const { stdout } = spawnSync('bash', ['-c', firstLine, launcher], { encoding: 'utf8' });
  return stdout.startsWith('watching') ? false : 'the kernel tells nothing of processes here';
}

interface World {
  readonly notices: Noticed[];
  /** Starts a daemon of the watched name that begins this shell command as a job. */
  daemon(command: string): number;
  seen<Kind extends Noticed['kind']>(
    kind: Kind,
    fits?: (notice: Extract<Noticed, { kind: Kind }>) => boolean,
  ): Promise<Extract<Noticed, { kind: Kind }>>;
}

let count = 0;

/** Only processes below a daemon with a name of this test's own are ever looked at. */
function watch(test: TestContext, more: Partial<ProcwatchOptions> = {}): World {
  const name = `wd${process.pid}-${++count}`;
  const folder = temporaryFolder(test);
  const notices: Noticed[] = [];
  const controller = new AbortController();
  const watching = watchProcesses(
    {
      daemons: [name],
      graceMs: 100,
      kill: false,
      clock: systemClock,
      lookEveryMs: 500,
      source: [launcher ?? 'false', 'events'],
      onNotice: (notice) => notices.push(notice),
      ...more,
    },
    controller.signal,
  );
  test.after(async () => {
    controller.abort();
    await watching;
  });
  return {
    notices,
    daemon: (command) => {
      const script = writeScript(
        folder,
        name,
        `#!/bin/bash\nsh -c '${command}' &\nwait\nsleep 60\n`,
      );
      const child = spawn(script, { stdio: 'ignore', detached: true });
      test.after(() => {
        for (const notice of notices) {
          if ('member' in notice && isAlive(notice.member.pid))
            process.kill(notice.member.pid, 'SIGKILL');
        }
        process.kill(-child.pid!, 'SIGKILL');
      });
      return child.pid!;
    },
    seen: (kind, fits = () => true) =>
      until(() => notices.find((notice) => notice.kind === kind && fits(notice as never))) as never,
  };
}

/** Two forks, two sessions, a clean environment, and its parents gone at once. */
const DAEMONISE = 'setsid sh -c "(env -i setsid sleep 61 &) ; exit 0" ; sleep 0.2';

describe('watching processes', { skip: lacking() }, () => {
  it('tells of a job, of what daemonises out of it, and of what it leaves behind', async (test) => {
    const world = watch(test);
    await world.seen('watching');
    const daemon = world.daemon(DAEMONISE);
    const { job } = await world.seen('begun', ({ job }) => job.daemonPid === daemon);
    await world.seen('daemonised');
    const { member } = await world.seen(
      'left-behind',
      (notice) => notice.member.command === 'sleep',
    );
    assert.equal(member.job.root, job.root);
    assert.ok(isAlive(member.pid), 'it was only to be told of');
    assert.ok(!world.notices.some(({ kind }) => kind === 'killed'));
  });

  it('ends what was left behind, and nothing else, where it is asked to', async (test) => {
    const world = watch(test, { kill: true });
    const bystander = spawn('sleep', ['62'], { stdio: 'ignore', detached: true });
    test.after(() => bystander.kill('SIGKILL'));
    await world.seen('watching');
    const daemon = world.daemon(DAEMONISE);
    const { member } = await world.seen('killed', (notice) => notice.member.command === 'sleep');
    await until(() => !isAlive(member.pid));
    assert.ok(isAlive(bystander.pid!) && isAlive(daemon));
  });

  it('is not fooled by a process whose first thread ends while others go on', async (test) => {
    const world = watch(test, { kill: true });
    await world.seen('watching');
    const program = [
      'import ctypes, threading, time',
      'threading.Thread(target=lambda: time.sleep(64)).start()',
      'ctypes.CDLL(None).pthread_exit(None)',
    ].join('; ');
    world.daemon(`setsid python3 -c "${program}" & sleep 1`);
    const { member } = await world.seen('killed', ({ member }) => member.command === 'python3');
    await until(() => !existsSync(`/proc/${member.pid}`));
  });

  it('catches a thousand short daemons, each with two forks', async (test) => {
    const world = watch(test, { kill: true });
    await world.seen('watching');
    const daemon = 'if (!fork) { if (!fork) { setpgrp; select undef, undef, undef, 0.3 } exit }';
    world.daemon(`exec perl -e "for (1..1000) { ${daemon} wait }"`);
    const { left } = await world.seen('ended');
    assert.ok(left > 0, 'no daemon outlived the job');
    await until(() =>
      world.notices.every((notice) => notice.kind !== 'killed' || !isAlive(notice.member.pid)),
    );
    assert.ok(!world.notices.some(({ kind }) => kind === 'too-many'));
  });
});

describe('watching processes while the kernel drops events', () => {
  it('finds by looks at /proc what no event told, and says so', async (test) => {
    const folder = temporaryFolder(test);
    const silent = writeScript(folder, 'silent', '#!/bin/sh\necho watching; exec sleep 60\n');
    const world = watch(test, { source: [silent], lookEveryMs: 100 });
    const daemon = world.daemon('sleep 1; sleep 63; exit 0');
    const lost = await world.seen('events-lost', ({ how }) => how === 'gap');
    assert.ok(lost.missed! >= 1);
    await world.seen('begun', ({ job }) => job.daemonPid === daemon);
  });

  it('tells of an overrun', async (test) => {
    const folder = temporaryFolder(test);
    const script = '#!/bin/sh\necho watching; echo lost 0; exec sleep 60\n';
    const world = watch(test, { source: [writeScript(folder, 'overrun', script)] });
    await world.seen('events-lost', ({ how }) => how === 'overrun');
  });

  it('counts what a reader that was too slow has missed', { skip: lacking() }, async (test) => {
    // Stopped, and with room for a handful of events.
    const argv = ['events', '4096'];
    const child = spawn(launcher!, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
    test.after(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => (output += text));
    await until(() => output.startsWith('watching'));
    child.kill('SIGSTOP');
    for (let count = 0; count < 30; count++) spawnSync('/bin/true');
    child.kill('SIGCONT');
    // How many it were shows with the next event, and a quiet machine has none.
    await until(() => {
      spawnSync('/bin/true');
      return /^lost [1-9]/m.test(output);
    });
    assert.match(output, /^lost 0$/m);
  });

  it('ends with the last words of what told of events', async (test) => {
    const folder = temporaryFolder(test);
    const broken = writeScript(
      folder,
      'broken',
      '#!/bin/sh\necho "listen failed: errno=1" >&2; exit 1\n',
    );
    const options = {
      daemons: ['x'],
      graceMs: 0,
      kill: false,
      clock: systemClock,
      lookEveryMs: 1000,
    };
    await assert.rejects(
      watchProcesses(
        { ...options, onNotice: () => {}, source: [broken] },
        new AbortController().signal,
      ),
      /listen failed: errno=1/,
    );
  });
});
