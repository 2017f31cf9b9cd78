import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { cleanName, cutMessage, MESSAGE_MOST, NAME_MOST } from './report.ts';

/** Bytes that stay for each of `count` parts of texts of a mebibyte each. */
function keptBytesEach(make: string): number {
  const program = `
    import { cleanName, cutMessage } from ${JSON.stringify(import.meta.resolve('./report.ts'))};
    const kept = [];
    const make = (text) => ${make};
    for (let i = 0; i < 50; i++) kept.push(make(String(i).padEnd(1 << 20, 'x y ').toLowerCase()));
    gc();
    console.log(process.memoryUsage().heapUsed / kept.length);`;
  const argv = ['--expose-gc', '--input-type=module', '-e', program];
  return Number(execFileSync(process.execPath, argv, { encoding: 'utf8' }));
}

describe('what is kept of a long text', () => {
  it('is a copy, which does not keep the text', () => {
    const parts = ['cleanName(text)', 'cutMessage(text)', 'cutMessage(/^(.{100})/.exec(text)[1])'];
    for (const part of parts) assert.ok(keptBytesEach(part) < 500_000, part);
  });

  it('says the same', () => {
    assert.equal(cleanName('ä'.repeat(300)), 'ä'.repeat(NAME_MOST));
    assert.equal(cleanName('a name\nof two lines \ud800'), 'a name\ufffdof two lines \ufffd');
    for (const text of ['', 'short', 'longer than twelve: ä€😀', 'a lone surrogate: \ud800 !']) {
      assert.equal(cutMessage(text), text);
    }
    assert.match(cutMessage('x'.repeat(MESSAGE_MOST + 7)), /^x{65536}… \[7 more characters\]$/);
  });
});
