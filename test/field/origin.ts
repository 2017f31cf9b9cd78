/** An origin of files for tests: it counts what it sends, and does not always tell the truth. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OriginFile {
  readonly content: Buffer;
  /** Bytes after which the connection is cut, each time; 0: never. */
  cutAfterBytes: number;
  /** Bytes a second; 0: as fast as it goes. */
  bytesPerSecond: number;
}

export class Origin {
  readonly files = new Map<string, OriginFile>();
  /** Bytes of bodies, by path. */
  readonly sentBytes = new Map<string, number>();
  readonly requests: { readonly path: string; readonly range: string | undefined }[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  add(path: string, content: Buffer | string): OriginFile {
    const file = { content: Buffer.from(content), cutAfterBytes: 0, bytesPerSecond: 0 };
    this.files.set(path, file);
    return file;
  }

  count(path: string): number {
    return this.requests.filter((one) => one.path === path).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve({ url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { range } = headers;
    this.requests.push({ path: url, range });
    const file = this.files.get(url);
    if (!file) return void response.writeHead(404).end();
    const { content } = file;
    const etag = `"${createHash('sha256').update(content).digest('hex').slice(0, 16)}"`;
    const from = headers['if-range'] === etag ? Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1]) : 0;
    const rest = content.subarray(from || 0);
    response.writeHead(from ? 206 : 200, {
      etag,
      'content-length': rest.length,
      ...(from ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
    });
    await this.#send(url, file, rest, response);
  }

  async #send(
    url: string,
    { cutAfterBytes, bytesPerSecond }: OriginFile,
    rest: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const piece = bytesPerSecond === 0 ? 1 << 20 : Math.ceil(bytesPerSecond / 20);
    for (let at = 0; at < rest.length && !response.destroyed; at += piece) {
      const bytes = rest.subarray(at, at + piece);
      this.sentBytes.set(url, (this.sentBytes.get(url) ?? 0) + bytes.length);
      if (!response.write(bytes)) await drained(response);
      if (cutAfterBytes > 0 && at + piece >= cutAfterBytes) return void response.destroy();
      if (bytesPerSecond > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    response.end();
  }
}

/** A way to a server that counts the bytes of files that go through it. */
export class CountingWay {
  readonly #target: URL;
  /** Of answers to `GET /blobs/…`, by path. */
  readonly sentBytes = new Map<string, number>();
  readonly #server = createServer((incoming, response) => this.#pass(incoming, response));

  constructor(target: string) {
    this.#target = new URL(target);
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, url: path = '', headers } = incoming;
    const { hostname, port } = this.#target;
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (method === 'GET' && path.startsWith('/blobs/')) {
        answer.on('data', (bytes: Buffer) => {
          this.sentBytes.set(path, (this.sentBytes.get(path) ?? 0) + bytes.length);
        });
      }
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }
}

/** Or gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
