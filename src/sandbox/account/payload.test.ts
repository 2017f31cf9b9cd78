/** Jobs of two people on one worker that is root: each under an account of its own, apart from all else. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { NO_ISOLATION } from '#model';
import { findLauncher } from '../open-starter.ts';
import { until } from '../starter-world.ts';
import { findTool } from '../tool.ts';
import type { Ground } from '../walls/ground.ts';
import { openWalledField } from '../walls/testing.ts';
import { accountNameFor, payloadAccount, underAccount } from './payload.ts';

const skip =
  process.getuid?.() !== 0
    ? 'only root runs jobs under other accounts'
    : findLauncher() === null || findTool('bwrap') === null
      ? 'no launcher or no bubblewrap'
      : false;
const request = { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 };

describe('jobs of several people on one worker', { skip }, () => {
  it('run under the accounts that theirs are, and reach neither the worker nor each other', async (t) => {
    // Accounts that every Debian has.
    const payload = { ada: 'games', bob: 'daemon', eve: 'root', gone: 'no-such-account' };
    const field = await openWalledField({}, 'bare', undefined, { payload });
    t.after(() => field.close());
    const session = join(field.directory, 'session');
    writeFileSync(session, 'secret', { mode: 0o644 });
    const shared = `/var/tmp/windrow-payload-${process.pid}`;
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    t.after(() => rmSync(shared, { recursive: true }));

    const of = (owner: string, command: string) =>
      field.run('bare', command, { site: { owner, mountUnderScratch: [] } });
    const ada = join(field.directory, 'scratch', 'attempt-1');
    const heard = join(shared, 'heard');
    const waits = `while [ ! -e ${heard} ]; do sleep 0.05; done`;
    const running = of('ada', `echo mine > file; chmod 644 file; ${waits}; id -un; cat file`);
    await until(() => existsSync(join(ada, 'file')));
    const spies = [`cat ${ada}/file`, `cat ${session}`, `ls ${field.directory}`, 'kill -0 -1'];
    const spy = await of('bob', `id -un; ${spies.join('; ')}; touch ${heard}`);
    const first = await running;
    assert.equal(first.stdout, 'games\nmine\n');
    assert.equal(first.plan.record.account, 'games');
    assert.match(spy.stdout, /^daemon\n/);
    assert.equal(spy.plan.record.account, 'daemon');
    assert.doesNotMatch(spy.stdout, /mine|secret|attempt-1/);
    for (const wall of ['account', 'files', 'pid', 'privileges'] as const) {
      assert.ok(spy.plan.record.had.includes(wall), wall);
    }
    const other = await of('carol', 'id -un');
    assert.equal(other.plan.record.account, '0', 'nothing is said of her');
    for (const owner of ['eve', 'gone']) {
      await assert.rejects(of(owner, 'true'), { code: 'PAYLOAD_ACCOUNT_MISSING' });
    }
    assert.equal(field.walls.needsNone(NO_ISOLATION, request, 'ada'), false);
    assert.equal(field.walls.needsNone(NO_ISOLATION, request, 'carol'), true);
  });
});

describe('the account of an owner', () => {
  it('is the own one, else that of everybody, else none', () => {
    assert.equal(accountNameFor('ada', { ada: 'a', '*': 'b' }), 'a');
    assert.equal(accountNameFor('eve', { ada: 'a', '*': 'b' }), 'b');
    assert.equal(accountNameFor('', { ada: 'a', '*': 'b' }), 'b');
    assert.equal(accountNameFor('eve', { ada: 'a' }), null);
    assert.equal(accountNameFor('constructor', { ada: 'a' }), null);
  });

  it('may be made from the name, which is all of it where machine and server share accounts', () => {
    assert.equal(accountNameFor('ada', { '*': 'grid_%' }), 'grid_ada');
    assert.equal(accountNameFor('$&', { '*': '%' }), '$&');
    assert.equal(accountNameFor('eve', { eve: 'guest', '*': '%' }), 'guest');
  });

  it('is never that of a service or root because somebody calls himself so', async () => {
    const of = (owner: string, payload: Record<string, string>) =>
      payloadAccount(owner, { settings: { payload } as unknown as Ground['settings'] });
    for (const owner of ['root', 'daemon', 'nobody', '../etc', '', 'no-such-person']) {
      await assert.rejects(of(owner, { '*': '%' }), { code: 'PAYLOAD_ACCOUNT_MISSING' });
    }
    assert.equal((await of('eve', { eve: 'daemon' }))?.name, 'daemon', 'the administrator may');
  });

  it('is required of the machine, unless it is the worker’s own', () => {
    const account = { name: 'a', uid: 7, gid: 7, groups: [] };
    assert.deepEqual(underAccount(NO_ISOLATION, account, { uid: 0 }).require, ['account']);
    assert.deepEqual(underAccount(NO_ISOLATION, account, { uid: 7 }), NO_ISOLATION);
    assert.deepEqual(underAccount(NO_ISOLATION, null, { uid: 0 }), NO_ISOLATION);
  });
});
