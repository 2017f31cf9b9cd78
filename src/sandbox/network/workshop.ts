/** The tools' side of making and removing networks, many at a time. */
import { existsSync } from 'node:fs';
import type { ToolResult } from '../tool.ts';
import { networkErrors } from './errors.ts';
import { Gathered } from './gathered.ts';
import { insideLines } from './inside.ts';
import { reasonOf } from './machine.ts';
import { type AttemptNetwork, NAMESPACES } from './names.ts';
import {
  type AttemptFacts,
  type InnerAddress,
  type ScriptOptions,
  setUpRouting,
  shipped,
  tearDownRouting,
} from './routing-script.ts';
import { type JoinedNetwork, joinRules, partRules, removeRules } from './ruleset.ts';

const MOST_AT_ONCE = 16;

export interface WorkshopOptions extends ScriptOptions {
  readonly mtu: number;
}

/** A network whose script has given it addresses. */
interface Routed {
  readonly joined: JoinedNetwork;
  readonly addresses: readonly InnerAddress[];
}

type Code = 'NETWORK_NOT_MADE' | 'NETWORK_NOT_REMOVED';

export class NetworkWorkshop {
  readonly #options: WorkshopOptions;
  readonly #create = gathered((group: readonly AttemptNetwork[]) => this.#createAll(group));
  readonly #route = gathered((group: readonly AttemptNetwork[]) => this.#routeAll(group, null));
  readonly #join = gathered((group: readonly JoinedNetwork[]) => this.#joinAll(group));
  readonly #configure = gathered((group: readonly Routed[]) => this.#configureAll(group));
  readonly #part = gathered((group: readonly JoinedNetwork[]) => this.#partAll(group));
  readonly #unroute = gathered((group: readonly AttemptNetwork[]) => this.#unrouteAll(group));
  readonly #destroy = gathered((group: readonly AttemptNetwork[]) => this.#destroyAll(group));

  constructor(options: WorkshopOptions) {
    this.#options = options;
  }

  /** When it fails what was done is undone. `facts` null: for whoever comes. */
  async make(network: AttemptNetwork, facts: AttemptFacts | null): Promise<JoinedNetwork> {
    let joined: JoinedNetwork | null = null;
    try {
      await this.#create.do(network);
      const routed = await (facts === null
        ? this.#route.do(network)
        : this.#routeAll([network], facts).then(([one]) => one!));
      const configured = this.#configure.do(routed);
      await this.#join.do(routed.joined).finally(() => Promise.allSettled([configured]));
      joined = routed.joined;
      await configured;
      return joined;
    } catch (error) {
      await this.#undo(network, joined).catch(() => undefined);
      throw error;
    }
  }

  /** Goes on to the end whatever fails, then rejects with the first fault. */
  remove(network: JoinedNetwork): Promise<void> {
    return this.#undo(network, network);
  }

  async #undo(network: AttemptNetwork, joined: JoinedNetwork | null): Promise<void> {
    const faults: unknown[] = [];
    const keep = (error: unknown) => void faults.push(error);
    if (joined) await this.#part.do(joined).catch(keep);
    await this.#unroute.do(network).catch(keep);
    await this.#destroy.do(network).catch(keep);
    if (faults.length > 0) throw faults[0];
  }

  async #createAll(group: readonly AttemptNetwork[]): Promise<[]> {
    const { mtu } = this.#options;
    const lines = group.flatMap(({ identifier, device }) => [
      `netns add ${identifier}`,
      `link add ${device} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${identifier}`,
      `link set ${device} addrgenmode none`,
    ]);
    const result = await this.#ip(['-batch', '-'], lines);
    // It stopped half-way; each is made again by itself, from nothing.
    if (result.fault !== '') await this.#ip(['-force', '-batch', '-'], group.map(deleteLine));
    return check('NETWORK_NOT_MADE', group, 'ip', result);
  }

  async #routeAll(group: readonly AttemptNetwork[], facts: AttemptFacts | null): Promise<Routed[]> {
    try {
      const answers = await setUpRouting(group, facts, this.#options);
      return group.map((network, index) => {
        const addresses = answers[index]!;
        const sources = addresses.map(({ address }) => address);
        return { joined: { ...network, sources }, addresses };
      });
    } catch (error) {
      if (group.length > 1) await tearDownRouting(group, this.#options).catch(() => undefined);
      throw error;
    }
  }

  async #joinAll(group: readonly JoinedNetwork[]): Promise<[]> {
    const result = await this.#nft(joinRules(this.#options.table, group));
    if (result.fault !== '' && group.length === 1) await this.#demandChain(group[0]!);
    return check('NETWORK_NOT_MADE', group, 'nft', result);
  }

  /** The one thing that a site's script can do wrong here. */
  async #demandChain({ identifier }: JoinedNetwork): Promise<void> {
    const { table, settings, runTool } = this.#options;
    const { fault } = await runTool(['nft', 'list', 'chain', 'inet', table, identifier]);
    if (fault === '') return;
    const facts = { script: settings.setUpScript, network: identifier, table };
    throw networkErrors.create('NETWORK_SCRIPT_CHAIN', facts);
  }

  async #configureAll(group: readonly Routed[]): Promise<[]> {
    const pairs = group.map(({ joined, addresses }) => [joined.identifier, insideLines(addresses)]);
    const result = await this.#options.runTool([...shipped('inside.sh'), ...pairs.flat()]);
    const networks = group.map(({ joined }) => joined);
    return check('NETWORK_NOT_MADE', networks, 'ip inside of it', result);
  }

  async #partAll(group: readonly JoinedNetwork[]): Promise<[]> {
    const result = await this.#nft(partRules(this.#options.table, group));
    return check('NETWORK_NOT_REMOVED', group, 'nft', result);
  }

  async #unrouteAll(group: readonly AttemptNetwork[]): Promise<[]> {
    await tearDownRouting(group, this.#options);
    if (this.#options.settings.tearDownScript === '') return [];
    // A site's script need not know what a chain takes to be removed.
    const result = await this.#nft(removeRules(this.#options.table, group));
    return check('NETWORK_NOT_REMOVED', group, 'nft', result);
  }

  /** With its namespace the pair of devices goes, and with the device its addresses and routes. */
  async #destroyAll(group: readonly AttemptNetwork[]): Promise<[]> {
    const result = await this.#ip(['-force', '-batch', '-'], group.filter(isThere).map(deleteLine));
    const left = group.filter(isThere);
    return left.length === 0 ? [] : check('NETWORK_NOT_REMOVED', left, 'ip', result);
  }

  #ip(args: readonly string[], lines: readonly string[]): Promise<ToolResult> {
    return this.#options.runTool(['ip', ...args], { input: `${lines.join('\n')}\n` });
  }

  #nft(input: string): Promise<ToolResult> {
    return this.#options.runTool(['nft', '-f', '-'], { input });
  }
}

function gathered<Item, Result = void>(
  act: (group: readonly Item[]) => Promise<readonly Result[]>,
): Gathered<Item, Result> {
  return new Gathered(act, MOST_AT_ONCE);
}

function isThere({ identifier }: AttemptNetwork): boolean {
  return existsSync(`${NAMESPACES}/${identifier}`);
}

function deleteLine({ identifier }: AttemptNetwork): string {
  return `netns del ${identifier}`;
}

/** `[]`: there is nothing to say about any of them. */
function check(code: Code, group: readonly AttemptNetwork[], step: string, result: ToolResult): [] {
  if (result.fault === '') return [];
  const network = group.map(({ identifier }) => identifier).join(', ');
  throw networkErrors.create(code, { network, step, reason: reasonOf(result) });
}
