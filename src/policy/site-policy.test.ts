import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSitePolicy } from './site-policy.ts';

const read = (text: string) => readSitePolicy(text, 'p.conf');
const refused = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    const { code, message } = error as Error & { code: string };
    assert.equal(code, 'POLICY_FILE_WRONG');
    return message;
  }
  return assert.fail('it was taken');
};

describe('policy files', () => {
  it('put macros in, choose by conditions, and let the last value count', () => {
    const { policy, warnings } = read(`
LIMIT = 1
limit = 2
if defined NOTHING
  SYSTEM_PERIODIC_HOLD = 1
elif true
  SYSTEM_PERIODIC_HOLD = DiskUsage > $(Limit) * $(FACTOR:1000)
else
  SYSTEM_PERIODIC_HOLD = 3
endif
SYSTEM_PERIODIC_RELEASE @=end
  HoldReasonCode == 26
  && NumHolds < 3
@end
if ! $(LIMIT)
  include : /etc/passwd
endif
`);
    assert.equal(policy.hold.length, 1);
    assert.equal(policy.release.length, 1);
    assert.deepEqual(warnings, []);
  });

  it('tell every problem by file and line, with a mark in expressions', () => {
    const message = refused(`SYSTEM_PERIODIC_HOLD = DiskUsage >
what is this
include : other.conf
SYSTEM_PERIODIC_REMOVE_NAMES = GONE
A = $(B)
B = $(A)
SYSTEM_MAX_RELEASES = many
if banana
endif
else
if true
`);
    const expected = [
      'p.conf:1: SYSTEM_PERIODIC_HOLD: expected an operand, found the end, at column 12',
      'p.conf:2: found "what is this", expected NAME = VALUE',
      'p.conf:3: "include" is not supported',
      'p.conf:4: SYSTEM_PERIODIC_REMOVE_NAMES names GONE, but there is no SYSTEM_PERIODIC_REMOVE_GONE',
      'p.conf:5: A: $(A) leads back to itself',
      'p.conf:7: SYSTEM_MAX_RELEASES: found "many"',
      'p.conf:8: found the condition "banana"',
      'p.conf:10: "else" without "if"',
      'p.conf:11: this "if" has no "endif"',
    ];
    for (const one of expected) assert.ok(message.includes(one), `${one}\nin\n${message}`);
  });

  it('warn of what looks like a policy and is looked at by nobody', () => {
    const { warnings } = read(
      'SYSTEM_PERIODIC_HOLD_DISK = true\nSYSTEM_PERIODIC_VACATE = 1\nSTART = true\nMY_OWN = 1',
    );
    assert.equal(warnings.length, 3);
    assert.match(
      warnings[0]!,
      /p\.conf:1: SYSTEM_PERIODIC_HOLD_DISK is no policy that Windrow knows/,
    );
  });

  it('that grow without end are refused, quickly', { timeout: 20_000 }, () => {
    const doubling = Array.from({ length: 60 }, (_, i) => `M${i + 1} = $(M${i})$(M${i})`);
    assert.match(
      refused(`M0 = xxxxxxxxxxxxxxxx\n${doubling.join('\n')}\n`),
      /more than 65536 characters/,
    );
    const many = Array.from({ length: 60_000 }, (_, i) => `A${i} = 1`).join('\n');
    assert.match(refused(many), /at most 50000/);
    const chain = Array.from({ length: 200 }, (_, i) => `C${i + 1} = $(C${i})`);
    assert.match(refused(`C0 = 1\n${chain.join('\n')}`), /more than 64 deep/);
    const names = Array.from({ length: 2000 }, (_, i) => `N${i}`).join(' ');
    assert.match(refused(`SYSTEM_PERIODIC_HOLD_NAMES = ${names}`), /at most 1000/);
  });
});
