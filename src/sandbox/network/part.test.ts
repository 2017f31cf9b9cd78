import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseIpNetwork } from '#base';
import { findTool } from '../tool.ts';
import type { Ground, Plot } from '../walls/ground.ts';
import { createNetworkPart, type NetworkWorld } from './part.ts';
import {
  canMakeNetworks,
  NetworkField,
  SITE,
  settingsOf,
  WHY_NOT,
  WORLD,
} from './testing/field.ts';

function groundOf(t: TestContext, field: NetworkField, settings = settingsOf()): Ground {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-ground-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const base = { tag: field.tag, uid: 0, gid: 0, directory };
  return { ...base, settings: { network: settings } } as unknown as Ground;
}

function worldOf(field: NetworkField, overrides: Partial<NetworkWorld> = {}): NetworkWorld {
  const complain = (error: unknown) => void field.complaints.push(String(error));
  const { runTool } = field;
  return {
    runTool,
    findTool,
    isRoot: true,
    random: () => 0,
    complain,
    remark: () => undefined,
    ...overrides,
  };
}

const plot = {
  name: '3fa9-17',
  isolation: { root: '' },
  account: { name: 'slot1_user', uid: 1000, gid: 1000, groups: [] },
} as unknown as Plot;

it('a worker that is not root has no counted networks, and touches nothing to find out', async () => {
  const ran: string[] = [];
  const part = createNetworkPart({
    runTool: async ([file]) => {
      ran.push(file);
      return { exitCode: 1, stdout: '', stderr: '', fault: 'refused' };
    },
    findTool: () => null,
    isRoot: false,
    random: () => 0,
    complain: () => undefined,
    remark: () => undefined,
  });
  const ground = { tag: 'windrow-00000000', settings: { network: settingsOf() } };
  const { facts, abilities } = await part.probe(ground as unknown as Ground);
  assert.equal(facts, null);
  assert.match(JSON.stringify(abilities), /not root.*run the worker as root/);
  assert.deepEqual(ran, []);
});

describe('counted networks as a wall', { skip: canMakeNetworks ? false : WHY_NOT }, () => {
  it('are found possible by making one, and go from plan to figures to nothing', async (t) => {
    const field = await new NetworkField().make(t);
    await field.servePeer(t, 'site');
    const part = createNetworkPart(worldOf(field));
    const settings = settingsOf({ resolvers: ['10.61.0.2'], prepared: 2 });
    const ground = groundOf(t, field, settings);
    const { facts, abilities } = await part.probe(ground);
    assert.deepEqual(await field.left(), [], 'a probe leaves nothing');
    assert.equal(abilities[0]!.able, true);
    assert.deepEqual(facts!.remarks, []);

    const walls = new Set<never>();
    assert.equal(part.plan(plot, { walls, network: 'host' }, ground, facts!), null);
    const plan = part.plan(plot, { walls, network: 'accounted' }, ground, facts!)!;
    const [bind] = plan.binds!;
    assert.equal(readFileSync(bind!.source, 'utf8').split('\n')[0], 'nameserver 10.61.0.2');
    const [serve] = part.prepare!(ground, facts!);
    await part.carryOut(serve!);
    await part.carryOut(plan.operations[0]!);
    const namespace = plan.namespaces![0]!.slice('/run/netns/'.length);
    await field.call(namespace, 'take', SITE.address4, 1000);
    const { network } = await part.settle!(plan.operations);
    assert.ok(network.OutgoingInternal! > 1000);
    await part.undo(plan.operations[0]!);
    await part.undo(plan.operations[0]!);
    await part.undo(serve!);
    await part.undo(serve!);
    assert.deepEqual(await field.left(), []);
    assert.deepEqual(field.complaints, []);
  });

  it('are impossible for a reason that has a remedy', async (t) => {
    const field = await new NetworkField().make(t);
    const probed = async (world: Partial<NetworkWorld>, settings = settingsOf()) => {
      const part = createNetworkPart(worldOf(field, world));
      const { facts, abilities } = await part.probe(groundOf(t, field, settings));
      assert.equal(facts, null);
      const [ability] = abilities;
      return ability!.able ? 'able' : `${ability!.reason}: ${ability!.remedy}`;
    };
    const lacking = (name: string) => (name === 'nft' ? null : findTool(name));
    const inner4 = parseIpNetwork('10.61.0.0/16')!;
    assert.match(
      await probed({ findTool: lacking }),
      /no nft: install it \("apt install nftables"/,
    );
    assert.match(
      await probed({}, settingsOf({ inner4 })),
      /10\.61\.0\.0\/16 overlaps with 10\.61\.0\.0\/24, which lies at site: set ipv4 in the section/,
    );
    await field.forward(false);
    assert.match(
      await probed({}),
      /does not forward packets .*: sudo sysctl net\.ipv4\.ip_forward=1/,
    );
    assert.deepEqual(await field.left(), []);
  });

  it('are possible where only the way outside forwards, and then without IPv6', async (t) => {
    const field = await new NetworkField().make(t);
    await field.forward(false);
    const set = 'echo 1 > /proc/sys/net/ipv4/conf/world/forwarding';
    await field.run(field.namespace('host'), set, { root: true });
    await field.runTool(['nft', 'add table ip guard']);
    const drops = 'add chain ip guard fw { type filter hook forward priority 0; policy drop; }';
    await field.runTool(['nft', drops]);
    await field.runTool(['ip', '-6', 'route', 'add', 'default', 'dev', 'world']);
    const part = createNetworkPart(worldOf(field));
    const ground = groundOf(t, field);
    const { abilities, facts } = await part.probe(ground);
    const remarks = facts!.remarks.join('\n');
    assert.equal(abilities[0]!.able, true);
    assert.match(remarks, /no IPv6/);
    assert.match(remarks, /drops what is forwarded \(ip guard fw\)/);

    await field.runTool(['nft', 'delete table ip guard']);
    await field.servePeer(t, 'world');
    const wanted = { walls: new Set<never>(), network: 'accounted' } as const;
    const [connect] = part.plan(plot, wanted, ground, facts!)!.operations;
    await part.carryOut(connect!);
    const name = `${field.tag}-${plot.name}`;
    await field.call(name, 'take', WORLD.address4, 1000);
    await assert.rejects(field.call(name, 'take', WORLD.address6, 10), /unreachable/);
    await part.undo({ part: 'network', do: 'serve', tag: field.tag });
  });
});
