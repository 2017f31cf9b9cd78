/** Bodies of the open protocol in pieces, and what comes of them. Loaded by tests only. */
import assert from 'node:assert/strict';
import { readCompletion } from './completion-reader.ts';
import { COMPLETION_LIMITS, type OpenLimits } from './limits.ts';
import type { PartHead, PartSink } from './parts.ts';
import { formatTask, type OpenTask } from './task-text.ts';

export interface Collected extends PartHead {
  content: Buffer;
}

export class Collector implements PartSink {
  readonly parts: Collected[] = [];
  readonly #chunks: Buffer[] = [];
  begin(head: PartHead): void {
    this.parts.push({ ...head, content: Buffer.alloc(0) });
  }
  write(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk));
  }
  end(): void {
    this.parts.at(-1)!.content = Buffer.concat(this.#chunks.splice(0));
  }
}

export async function* pieces(whole: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let n = 0; at < whole.length; n++) {
    const size = sizes.length === 0 ? whole.length : Math.max(1, sizes[n % sizes.length]!);
    yield whole.subarray(at, at + size);
    at += size;
  }
}

export async function complete(
  body: string | Buffer,
  sizes: readonly number[] = [],
  limits: OpenLimits = COMPLETION_LIMITS,
): Promise<Collected[]> {
  const sink = new Collector();
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const count = await readCompletion(pieces(bytes, sizes), sink, limits);
  assert.equal(count, sink.parts.length);
  return sink.parts;
}

export async function contentOf(body: string, sizes: readonly number[] = []): Promise<string[]> {
  return (await complete(body, sizes)).map((part) => part.content.toString('latin1'));
}

export async function textOf(task: OpenTask): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(formatTask(task)));
}

export const BEGIN = '--begin content--\n';
export const END = '--end content--\n';

export const TASK: OpenTask = {
  ticket: 48213,
  timeoutS: 600,
  commandLine: "./ising --beta '0.44' --seed '7'",
  inputs: [
    { file: 'model.ini', bytes: 27, content: Buffer.from('[model]\nbeta=0.44\nseed=7\n#\n') },
  ],
  results: [{ name: 'energy', file: 'stdout' }],
};
