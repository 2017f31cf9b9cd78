import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseIpNetwork } from '#base';
import { removeLeftovers } from './leftovers.ts';
import {
  canMakeNetworks,
  NetworkField,
  NOBODY,
  SITE,
  settingsOf,
  WHY_NOT,
} from './testing/field.ts';

function script(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-script-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'script');
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

describe('counted networks', { skip: canMakeNetworks ? false : WHY_NOT }, () => {
  it('are there for fifty attempts at once, and leave nothing', async (t) => {
    const field = await new NetworkField().make(t);
    const before = await field.left();
    const networks = await field.open(t, { prepared: 4 });
    const names = Array.from({ length: 50 }, (_, index) => `${field.tag}-x${index}`);
    await Promise.all(names.map((name) => networks.connect(name, NOBODY)));
    const addresses = await Promise.all(
      names.map((name) => field.run(name, 'ip -br -4 addr show eth0')),
    );
    assert.equal(new Set(addresses.map(({ stdout }) => /198\.\S+/.exec(stdout)?.[0])).size, 50);
    for (const name of names) networks.disconnect(name);
    await networks.close();
    assert.deepEqual(await field.left(), before);
    assert.deepEqual(field.complaints, []);
  });

  it('of a killed worker are removed by the next one with its tag, and nobody else', async (t) => {
    const field = await new NetworkField().make(t);
    await field.servePeer(t, 'site');
    const torn = script(t, 'echo "$1 $2" >> "$0.log"');
    const settings = { prepared: 1, tearDownScript: torn };
    const killed = await field.open(t, { ...settings, isAbandoned: true });
    await killed.connect(`${field.tag}-x`, NOBODY);
    const neighbour = await field.open(t, { tag: field.otherTag });
    const [theirs, ours] = [`${field.otherTag}-x`, { tag: field.tag, runTool: field.runTool }];
    await neighbour.connect(theirs, NOBODY);

    const said = await removeLeftovers({ ...ours, settings: settingsOf(settings) });
    assert.match(said.join('\n'), /removed \d network namespaces/);
    assert.ok(!said.some((sentence) => sentence.startsWith('could not')), said.join('\n'));
    await field.untilNone(field.tag);
    const told = readFileSync(`${torn}.log`, 'utf8').trim().split('\n').sort();
    const digits = field.tag.slice(-8);
    assert.deepEqual(
      told,
      ['0', '1'].map((n) => `windrow-${digits}-${n} w${digits}-${n}`),
    );
    assert.deepEqual(await removeLeftovers({ ...ours, settings: settingsOf() }), []);
    await field.call(theirs, 'take', SITE.address4, 1000);
  });

  it('are routed by the site as it wants, which learns for whom', async (t) => {
    const field = await new NetworkField().make(t);
    await field.servePeer(t, 'site');
    const setUpScript = script(
      t,
      `set -eu
ip -batch - <<IP
addr add 10.99.0.1/30 dev $2
link set $2 up
IP
nft -f - <<NFT
add chain inet $WINDROW_TABLE $1
add rule inet $WINDROW_TABLE $1 iifname $2 counter accept comment "Out of $WINDROW_ACCOUNT"
add rule inet $WINDROW_TABLE $1 oifname $2 counter accept comment "In"
add rule inet $WINDROW_TABLE $1 oifname $2 counter accept
NFT
echo "$WINDROW_ATTEMPT" > "$0.log"
echo 10.99.0.2 10.99.0.1`,
    );
    const tearDownScript = script(t, 'exit 0');
    const networks = await field.open(t, { setUpScript, tearDownScript, prepared: 0 });
    const name = `${field.tag}-x`;
    await networks.connect(name, { attempt: '17.3', account: 'ada' });
    await field.run(field.namespace('site'), 'ip route add 10.99.0.0/30 via 10.61.0.1', {
      root: true,
    });
    await field.call(name, 'take', SITE.address4, 1000);
    const bytes = await networks.measure(name);
    assert.deepEqual(Object.keys(bytes), ['Out_of_ada', 'In']);
    assert.ok(bytes.Out_of_ada! > 1000 && bytes.In! > 100);
    assert.equal(readFileSync(`${setUpScript}.log`, 'utf8'), '17.3\n');
    networks.disconnect(name);
    await networks.close();
    assert.deepEqual(field.complaints, []);
  });

  it('are not given when the script of the site fails, and nothing is left of the try', async (t) => {
    const field = await new NetworkField().make(t);
    const cases = [
      ['echo "zone 7 is full" >&2; exit 3', /ended with 3; its last lines: "zone 7 is full"/],
      ['sleep 1000', /took longer than 500 ms/],
      ['echo done', /printed "done", expected lines like/],
      ['exit 0', /printed nothing about windrow-/],
      ['echo 198.18.0.2 fd00::1', /printed "198.18.0.2 fd00::1"/],
      ['echo 198.18.0.2', /made no chain windrow-\S+-x in the table inet windrow-0/],
    ] as const;
    for (const [text, expected] of cases) {
      const scriptMs = text.startsWith('sleep') ? 500 : 20_000;
      const settings = { setUpScript: script(t, text), prepared: 0, scriptMs };
      const networks = await field.open(t, settings);
      const connecting = networks.connect(`${field.tag}-x`, NOBODY);
      await assert.rejects(connecting, { message: expected });
      await networks.close();
      await field.untilNone(field.tag);
    }
  });

  it('take their addresses from different blocks, until there are no more', async (t) => {
    const field = await new NetworkField().make(t);
    const small = { inner4: parseIpNetwork('198.18.0.0/20')!, prepared: 0 };
    await field.open(t, small);
    const other = await field.open(t, { ...small, tag: field.otherTag });
    await other.connect(`${field.otherTag}-x`, NOBODY);
    const { stdout } = await field.run(`${field.otherTag}-x`, 'ip -br -4 addr show eth0');
    assert.match(stdout, /198\.18\.8\.2/);
    await assert.rejects(field.open(t, small), { code: 'NETWORK_NO_ADDRESSES' });
  });
});
