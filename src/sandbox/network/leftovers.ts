/**
 * What a killed worker with the same tag left of its networks. Everything is found by the tag, in
 * the names of chains, namespaces and devices; nothing else is looked at closer.
 */
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { messageOf } from '#base';
import type { RunTool } from '../tool.ts';
import { listChains } from './claim.ts';
import { listPairEnds } from './machine.ts';
import {
  type AttemptNetwork,
  blockOfTable,
  devicePrefix,
  NAMESPACES,
  networkOfDevice,
} from './names.ts';
import { tearDownRouting } from './routing-script.ts';
import { clearRules } from './ruleset.ts';
import type { NetworkSettings } from './settings.ts';

export interface LeftoverOptions {
  readonly tag: string;
  readonly settings: NetworkSettings;
  readonly runTool: RunTool;
}

/** Returns a sentence for each kind of thing that was removed, and for each that could not be. */
export async function removeLeftovers(options: LeftoverOptions): Promise<string[]> {
  const { tag, runTool } = options;
  const chains = await listChains(runTool).catch(() => []);
  const tables = chains.filter(({ chain }) => chain === tag).map(({ table }) => table);
  const said: string[] = [];
  for (const table of tables) said.push(...(await tearDownAll(table, options)));
  said.push(...(await removeNamespaces(options)));
  said.push(...(await removeDevices(options)));
  // Last: while it is there, what is left can be found again.
  for (const table of tables) {
    const { fault } = await runTool(['nft', 'delete', 'table', 'inet', table]);
    said.push(outcome(`the firewall table ${table}`, fault));
  }
  return said;
}

/** The scripts may have made more than Windrow knows of, so each is told. */
async function tearDownAll(table: string, options: LeftoverOptions): Promise<string[]> {
  const { runTool } = options;
  const networks = await networksIn(table, options);
  const { fault } = await runTool(['nft', '-f', '-'], { input: clearRules(table) });
  if (fault !== '') return [outcome(`the rules of ${table}`, fault)];
  const faults: string[] = [];
  for (const network of networks) {
    const tearingDown = tearDownRouting([network], { ...options, table });
    await tearingDown.catch((error) => faults.push(messageOf(error)));
  }
  return faults;
}

/** By the map that leads from devices to chains. */
async function networksIn(table: string, options: LeftoverOptions): Promise<AttemptNetwork[]> {
  const { stdout, fault } = await options.runTool([
    'nft',
    '-j',
    'list',
    'map',
    'inet',
    table,
    'outgoing',
  ]);
  if (fault !== '') return [];
  const { nftables } = JSON.parse(stdout) as {
    nftables: { map?: { elem?: [device: string, verdict: { jump?: { target: string } }][] } }[];
  };
  return nftables.flatMap(({ map }) =>
    (map?.elem ?? []).flatMap(([device, { jump }]) => {
      if (!jump || !device.startsWith(devicePrefix(options.tag))) return [];
      const network = networkOfDevice(device, blockOfTable(table), options.tag, options.settings);
      return { ...network, identifier: jump.target };
    }),
  );
}

async function removeNamespaces({ tag, runTool }: LeftoverOptions): Promise<string[]> {
  const links: string[] = [];
  const namespaces: string[] = [];
  for (const name of namesOfNamespaces()) {
    if (!name.startsWith(`${tag}-`)) continue;
    const isLink = lstatSync(`${NAMESPACES}/${name}`, { throwIfNoEntry: false })?.isSymbolicLink();
    (isLink ? links : namespaces).push(name);
  }
  for (const link of links) rmSync(`${NAMESPACES}/${link}`, { force: true });
  if (namespaces.length === 0) return [];
  const input = namespaces.map((name) => `netns del ${name}\n`).join('');
  const { fault } = await runTool(['ip', '-force', '-batch', '-'], { input });
  return [outcome(`${namespaces.length} network namespaces`, fault)];
}

function namesOfNamespaces(): string[] {
  try {
    return readdirSync(NAMESPACES);
  } catch {
    return []; // no namespace has ever had a name here
  }
}

/** Those whose other end was in no namespace any more; the others vanish with it by themselves. */
async function removeDevices({ tag, runTool }: LeftoverOptions): Promise<string[]> {
  const devices = (await listPairEnds(runTool)).filter((name) =>
    name.startsWith(devicePrefix(tag)),
  );
  if (devices.length === 0) return [];
  const input = devices.map((name) => `link del ${name}\n`).join('');
  await runTool(['ip', '-force', '-batch', '-'], { input });
  const left = (await listPairEnds(runTool)).filter((name) => devices.includes(name));
  const fault = left.length === 0 ? '' : `still there: ${left.join(', ')}`;
  return [outcome(`${devices.length} network devices`, fault)];
}

function outcome(what: string, fault: string): string {
  return fault === ''
    ? `removed ${what} that a killed worker left`
    : `could not remove ${what} that a killed worker left: ${fault}`;
}
