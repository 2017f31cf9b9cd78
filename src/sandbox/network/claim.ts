/**
 * Each worker of a machine has a block of inner addresses, and a table of the firewall that is named
 * by the block: the kernel makes a table once only, so two workers never get the same.
 */
import { formatIpNetwork } from '#base';
import type { RunTool } from '../tool.ts';
import { networkErrors } from './errors.ts';
import { blocksOf, tableOf } from './names.ts';
import { tableRules } from './ruleset.ts';
import type { NetworkSettings } from './settings.ts';

/** Takes the first free block and returns its number. Throws NETWORK_NO_ADDRESSES or NETWORK_NOT_MADE. */
export async function claimBlock(
  tag: string,
  settings: NetworkSettings,
  resolvers: readonly string[],
  runTool: RunTool,
): Promise<number> {
  const blocks = blocksOf(settings);
  const taken = new Set((await listChains(runTool)).map(({ table }) => table));
  for (let block = 0; block < blocks; block++) {
    const table = tableOf(block);
    if (taken.has(table)) continue;
    const { fault } = await runTool(['nft', '-f', '-'], {
      input: tableRules(table, tag, settings, resolvers),
    });
    if (fault === '') return block;
    // Another worker was quicker, or nothing of this is possible.
    const isThere = (await listChains(runTool)).some((chain) => chain.table === table);
    if (isThere) continue;
    throw networkErrors.create('NETWORK_NOT_MADE', { network: table, step: 'nft', reason: fault });
  }
  const inner = [settings.inner4, settings.inner6].map(formatIpNetwork).join(', ');
  throw networkErrors.create('NETWORK_NO_ADDRESSES', { blocks, inner });
}

export interface ListedChain {
  readonly table: string;
  readonly chain: string;
}

/** The chains of all `inet` tables that may be Windrow's. */
export async function listChains(runTool: RunTool): Promise<ListedChain[]> {
  const { stdout, fault } = await runTool(['nft', '-j', 'list', 'chains', 'inet']);
  if (fault !== '') {
    throw networkErrors.create('NETWORK_NOT_MADE', {
      network: 'windrow',
      step: 'nft -j list chains inet',
      reason: fault,
    });
  }
  const { nftables } = JSON.parse(stdout) as {
    nftables: { chain?: { table: string; name: string } }[];
  };
  return nftables
    .flatMap(({ chain }) => (chain ? [{ table: chain.table, chain: chain.name }] : []))
    .filter(({ table }) => /^windrow-\d+$/.test(table));
}
