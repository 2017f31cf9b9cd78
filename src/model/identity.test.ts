import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideIdentity, parseIdentityTable } from './identity.ts';

const TABLE = `
# who                        account   machine
ada@uni.example              ada
"CN=Grace \\"Amazing\\" Hopper, O=Navy"  grace     node*
mallory@site.example         -
grid-*                       pool1     node1
grid-*                       pool2
/(\\w+)@(a|b)\\.site\\.example/   \\1_\\2
/.*@site\\.example/            visitor
root@uni.example             root
/(.*)@open\\.example/          \\1
`;

function decide(name: string, machine = 'node7'): string | null {
  const parsed = parseIdentityTable(TABLE);
  assert.ok('table' in parsed, JSON.stringify(parsed));
  const { account, rule } = decideIdentity(parsed.table, name, machine);
  return account === null ? `refused by ${rule?.line ?? 'none'}` : account;
}

describe('a table of identities', () => {
  it('gives the account of the first line that fits', () => {
    const cases = {
      'ada@uni.example': 'ada',
      'CN=Grace "Amazing" Hopper, O=Navy': 'grace',
      'grid-17': 'pool2',
      'bob@a.site.example': 'bob_a',
      'bob@site.example': 'visitor',
    };
    for (const [name, account] of Object.entries(cases)) assert.equal(decide(name), account);
  });

  it('refuses whom no line knows, and whom a line refuses', () => {
    for (const name of ['', 'Ada@uni.example', 'ada@uni.example.evil.org', 'x'.repeat(1001)]) {
      assert.equal(decide(name), 'refused by none', name);
    }
    assert.equal(decide('mallory@site.example'), 'refused by 5');
  });

  it('never gives root, a number or what is no name', () => {
    assert.equal(decide('root@uni.example'), 'refused by 10');
    for (const name of ['root', '0', '', '../x', 'a b', '-rf', '$(id)', 'a:b', 'a\nroot']) {
      assert.match(decide(`${name}@open.example`)!, /^refused/, name);
    }
    assert.equal(decide('eve@open.example'), 'eve');
  });

  it('has lines for some machines only', () => {
    assert.equal(decide('grid-17', 'node1'), 'pool1');
    assert.equal(decide('CN=Grace "Amazing" Hopper, O=Navy', 'head'), 'refused by none');
  });

  it('is refused as a whole when a line is wrong', () => {
    const parsed = parseIdentityTable('ada ada\nbob\n"open ada\n/(/ x\na b c d\nx a;b\n');
    assert.ok('problems' in parsed);
    assert.deepEqual(
      parsed.problems.map((problem) => problem.slice(0, 30)),
      [
        'line 2: expected a name and an',
        'line 3: a quote is not closed',
        'line 4: the regular expression',
        'line 5: expected at most three',
        'line 6: "a;b" is no name of an',
      ],
    );
  });
});
