/**
 * The networks of a worker's attempts: each a namespace with one end of a device pair, and a chain
 * in the machine's firewall that counts. Some are made ahead, since making one takes longer than
 * many programs run; each serves one attempt and is removed after it.
 *
 *   (make) → ready → (connect) → connected → (disconnect) → removing → gone
 *   close: waits for what is being made, removes all, then the table
 */
import { rmSync, symlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { NetworkBytes } from '#model';
import type { RunTool, ToolResult } from '../tool.ts';
import { claimBlock } from './claim.ts';
import { readCounters } from './counters.ts';
import { networkErrors } from './errors.ts';
import { listPairEnds } from './machine.ts';
import {
  type AttemptNetwork,
  devicePrefix,
  MOST_NETWORKS,
  NAMESPACES,
  networkNumber,
  SERIALS,
  tableOf,
} from './names.ts';
import { lookAtFolder, putFolderBack } from './namespace-folder.ts';
import type { Resolvers } from './resolvers.ts';
import type { AttemptFacts } from './routing-script.ts';
import type { JoinedNetwork } from './ruleset.ts';
import type { NetworkSettings } from './settings.ts';
import { untilSent } from './unsent.ts';
import { NetworkWorkshop } from './workshop.ts';

/** What the probe of a machine found out. */
export interface NetworkFacts {
  readonly hasIpv6: boolean;
  /** The smallest of the devices that lead outside: nothing of an attempt's has to be cut there. */
  readonly mtu: number;
  /** Name servers that can be asked from within. */
  readonly resolvers: Resolvers;
  /** What an administrator should know of, a sentence each. */
  readonly remarks: readonly string[];
}

export interface AccountedOptions {
  readonly tag: string;
  readonly settings: NetworkSettings;
  readonly facts: NetworkFacts;
  readonly runTool: RunTool;
  /** Uniform in [0, 1): a worker that comes soon after another begins with other numbers. */
  readonly random: () => number;
  /** Told what could not be removed or made ahead; nobody waits for that. */
  readonly complain: (error: unknown) => void;
}

/** With more than these waiting for their removal, making waits too. */
const MOST_REMOVING = 64;
/** Networks are removed so many at once, or those that there are after so long. */
const MOST_LEAVING = 8;
const LEAVING_MS = 200;
/** The kernel takes devices away a little after their namespace. */
const DEVICES_GO_MS = 5000;
const LOOK_MS = 20;

/** Throws what `claimBlock` throws. */
export async function openAccountedNetworks(options: AccountedOptions): Promise<AccountedNetworks> {
  const { tag, settings, facts, runTool } = options;
  const block = await claimBlock(tag, settings, facts.resolvers.servers, runTool);
  return new AccountedNetworks(options, block);
}

interface Waiting {
  resolve(network: JoinedNetwork): void;
  reject(error: unknown): void;
}

export class AccountedNetworks {
  readonly #options: AccountedOptions;
  readonly #block: number;
  readonly #workshop: NetworkWorkshop;
  readonly #folderBefore = lookAtFolder();
  readonly #ready: JoinedNetwork[] = [];
  /** By the attempt's name. */
  readonly #connected = new Map<string, JoinedNetwork>();
  readonly #waiting: Waiting[] = [];
  readonly #making = new Set<Promise<void>>();
  readonly #removing = new Set<Promise<void>>();
  /** Addresses and zones are nobody else's until their network is removed for sure. */
  readonly #taken = new Set<string | number>();
  readonly #leaving: JoinedNetwork[] = [];
  #leavingTimer: NodeJS.Timeout | undefined;
  #serial: number;
  #closed = false;

  constructor(options: AccountedOptions, block: number) {
    const { settings, facts, runTool, random } = options;
    this.#options = options;
    this.#block = block;
    this.#serial = Math.floor(random() * SERIALS);
    this.#workshop = new NetworkWorkshop({
      settings,
      table: tableOf(block),
      mtu: facts.mtu,
      runTool,
    });
    this.#makeAhead();
  }

  /**
   * Gives the attempt a network: `/run/netns/NAME` can be entered. Throws NETWORK_NOT_MADE,
   * NETWORK_SCRIPT_FAILED, NETWORK_SCRIPT_ANSWER or NETWORK_CLOSED.
   */
  async connect(name: string, facts: AttemptFacts): Promise<void> {
    if (this.#closed) throw networkErrors.create('NETWORK_CLOSED');
    const isAhead = this.#options.settings.prepared > 0;
    const network = isAhead ? await this.#takeReady() : await this.#make(name, facts);
    this.#connected.set(name, network);
    if (network.identifier !== name) symlinkSync(network.identifier, `${NAMESPACES}/${name}`);
  }

  /**
   * Bytes so far by the comments of the rules that counted them. To be asked when the last process
   * of the attempt is gone: what it has sent and nobody has confirmed is waited for, 5 s at most.
   * Throws NETWORK_NOT_COUNTED.
   */
  async measure(name: string): Promise<NetworkBytes> {
    const network = this.#connected.get(name);
    if (!network) return {};
    const bytes = await this.#count(network);
    if (Object.values(bytes).every((count) => count === 0)) return bytes;
    await untilSent(network.identifier, this.#options.runTool);
    return this.#count(network);
  }

  /** Takes the network from the attempt at once; its removal goes on by itself. */
  disconnect(name: string): void {
    const network = this.#connected.get(name);
    if (!network) return;
    this.#connected.delete(name);
    if (network.identifier !== name) rmSync(`${NAMESPACES}/${name}`, { force: true });
    this.#removeSoon(network);
  }

  /** Resolves when nothing is left of the networks; what could not be removed was complained of. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#making);
    for (const name of [...this.#connected.keys()]) this.disconnect(name);
    for (const network of this.#ready.splice(0)) this.#removeSoon(network);
    this.#removeAll();
    await Promise.all(this.#removing);
    await this.#untilDevicesAreGone();
    const { fault } = await this.#nft('delete', 'table', 'inet', tableOf(this.#block));
    if (fault !== '') this.#complain(tableOf(this.#block), 'nft delete table', fault);
    await putFolderBack(this.#folderBefore, this.#options.runTool);
  }

  #takeReady(): Promise<JoinedNetwork> {
    const ready = this.#ready.shift();
    const { promise, resolve, reject } = Promise.withResolvers<JoinedNetwork>();
    if (ready) resolve(ready);
    else this.#waiting.push({ resolve, reject });
    this.#makeAhead();
    return promise;
  }

  /** Not one by one: when half of them are gone, all of those are made at once. */
  #makeAhead(): void {
    const { prepared } = this.#options.settings;
    const spare = this.#ready.length + this.#making.size - this.#waiting.length;
    if (prepared === 0 || this.#closed || spare > prepared / 2) return;
    for (let made = spare; made < prepared; made++) {
      const making = this.#make(null, null).then(
        (network) => this.#handOut(network),
        (error) => this.#onNotMade(error),
      );
      this.#making.add(making);
      void making.then(() => this.#making.delete(making));
    }
  }

  #handOut(network: JoinedNetwork): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve(network);
    else this.#ready.push(network);
  }

  /** Not tried again before an attempt asks: whatever is wrong would only be wrong again. */
  #onNotMade(error: unknown): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.reject(error);
    else this.#options.complain(error);
  }

  async #make(name: string | null, facts: AttemptFacts | null): Promise<JoinedNetwork> {
    while (this.#removing.size > MOST_REMOVING) await Promise.race(this.#removing);
    const network = this.#nextNetwork(name);
    this.#reserve(network, true);
    try {
      return await this.#workshop.make(network, facts);
    } catch (error) {
      this.#reserve(network, false);
      throw error;
    }
  }

  #nextNetwork(name: string | null): AttemptNetwork {
    const { tag, settings, facts } = this.#options;
    for (let tries = 0; tries < MOST_NETWORKS; tries++) {
      const next = networkNumber(this.#serial++, this.#block, tag, settings, facts.hasIpv6);
      if (this.#taken.has(next.address4) || this.#taken.has(next.zone)) continue;
      return name === null ? next : { ...next, identifier: name };
    }
    throw networkErrors.create('NETWORK_TOO_MANY', { limit: MOST_NETWORKS });
  }

  #reserve({ address4, zone }: AttemptNetwork, isTaken: boolean): void {
    for (const key of [address4, zone]) {
      if (isTaken) this.#taken.add(key);
      else this.#taken.delete(key);
    }
  }

  /** Soon, with others that end meanwhile. */
  #removeSoon(network: JoinedNetwork): void {
    this.#leaving.push(network);
    if (this.#leaving.length >= Math.min(this.#options.settings.prepared, MOST_LEAVING)) {
      this.#removeAll();
    } else this.#leavingTimer ??= setTimeout(() => this.#removeAll(), LEAVING_MS);
  }

  #removeAll(): void {
    clearTimeout(this.#leavingTimer);
    this.#leavingTimer = undefined;
    for (const network of this.#leaving.splice(0)) {
      const removing = this.#workshop.remove(network).then(
        () => this.#reserve(network, false),
        // Its address stays reserved: something may still use it.
        (error) => this.#options.complain(error),
      );
      this.#removing.add(removing);
      void removing.then(() => this.#removing.delete(removing));
    }
  }

  async #count({ identifier }: JoinedNetwork): Promise<NetworkBytes> {
    const table = tableOf(this.#block);
    const { stdout, fault } = await this.#nft('-j', 'list', 'chain', 'inet', table, identifier);
    const bytes = fault === '' ? readCounters(stdout) : null;
    if (bytes !== null) return bytes;
    const reason = fault || 'nft printed something else than a chain';
    throw networkErrors.create('NETWORK_NOT_COUNTED', { network: identifier, reason });
  }

  async #untilDevicesAreGone(): Promise<void> {
    const { tag, runTool } = this.#options;
    for (let waitedMs = 0; waitedMs < DEVICES_GO_MS; waitedMs += LOOK_MS) {
      const devices = await listPairEnds(runTool);
      if (!devices.some((name) => name.startsWith(devicePrefix(tag)))) return;
      await pause(LOOK_MS);
    }
  }

  #nft(...args: string[]): Promise<ToolResult> {
    return this.#options.runTool(['nft', ...args]);
  }

  #complain(network: string, step: string, reason: string): void {
    this.#options.complain(networkErrors.create('NETWORK_NOT_REMOVED', { network, step, reason }));
  }
}
