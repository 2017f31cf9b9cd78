/** A way to a server that can be cut like a cable: what is sent into it is lost, and nobody hears so. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class BlackHole {
  readonly #target: number;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isCut = false;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => this.#join(near));
  }

  /** A way to `port` of this machine. */
  static async open(port: number): Promise<BlackHole> {
    const hole = new BlackHole(port);
    hole.#server.listen(0, '127.0.0.1');
    await once(hole.#server, 'listening');
    return hole;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #join(near: Socket): void {
    const far = connect(this.#target, '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    // Made while it is cut, it is as dead as those from before.
    const isDead = this.#isCut;
    for (const [from, to] of [pair, [far, near]] as const) {
      from.on('data', (bytes) => {
        if (this.#pairs.has(pair) && !isDead) to.write(bytes);
      });
      from.on('error', () => {});
      from.on('close', () => {
        if (this.#pairs.delete(pair)) to.destroy();
      });
    }
  }

  /** Connections that there are stay open, and dead for good. */
  cut(): void {
    this.#isCut = true;
    this.#pairs.clear();
  }

  /** New connections get through again. */
  heal(): void {
    this.#isCut = false;
  }

  close(): void {
    this.#server.close();
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }
}
