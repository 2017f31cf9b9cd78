/** What the networks of attempts must know about the machine's own. */
import { type IpNetwork, parseIpNetwork } from '#base';
import type { RunTool, ToolResult } from '../tool.ts';

/** Names of the ends of pairs that lie in the machine's own network; `[]` when they cannot be listed. */
export async function listPairEnds(runTool: RunTool): Promise<string[]> {
  const { stdout } = await runTool(['ip', '-br', 'link', 'show', 'type', 'veth']);
  // `name@peer  STATE  …`
  return stdout.split('\n').flatMap((line) => /^[^\s@]+/.exec(line) ?? []);
}

export interface Route {
  readonly family: 4 | 6;
  /** Null for the default route. */
  readonly network: IpNetwork | null;
  /** `''` for routes that lead nowhere. */
  readonly device: string;
}

/** The machine's routes, IPv4 and IPv6, as far as they can be read. */
export async function listRoutes(runTool: RunTool): Promise<Route[]> {
  const families = await Promise.all(
    ([4, 6] as const).map(async (family) => {
      const routes = await askIp<{ dst: string; dev?: string }>(runTool, [
        `-${family}`,
        'route',
        'show',
      ]);
      return routes.map(({ dst, dev }) => ({
        family,
        network: dst === 'default' ? null : parseIpNetwork(dst),
        device: dev ?? '',
      }));
    }),
  );
  return families.flat();
}

const ETHERNET_MTU = 1500;
/** What IPv6 demands of every link, RFC 8200. */
const LEAST_MTU = 1280;

/** The smallest that default routes have: what attempts send is then never cut or refused there. */
export async function outerMtu(routes: readonly Route[], runTool: RunTool): Promise<number> {
  const ways = new Set(routes.flatMap(({ network, device }) => (network ? [] : [device])));
  const sizes = await Promise.all(
    [...ways].map((device) => askIp<{ mtu: number }>(runTool, ['link', 'show', 'dev', device])),
  );
  const smallest = Math.min(ETHERNET_MTU, ...sizes.flat().map(({ mtu }) => mtu));
  return Math.max(LEAST_MTU, smallest);
}

async function askIp<Row>(runTool: RunTool, args: readonly string[]): Promise<Row[]> {
  const { stdout, fault } = await runTool(['ip', '-j', ...args]);
  if (fault !== '') return [];
  try {
    return JSON.parse(stdout || '[]') as Row[];
  } catch {
    return [];
  }
}

/** ip and nft put the reason first and then where they stopped. */
export function reasonOf({ stderr, fault }: ToolResult): string {
  const [first = ''] = stderr.trim().split('\n');
  return first.trim().slice(0, 300) || fault;
}
