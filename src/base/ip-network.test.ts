import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatIpNetwork,
  ipAddressAt,
  ipNetworksOverlap,
  parseIpNetwork,
  sizeOfIpNetwork,
} from './ip-network.ts';

const parse = (text: string) => parseIpNetwork(text)!;

describe('networks', () => {
  it('are read and written in their canonical form', () => {
    const cases = {
      '10.1.2.3/8': '10.0.0.0/8',
      '192.0.2.7': '192.0.2.7/32',
      '0.0.0.0/0': '0.0.0.0/0',
      '2001:DB8:0:0:1::/80': '2001:db8:0:0:1::/80',
      '::1': '::1/128',
      '::ffff:192.0.2.1': '::ffff:c000:201/128',
      '::/0': '::/0',
      'fd00:0:0:0:0:0:0:1/127': 'fd00::/127',
    };
    for (const [text, expected] of Object.entries(cases)) {
      assert.equal(formatIpNetwork(parse(text)), expected, text);
    }
  });

  it('are refused when they are none', () => {
    for (const text of ['', '10.0.0.0/33', '10.0.0/8', 'fe80::1%eth0', '::/129', '1.2.3.4/', 'a']) {
      assert.equal(parseIpNetwork(text), null, text);
    }
  });

  it('count their addresses', () => {
    assert.equal(ipAddressAt(parse('198.18.0.0/15'), 65_537), '198.19.0.1');
    assert.equal(ipAddressAt(parse('fd00:1::/64'), 2049), 'fd00:1::801');
    assert.equal(sizeOfIpNetwork(parse('198.18.0.0/15')), 131_072n);
    assert.throws(() => ipAddressAt(parse('192.0.2.0/30'), 4), RangeError);
  });

  it('overlap when one lies in the other', () => {
    const overlap = (one: string, other: string) => ipNetworksOverlap(parse(one), parse(other));
    assert.ok(overlap('198.18.0.0/15', '198.19.7.0/24'));
    assert.ok(overlap('198.19.7.0/24', '198.18.0.0/15'));
    assert.ok(!overlap('198.18.0.0/15', '198.20.0.0/15'));
    assert.ok(!overlap('::/0', '0.0.0.0/0'));
  });
});
