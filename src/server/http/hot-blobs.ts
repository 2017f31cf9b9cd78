/**
 * Small blobs in memory: scripts and settings that thousands of attempts ask for one after the other.
 * What is asked for plainly is answered before anything else of a request is looked at; ranges,
 * conditions and refusals are for the routes.
 */
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bearerToken } from '#wire';

export const HOT_BYTES = 64 * 1024;
const MOST_BYTES = 16 * 2 ** 20;
const PATH = '/blobs/';

interface Hot {
  readonly content: Buffer;
  /** Names and values by turns, as they are sent quickest. */
  readonly headers: string[];
}

/** By digest, so nothing in it is ever out of date. */
export class HotBlobs {
  /** Those asked for last are last. */
  readonly #blobs = new Map<string, Hot>();
  #bytes = 0;

  keep(sha256: string, content: Buffer): void {
    if (content.length > HOT_BYTES || this.#blobs.has(sha256)) return;
    // What was damaged on the disk must not outlive its mending.
    if (hash('sha256', content) !== sha256) return;
    const headers = ['ETag', `"${sha256}"`, 'Accept-Ranges', 'bytes'];
    headers.push('Content-Type', 'application/octet-stream');
    headers.push('Content-Length', String(content.length));
    this.#blobs.set(sha256, { content, headers });
    this.#bytes += content.length;
    for (const [oldest, { content: gone }] of this.#blobs) {
      if (this.#bytes <= MOST_BYTES) return;
      this.#blobs.delete(oldest);
      this.#bytes -= gone.length;
    }
  }

  /** False: it is for the routes. */
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    isSession: (token: string) => boolean,
  ): boolean {
    const { url = '', method, headers } = request;
    if (method !== 'GET' || !url.startsWith(PATH) || headers.range !== undefined) return false;
    const sha256 = url.slice(PATH.length);
    const hot = this.#blobs.get(sha256);
    if (hot === undefined || headers['if-none-match'] !== undefined) return false;
    const token = bearerToken(headers.authorization);
    if (token === undefined || !isSession(token)) return false;
    this.#blobs.delete(sha256); // to the young end
    this.#blobs.set(sha256, hot);
    response.writeHead(200, hot.headers);
    response.end(hot.content);
    return true;
  }
}
