/** How long the launcher keeps what it has to tell while starts wait in it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { encodeKill, encodeWithdraw } from './launcher-frames.ts';
import { frameOf, openRaw, type Raw, readIfThere, skip } from './launcher-world.ts';
import { temporaryFolder, until } from './starter-world.ts';

suite('the launcher, with starts that wait', { skip }, () => {
  const told = { tellWithinMs: 600_000 };
  const gathering = (raw: Raw, first: string, file: string) =>
    raw.send(
      Buffer.concat([
        frameOf(`sleep 0.02; ${first}`, told),
        frameOf(`echo on > ${file}; sleep 100`, told, 1),
        frameOf('true', told, 2),
        frameOf('true', told, 3),
      ]),
    );

  test('good ends gather while starts wait, and are told when one of these is taken back', async (t) => {
    const raw = openRaw(t);
    const file = join(temporaryFolder(t), 'began');
    gathering(raw, 'true', file);
    await until(() => readIfThere(file));
    const beforeNs = process.hrtime.bigint();
    assert.deepEqual(raw.answers, []);
    raw.send(encodeWithdraw(3));
    await until(() => raw.answers.length === 2);
    assert.deepEqual(raw.answers, [0, 3]);
    assert.ok(raw.ends[0]!.endedAtNs < beforeNs, 'it says when it ended, not when it was told');
  });

  test('good ends gather no longer than the last of the starts waits', async (t) => {
    const raw = openRaw(t);
    raw.send(
      Buffer.concat([
        frameOf('sleep 0.02', told),
        frameOf('sleep 0.02', told, 1),
        frameOf('sleep 100', told, 2),
      ]),
    );
    await until(() => raw.ends.length === 2);
  });

  test('ends gather for no longer than was said', async (t) => {
    const raw = openRaw(t);
    const soon = { tellWithinMs: 50 };
    const frames = ['sleep 0.02', 'sleep 100', 'true', 'true'].map((command, id) =>
      frameOf(command, soon, id),
    );
    raw.send(Buffer.concat(frames));
    await until(() => raw.ends.length === 1);
  });

  test('a bad end is told at once, whatever waits', async (t) => {
    const raw = openRaw(t);
    gathering(raw, 'exit 3', join(temporaryFolder(t), 'began'));
    await until(() => raw.ends.length === 1);
    assert.equal(raw.ends[0]!.exitCode, 3);
  });

  test('what was killed is told at once, with what gathered before', async (t) => {
    const raw = openRaw(t);
    const file = join(temporaryFolder(t), 'began');
    gathering(raw, 'true', file);
    await until(() => readIfThere(file));
    raw.send(encodeKill(1, 0));
    await until(() => raw.ends.length >= 2);
    assert.deepEqual(raw.answers.slice(0, 2), [0, 1]);
  });
});
