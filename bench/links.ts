/**
 * What senders and receivers have between them: loopback, where a sender sends as fast as it can and shares the
 * processors with who receives; and links of 10 and 1 Gbit/s, as real ones have at most: two network
 * namespaces and a token bucket between them (tc-tbf), for which a bench must be root.
 */
import { execFileSync } from 'node:child_process';

export interface Side {
  readonly address: string;
  /** By which words programs on this side are started. */
  readonly at: readonly string[];
}

/** It is slow from `sender` to `receiver`. */
export interface Link {
  readonly name: string;
  readonly sender: Side;
  readonly receiver: Side;
  remove(): void;
}

const HOME: Side = { address: '127.0.0.1', at: [] };
const LOOPBACK: Link = { name: 'loopback', sender: HOME, receiver: HOME, remove: () => {} };

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Throws where such things may not be made; nothing is left then. */
function makeLink(rate: string): Link {
  const space = (side: string) => `windrow-bench-${side}${process.pid}`;
  const [from, to] = [space('s'), space('r')];
  const remove = () => {
    for (const name of [from, to]) {
      try {
        ip('netns', 'del', name);
      } catch {} // it was not made
    }
  };
  const side = (name: string, address: string): Side => {
    ip('-n', name, 'address', 'add', `${address}/30`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    return { address, at: ['ip', 'netns', 'exec', name] };
  };
  try {
    for (const name of [from, to]) ip('netns', 'add', name);
    const peer = ['peer', 'name', 'eth0', 'netns', to];
    ip('-n', from, 'link', 'add', 'name', 'eth0', 'type', 'veth', ...peer);
    const sender = side(from, '192.0.2.1');
    const receiver = side(to, '192.0.2.2');
    const bucket = ['root', 'tbf', 'rate', rate, 'burst', '1mb', 'latency', '50ms'];
    ip('netns', 'exec', from, 'tc', 'qdisc', 'add', 'dev', 'eth0', ...bucket);
    return { name: rate.replace('gbit', ' Gbit/s'), sender, receiver, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** One after the other; says which could not be made, and why. Each is removed when the next is asked for. */
export function* links(): Generator<Link> {
  yield LOOPBACK;
  for (const rate of ['10gbit', '1gbit']) {
    let link: Link;
    try {
      link = makeLink(rate);
    } catch (error) {
      const [, reason = String(error)] = (error as Error).message.split('\n');
      console.log(`no link of ${rate} could be made: ${reason}`);
      continue;
    }
    try {
      yield link;
    } finally {
      link.remove();
    }
  }
}
