/**
 * Each test climbs a wall, then takes the wall away and climbs again: a wall that nothing stands
 * behind would be no wall.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { AccountedNetworks } from './accounted-networks.ts';
import { INDEXES } from './names.ts';
import {
  canMakeNetworks,
  FORBIDDEN,
  HOST,
  NetworkField,
  NOBODY,
  SITE,
  WHY_NOT,
  WORLD,
} from './testing/field.ts';

interface Scene {
  readonly field: NetworkField;
  readonly networks: AccountedNetworks;
  readonly name: string;
}

async function scene(t: TestContext, settings = {}): Promise<Scene> {
  const field = await new NetworkField().make(t);
  const networks = await field.open(t, settings);
  const name = `${field.tag}-x`;
  await networks.connect(name, NOBODY);
  return { field, networks, name };
}

const refused =
  /No route to host|Permission denied|Network is unreachable|Connection refused|timed out/;

describe('an attempt with a counted network', { skip: canMakeNetworks ? false : WHY_NOT }, () => {
  it('cannot talk to a forbidden network, and its tries are counted', async (t) => {
    const { field, networks, name } = await scene(t, { prepared: 1 });
    await field.servePeer(t, 'world');
    for (const address of Object.values(FORBIDDEN)) {
      await assert.rejects(field.call(name, 'take', address, 10), refused);
    }
    const { Refused, OutgoingExternal } = await networks.measure(name);
    assert.equal(OutgoingExternal, 0);
    assert.equal(Refused, 60 + 80, 'one packet of TCP for each');

    const open = await field.open(t, { forbidden: [], tag: field.otherTag });
    await open.connect(`${field.otherTag}-y`, NOBODY);
    for (const address of Object.values(FORBIDDEN)) {
      await field.call(`${field.otherTag}-y`, 'take', address, 10);
    }
  });

  it('cannot send from an address that is not its own', async (t) => {
    const { field, name } = await scene(t);
    // Echo requests that claim to come from elsewhere; only root could even make them.
    const spoof = (from: string) =>
      field.run(
        name,
        `python3 -c "
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
icmp = struct.pack('!BBHHH', 8, 0, 0xf7ff, 0, 0)
ip = struct.pack('!BBHHHBBH4s4s', 69, 0, 28, 1, 0, 64, 1, 0, socket.inet_aton('${from}'), socket.inet_aton('${WORLD.address4}'))
s.sendto(ip + icmp, ('${WORLD.address4}', 0))"`,
        { root: true },
      );
    const heard = await field.countEchoRequests(t, 'world');
    for (const from of [SITE.address4, HOST.address4, '198.18.0.3', '198.51.100.7']) {
      assert.deepEqual(await spoof(from), { code: 0, stdout: '', stderr: '' });
    }
    // What is its own comes through, so the others would have been heard by now.
    await spoof('198.18.0.2');
    await heard.until(1);
    assert.equal(heard.count(), 1);

    await field.takeAway(field.tag);
    await spoof('198.51.100.7');
    await heard.until(2);
  });

  it('cannot make raw packets, change its device or enter the network of a neighbour', async (t) => {
    const { field, networks, name } = await scene(t, { prepared: 2 });
    await networks.connect(`${field.tag}-y`, NOBODY);
    const tries = {
      raw: `python3 -c "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"`,
      packet: `python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)"`,
      address: 'ip addr add 198.18.0.77/32 dev eth0',
      down: 'ip link set eth0 down',
      route: 'ip route add 10.0.0.0/8 dev eth0',
      neighbour: `nsenter --net=/run/netns/${field.tag}-y true`,
      host: `nsenter --net=/run/netns/${field.namespace('host')} true`,
      rules: 'nft list ruleset | grep -q windrow',
    };
    for (const [what, command] of Object.entries(tries)) {
      const { code } = await field.run(name, command);
      assert.notEqual(code, 0, what);
    }
    for (const what of ['raw', 'packet', 'address', 'neighbour', 'host'] as const) {
      const { code, stderr } = await field.run(name, tries[what], { root: true });
      assert.equal(code, 0, `${what}, with the capabilities: ${stderr}`);
    }
  });

  it("reaches neither the machine's own addresses nor its loopback", async (t) => {
    const { field, name } = await scene(t);
    await field.servePeer(t, 'host');
    const gateways = ['198.18.0.1', 'fd77:696e:6472::1'];
    const outer = ['203.0.113.1', '2001:db8:61::1', ...Object.values(HOST)];
    for (const address of ['127.0.0.1', '::1', ...gateways, ...outer]) {
      await assert.rejects(field.call(name, 'take', address, 10), refused, address);
    }
    await field.takeAway('input');
    await field.takeAway('output');
    for (const address of [...gateways, ...outer]) await field.call(name, 'take', address, 10);
  });

  it('is not reached by a neighbour, nor by others of the site', async (t) => {
    const { field, networks, name } = await scene(t, { prepared: 2 });
    const neighbour = `${field.tag}-y`;
    await networks.connect(neighbour, NOBODY);
    await field.servePeer(t, name);
    const own = (await field.run(name, 'hostname -I || ip -br addr show eth0')).stdout;
    const [address4, address6] = own.trim().split(/\s+/);
    const addresses = [address4!, address6!];
    const callers = [neighbour, field.namespace('site'), field.namespace('host')];
    await field.run(
      field.namespace('site'),
      `ip route add 198.18.0.0/15 via ${HOST.address4}; ip route add fd77:696e:6472::/48 via ${HOST.address6}`,
      { root: true },
    );
    const reach = (caller: string, address: string, patienceS = 1) =>
      field.call(caller, 'take', address, 10, patienceS);
    for (const caller of callers) {
      for (const address of addresses) {
        await assert.rejects(reach(caller, address), refused, `${caller} ${address}`);
      }
    }
    for (const chain of ['forward', 'output', 'input']) await field.takeAway(chain);
    for (const caller of callers) await reach(caller, addresses[0]!, 20);
  });

  it('cannot fill the table of connections of the machine', async (t) => {
    const { field, name } = await scene(t, { mostConnections: 40 });
    await field.servePeer(t, 'world');
    assert.equal(await field.call(name, 'flows', WORLD.address4, 200), '40');
    assert.ok((await field.countTracked('198.18.0.2')) <= 40);

    const unlimited = await field.open(t, { mostConnections: 0, tag: field.otherTag });
    await unlimited.connect(`${field.otherTag}-y`, NOBODY);
    assert.equal(await field.call(`${field.otherTag}-y`, 'flows', WORLD.address4, 200), '200');
  });

  it('gets no packets that were for an earlier attempt with its address', async (t) => {
    const { field, networks, name } = await scene(t);
    // A peer that answers one datagram again and again.
    const chatty = `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 7002)); print('ready')
data, sender = s.recvfrom(100)
while True:
    try: s.sendto(bytes(500), sender)
    except OSError: pass
    time.sleep(0.005)`;
    await field.serve(t, 'world', chatty);
    const receive = (patienceS: number, hello = '') => `python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 5555)); s.settimeout(${patienceS})
${hello}
print(len(s.recv(1000)))"`;
    const ask = receive(20, `s.sendto(b'?', ('${WORLD.address4}', 7002))`);
    assert.equal((await field.run(name, ask)).stdout, '500\n');
    networks.disconnect(name);
    await networks.close();

    const later = await field.open(t, { serial: INDEXES });
    await later.connect(name, NOBODY);
    assert.match((await field.run(name, 'ip -br addr show eth0')).stdout, /198\.18\.0\.2\/32/);
    assert.notEqual((await field.run(name, receive(1))).code, 0);
    assert.equal((await later.measure(name)).IncomingExternal, 0);
    later.disconnect(name);
    await later.close();

    const confused = await field.open(t, { serial: 0 });
    await confused.connect(name, NOBODY);
    assert.equal(
      (await field.run(name, receive(20))).stdout,
      '500\n',
      'with the zone of the other',
    );
  });
});
