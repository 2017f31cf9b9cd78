/**
 * The scripts that join networks of attempts to the outside and part them again: the site's own, or
 * those that come with Windrow. docs/guide/network.md has the contract.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatIpNetwork } from '#base';
import type { RunTool } from '../tool.ts';
import { networkErrors } from './errors.ts';
import { type AttemptNetwork, gatewaysOf } from './names.ts';
import type { NetworkSettings } from './settings.ts';

/** One address that the script gave a network. */
export interface InnerAddress {
  readonly address: string;
  /** Null: everything is reached on the device itself. */
  readonly gateway: string | null;
}

/** Which attempt a network is for, as far as a script may want to know. */
export interface AttemptFacts {
  readonly attempt: string;
  readonly account: string;
}

export interface ScriptOptions {
  readonly settings: NetworkSettings;
  readonly table: string;
  readonly runTool: RunTool;
}

const MOST_ADDRESSES = 16;
const LAST_LINES = 3;
const LONGEST_QUOTE = 300;
const EXPECTED = 'lines like "198.18.0.2 198.18.0.1": an inner address and perhaps its gateway';

/**
 * The addresses of each network, in their order. Throws NETWORK_SCRIPT_FAILED or
 * NETWORK_SCRIPT_ANSWER. `facts` are known only of a single network.
 */
export async function setUpRouting(
  networks: readonly AttemptNetwork[],
  facts: AttemptFacts | null,
  options: ScriptOptions,
): Promise<InnerAddress[][]> {
  const own = options.settings.setUpScript;
  const command: Command = own === '' ? shipped('set-up.sh') : [own];
  return readAnswer(await runScript(command, networks, facts, options), networks, command);
}

/** Throws NETWORK_SCRIPT_FAILED. */
export async function tearDownRouting(
  networks: readonly AttemptNetwork[],
  options: ScriptOptions,
): Promise<void> {
  const own = options.settings.tearDownScript;
  await runScript(own === '' ? shipped('tear-down.sh') : [own], networks, null, options);
}

const SHIPPED = fileURLToPath(new URL('./routing', import.meta.url));

/** A script that comes with Windrow; unpacked from one file it may lack its execute bit. */
export function shipped(name: string): [string, string] {
  return ['/bin/sh', join(SHIPPED, name)];
}

/** Ends with the script. */
type Command = readonly [string, ...string[]];

async function runScript(
  command: Command,
  networks: readonly AttemptNetwork[],
  facts: AttemptFacts | null,
  { settings, table, runTool }: ScriptOptions,
): Promise<string> {
  const { gateway4, gateway6 } = gatewaysOf(settings);
  const groups = networks.map((n) => [n.identifier, n.device, n.address4, n.address6]);
  const result = await runTool([...command, ...groups.flat()], {
    environment: {
      WINDROW_TABLE: table,
      WINDROW_GATEWAY4: gateway4,
      WINDROW_GATEWAY6: gateway6,
      WINDROW_INTERNAL: settings.internal.map(formatIpNetwork).join(' '),
      WINDROW_CONNECTIONS: String(settings.mostConnections),
      ...(facts && { WINDROW_ATTEMPT: facts.attempt, WINDROW_ACCOUNT: facts.account }),
    },
    timeoutMs: settings.scriptMs,
  });
  if (result.exitCode === 0) return result.stdout;
  const lines = lastLines(result.stderr || result.stdout);
  const how = result.exitCode === null ? result.fault : `it ended with ${result.exitCode}`;
  const reason = lines === '' ? how : `${how}; its last lines: ${lines}`;
  const network = networks.map(({ identifier }) => identifier).join(', ');
  const script = command.at(-1)!;
  throw networkErrors.create('NETWORK_SCRIPT_FAILED', { script, network, reason });
}

/** Lines may begin with the identifier; where there is but one network they need not. */
function readAnswer(
  output: string,
  networks: readonly AttemptNetwork[],
  command: Command,
): InnerAddress[][] {
  const refuse = (found: string) => {
    const facts = { script: command.at(-1)!, found, expected: EXPECTED };
    return networkErrors.create('NETWORK_SCRIPT_ANSWER', facts);
  };
  const answers = new Map(networks.map(({ identifier }) => [identifier, [] as InnerAddress[]]));
  const alone = networks.length === 1 ? networks[0]!.identifier : '';
  for (const line of output.split('\n').filter((text) => text.trim() !== '')) {
    const words = line.trim().split(/\s+/);
    const identifier = answers.has(words[0]!) ? words.shift()! : alone;
    const address = readAddress(words);
    const known = answers.get(identifier);
    if (!known || !address) throw refuse(JSON.stringify(line.slice(0, LONGEST_QUOTE)));
    if (known.push(address) > MOST_ADDRESSES) throw refuse(`more than ${MOST_ADDRESSES} lines`);
  }
  const silent = [...answers].find(([, addresses]) => addresses.length === 0)?.[0];
  if (silent !== undefined) throw refuse(`nothing about ${silent}`);
  return [...answers.values()];
}

function readAddress([address = '', gateway, ...more]: readonly string[]): InnerAddress | null {
  const isFamily = isIPv4(address) ? isIPv4 : isIPv6(address) ? isIPv6 : null;
  if (isFamily === null || more.length > 0) return null;
  if (gateway !== undefined && !isFamily(gateway)) return null;
  return { address, gateway: gateway ?? null };
}

function lastLines(output: string): string {
  const lines = output.trim().split('\n').slice(-LAST_LINES);
  const text = lines.map((line) => line.trim()).join(' / ');
  return text === '' ? '' : JSON.stringify(text.slice(-LONGEST_QUOTE));
}
