/** The part that gives attempts networks of their own in which every byte is counted. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, type RunTool, runTool } from '../tool.ts';
import type { Ground } from '../walls/ground.ts';
import type { Part, Settled } from '../walls/part.ts';
import { type AccountedNetworks, openAccountedNetworks } from './accounted-networks.ts';
import { removeLeftovers } from './leftovers.ts';
import { NAMESPACES } from './names.ts';
import type { NetworkOperation } from './operation.ts';
import { type ProbedNetwork, probeNetworks } from './probe.ts';
import { resolvConf } from './resolvers.ts';

export interface NetworkWorld {
  readonly runTool: RunTool;
  readonly findTool: (name: string) => string | null;
  readonly isRoot: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told what could not be removed or made ahead. */
  readonly complain: (error: unknown) => void;
  /** Told once what an administrator should know of. */
  readonly remark: (sentence: string) => void;
}

export function realNetworkWorld(told: Pick<NetworkWorld, 'complain' | 'remark'>): NetworkWorld {
  const isRoot = process.geteuid?.() === 0;
  return { runTool, findTool, isRoot, random: Math.random, ...told };
}

export type NetworkPart = Part<'network', ProbedNetwork>;

export function createNetworkPart(world: NetworkWorld): NetworkPart {
  let found: { readonly ground: Ground; readonly facts: ProbedNetwork } | null = null;
  let networks: Promise<AccountedNetworks> | null = null;

  const open = (): Promise<AccountedNetworks> => {
    if (networks === null) for (const sentence of found!.facts.remarks) world.remark(sentence);
    networks ??= openAccountedNetworks({
      ...world,
      tag: found!.ground.tag,
      settings: found!.ground.settings.network,
      facts: found!.facts,
    });
    // A try that failed is no reason against the next one.
    networks.catch(() => {
      networks = null;
    });
    return networks;
  };

  return {
    name: 'network',

    async probe(ground) {
      const settings = ground.settings.network;
      const probed = await probeNetworks({ ...world, tag: ground.tag, settings });
      if (probed.facts !== null) {
        found = { ground, facts: probed.facts };
        writeResolvConf(ground, probed.facts);
      }
      return probed;
    },

    prepare: ({ tag }) => [{ part: 'network', do: 'serve', tag }],

    plan(plot, { network }, ground, facts) {
      if (network !== 'accounted') return null;
      const { setUpScript, tearDownScript } = ground.settings.network;
      const name = `${ground.tag}-${plot.name}`;
      return {
        operations: [
          {
            part: 'network',
            do: 'connect',
            name,
            attempt: plot.name,
            account: plot.account.name,
            setUpScript,
            tearDownScript,
          },
        ],
        walls: ['network'],
        namespaces: [`${NAMESPACES}/${name}`],
        binds:
          facts.resolvConfPath === null || plot.isolation.root !== ''
            ? []
            : [{ source: resolvConfOf(ground), target: facts.resolvConfPath, write: false }],
      };
    },

    async carryOut(operation) {
      if (operation.do === 'connect') await (await open()).connect(operation.name, operation);
    },

    /** What an earlier worker had connected is found by `clear`. */
    async undo(operation) {
      const opened = await networks?.catch(() => null);
      if (operation.do === 'connect') opened?.disconnect(operation.name);
      else if (opened) {
        networks = null;
        await opened.close();
      }
    },

    async settle(operations) {
      const opened = await networks?.catch(() => null);
      const connected = nameOf(operations);
      if (!opened || connected === null) return NOTHING;
      return { ...NOTHING, network: await opened.measure(connected) };
    },

    clear: ({ tag, settings }) =>
      removeLeftovers({ tag, settings: settings.network, runTool: world.runTool }),
  };
}

const NOTHING: Settled = { measured: [], network: {}, exceeded: null };

function nameOf(operations: readonly NetworkOperation[]): string | null {
  for (const operation of operations) if (operation.do === 'connect') return operation.name;
  return null;
}

function resolvConfOf({ directory }: Ground): string {
  return join(directory, 'walls', 'resolv.conf');
}

function writeResolvConf(ground: Ground, { resolvers }: ProbedNetwork): void {
  const path = resolvConfOf(ground);
  mkdirSync(join(ground.directory, 'walls'), { recursive: true, mode: 0o700 });
  writeFileSync(path, resolvConf(resolvers), { mode: 0o644 });
}
