import assert from 'node:assert/strict';
import { chmodSync, chownSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryFolder } from '../starter-world.ts';
import { IdentityFile } from './identity-file.ts';

function fileOf(t: TestContext, text: string) {
  const path = join(temporaryFolder(t), 'identities');
  const write = (content: string, mode = 0o644) => {
    writeFileSync(`${path}.new`, content);
    chmodSync(`${path}.new`, mode);
    renameSync(`${path}.new`, path);
  };
  write(text);
  let nowMs = 0;
  const complaints: string[] = [];
  const file = new IdentityFile({
    path,
    machine: 'node7',
    uid: process.getuid!(),
    monotonic: () => nowMs,
    complain: ({ message }) => complaints.push(message),
  });
  const later = () => {
    nowMs += 1000;
  };
  const account = (name: string) => file.decide(name).account;
  return { path, write, later, account, complaints };
}

describe('the file of identities', () => {
  it('is read anew when it has changed, a second later at most', (t) => {
    const { write, later, account } = fileOf(t, 'ada ada\n');
    assert.equal(account('ada'), 'ada');
    write('ada lovelace\n');
    assert.equal(account('ada'), 'ada');
    later();
    assert.equal(account('ada'), 'lovelace');
  });

  it('that cannot be used leaves the table as it was, and is complained of once', (t) => {
    const { write, later, account, complaints } = fileOf(t, 'ada ada\n');
    assert.equal(account('ada'), 'ada');
    write('ada lovelace\nbob\n');
    for (let n = 0; n < 3; n++) {
      later();
      assert.equal(account('ada'), 'ada');
    }
    assert.equal(complaints.length, 1);
    assert.match(
      complaints[0]!,
      /identities cannot be used: line 2: expected a name and an account/,
    );
    write('ada lovelace\n');
    later();
    assert.equal(account('ada'), 'lovelace');
  });

  it('that others may write is as good as none', (t) => {
    const { write, later, account } = fileOf(t, 'ada ada\n');
    write('ada ada\n', 0o666);
    later();
    assert.throws(() => account('ada'), { code: 'IDENTITY_TABLE_UNUSABLE' });
  });

  it('that belongs to somebody else is as good as none', (t) => {
    if (process.getuid!() !== 0) return t.skip('needs root');
    const { path, account } = fileOf(t, 'ada ada\n');
    chownSync(path, 61_001, 61_001);
    assert.throws(() => account('ada'), /belongs to user 61001/);
  });
});
