import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canMakeNetworks, NetworkField, NOBODY, SITE, WHY_NOT, WORLD } from './testing/field.ts';

const MEGABYTE = 1_000_000;
/** Of 1460 bytes of payload 40 (IPv6: 60) are headers and 12 are options; answers have only those. */
const OVERHEAD = 0.1;

function assertAbout(found: number | undefined, sent: number, what: string): void {
  const most = sent * (1 + OVERHEAD) + 1000;
  assert.ok(found! >= sent && found! <= most, `${what}: counted ${found}, sent ${sent}`);
}

describe('the bytes of an attempt', { skip: canMakeNetworks ? false : WHY_NOT }, () => {
  it('are counted in both directions, for site and world, with IPv4 and IPv6', async (t) => {
    const field = await new NetworkField().make(t);
    await field.servePeer(t, 'site');
    await field.servePeer(t, 'world');
    const networks = await field.open(t);
    for (const [kind, peer] of [
      ['Internal', SITE],
      ['External', WORLD],
    ] as const) {
      for (const address of [peer.address4, peer.address6]) {
        const name = `${field.tag}-x`;
        await networks.connect(name, NOBODY);
        await field.call(name, 'take', address, 3 * MEGABYTE);
        await field.call(name, 'send', address, MEGABYTE);
        const bytes = await networks.measure(name);
        networks.disconnect(name);
        assertAbout(bytes[`Outgoing${kind}`], 3 * MEGABYTE, `out to ${address}`);
        assertAbout(bytes[`Incoming${kind}`], MEGABYTE, `in from ${address}`);
        const other = kind === 'Internal' ? 'External' : 'Internal';
        assert.equal(bytes[`Outgoing${other}`], 0, `out to others than ${address}`);
        assert.equal(bytes[`Incoming${other}`], 0, `in from others than ${address}`);
      }
    }
  });

  it('are exact to the byte for datagrams and echo requests', async (t) => {
    const field = await new NetworkField().make(t);
    await field.servePeer(t, 'world');
    const networks = await field.open(t);
    const udp = 1000 + 8;
    const expected = { [WORLD.address4]: udp + 20, [WORLD.address6]: udp + 40 };
    for (const verb of ['udp', 'icmp'] as const) {
      for (const [address, each] of Object.entries(expected)) {
        const name = `${field.tag}-x`;
        await networks.connect(name, NOBODY);
        await field.call(name, verb, address, 25);
        const bytes = await networks.measure(name);
        networks.disconnect(name);
        assert.equal(bytes.OutgoingExternal, 25 * each, `${verb} to ${address}`);
        assert.equal(bytes.IncomingExternal, 25 * each, `${verb} from ${address}`);
      }
    }
  });

  it('include those of every process, and what an ended one had left to the kernel', async (t) => {
    const field = await new NetworkField().make(t);
    // Takes nothing for a while, so that most is still with the sender when that one ends.
    const slow = `import socket, time
s = socket.create_server(('', 7001)); print('ready')
while True:
    c, _ = s.accept(); time.sleep(0.3)
    while c.recv(65536): pass`;
    await field.serve(t, 'world', slow);
    const networks = await field.open(t);
    const name = `${field.tag}-x`;
    await networks.connect(name, NOBODY);
    const python = `import socket; c = socket.create_connection(('${WORLD.address4}', 7001))
c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4000000); c.sendall(bytes(1500000))`;
    const { code, stderr } = await field.run(
      name,
      `for i in 1 2; do python3 -c "${python}" & done; wait`,
    );
    assert.equal(code, 0, stderr);
    const bytes = await networks.measure(name);
    assertAbout(bytes.OutgoingExternal, 2 * 1_500_000, 'out');
  });

  it('of one attempt are not those of another, though they come at once', async (t) => {
    const field = await new NetworkField().make(t);
    await field.servePeer(t, 'site');
    const networks = await field.open(t, { prepared: 4 });
    const sizes = [1, 2, 3, 4].map((n) => n * 300_000);
    const counted = await Promise.all(
      sizes.map(async (size) => {
        const name = `${field.tag}-x${size}`;
        await networks.connect(name, NOBODY);
        await field.call(name, 'take', SITE.address4, size);
        const { OutgoingInternal } = await networks.measure(name);
        networks.disconnect(name);
        return OutgoingInternal;
      }),
    );
    for (const [index, size] of sizes.entries()) assertAbout(counted[index], size, `${size}`);
  });
});
