import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startTimeOf } from '#base';
import { localSsh, machine } from '../testing/local-ssh.ts';
import { MachineShell, ShellEnded, textOf } from './machine-shell.ts';

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`never came true: ${condition}`);
    await delay(10);
  }
}

const SHELLS = ['/bin/sh', '/bin/bash', '/usr/bin/zsh', '/usr/bin/fish'].filter(existsSync);

for (const shell of SHELLS) {
  test(`a login shell ${shell} lets the conversation through, whatever its scripts print`, async (t) => {
    const noise = `printf 'Welcome!\\nno line end'; echo 'a warning' >&2`;
    const { options, home } = localSsh(t, shell, noise);
    const errors: string[] = [];
    const talk = await MachineShell.open(machine(), options, (line) => errors.push(line));
    const facts = await talk.call('facts');
    assert.match(textOf(facts, 'platform')!, /^Linux \S+$/);
    assert.equal(textOf(facts, 'client'), '10.0.0.1');
    const entered = await talk.call('enter', ['']);
    const directory = join(home, '.cache/windrow');
    assert.equal(textOf(entered, 'directory'), directory);
    assert.ok(Number(textOf(entered, 'room')) > 0);
    assert.deepEqual(errors, ['a warning']);
    await talk.close();
  });
}

test('words from outside are data on the machine, whatever they hold', async (t) => {
  const { options, home } = localSsh(t);
  const talk = await MachineShell.open(machine(), options);
  const nasty = `~/$(touch ${home}/hacked) \`id\` "a' * \\ ;x`;
  const entered = await talk.call('enter', [nasty]);
  assert.equal(textOf(entered, 'directory'), join(home, nasty.slice(2)));
  assert.ok(existsSync(join(home, nasty.slice(2), 'bin')) || textOf(entered, 'fault'));
  assert.equal(existsSync(join(home, 'hacked')), false);
  assert.throws(() => readFileSync(join(home, 'hacked')));
  await assert.rejects(talk.call('look', ['a\nfacts', '1', '']), RangeError);
  await talk.close();
});

test('when a process began is told whatever it calls itself, and nothing of one that is gone', async (t) => {
  const { options } = localSsh(t);
  const script = `printf 'x) S 1\n2 (' >/proc/$$/comm; echo named; read -r _`;
  const named = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => named.kill());
  await once(named.stdout, 'data');
  const talk = await MachineShell.open(machine(), options);
  t.after(() => talk.kill());
  const life = async () => textOf(await talk.call('life', [String(named.pid)]), 'began');
  assert.match(readFileSync(`/proc/${named.pid}/stat`, 'utf8'), /x\) S/);
  assert.equal(await life(), startTimeOf(named.pid!));
  named.stdin.end();
  await once(named, 'exit');
  assert.equal(await life(), '');
});

test('a command gets its words as they are, no input, and its exit code comes back', async (t) => {
  const { options } = localSsh(t);
  const talk = await MachineShell.open(machine(), options);
  const lines: string[] = [];
  const command = `printf 'a b\\n%s' "$(cat)"; printf 'no end'; exit 7`;
  const body = () => [Buffer.from(command)];
  const answer = await talk.call('run', [String(command.length)], {
    body,
    onOutput: (line) => lines.push(line),
  });
  assert.deepEqual(lines, ['a b', 'no end']);
  assert.equal(textOf(answer, 'exit'), '7');
  await talk.close();
});

test('a command ends with the connection that started it', async (t) => {
  const { options, home } = localSsh(t);
  const talk = await MachineShell.open(machine(), options);
  const command = `echo $$ >"$HOME/pid"; echo begun; sleep 1000; echo more`;
  const begun = Promise.withResolvers<void>();
  const running = talk.call('run', [String(command.length)], {
    body: () => [Buffer.from(command)],
    onOutput: () => begun.resolve(),
  });
  await begun.promise;
  const pid = readFileSync(join(home, 'pid'), 'utf8').trim();
  await Promise.allSettled([running, talk.close()]);
  await until(() => !existsSync(`/proc/${pid}`));
});

test('an ssh that fails, hangs, or is not there is told with what it said', async (t) => {
  const failing = localSsh(t, '/bin/sh', 'echo "ssh: no such luck" >&2; exit 255');
  await assert.rejects(MachineShell.open(machine(), failing.options), (error: ShellEnded) => {
    assert.deepEqual([error.end.exitCode, error.end.wasReady], [255, false]);
    assert.deepEqual(error.end.errors, ['ssh: no such luck']);
    return true;
  });
  const nowhere = { ...failing.options, program: '/nowhere/ssh' };
  await assert.rejects(MachineShell.open(machine(), nowhere), (error: ShellEnded) => {
    assert.equal(error.end.notStarted, 'ENOENT');
    return true;
  });
  const { options } = localSsh(t);
  const talk = await MachineShell.open(machine(), options);
  const command = 'sleep 1000';
  const hanging = talk.call('run', [String(command.length)], {
    body: () => [Buffer.from(command)],
    silenceMs: 300,
  });
  await assert.rejects(hanging, (error: ShellEnded) => error.end.givenUp === 'silent');
  await talk.close();
  await assert.rejects(talk.call('facts'), ShellEnded);
});

test('secrets and settings of windrow are not in the environment of ssh', async (t) => {
  const { options } = localSsh(t, '/bin/sh', 'env >"$HOME/env"');
  const environment = { ...options.environment, WINDROW_TOKEN: 'secret' };
  const talk = await MachineShell.open(machine(), { ...options, environment });
  await talk.close();
  const seen = readFileSync(join(String(options.environment.HOME), 'env'), 'utf8');
  assert.match(seen, /SSH_ASKPASS_REQUIRE=never/);
  assert.doesNotMatch(seen, /WINDROW/);
});
