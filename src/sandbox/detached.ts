/** Programs that outlive whoever started them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { messageOf } from '#base';
import { sandboxErrors } from './errors.ts';

export interface DetachedRequest {
  /** `argv[0]` is an absolute path, or a name on `environment.PATH`. */
  readonly argv: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Open for writing; becomes its stdout and stderr, and stays the caller's to close. */
  readonly log: number;
}

export interface DetachedStart {
  readonly pid: number;
  /** What it said on its descriptor 3 before it closed that; at most 64 KiB. `''`: it ended. */
  readonly said: string;
}

const SAID_BYTES = 64 << 10;

/**
 * Starts a program in a session of its own, without a terminal, and waits until it has said on
 * descriptor 3 how its start went. @throws WindrowError PROGRAM_NOT_STARTED
 */
export async function startDetached(request: DetachedRequest): Promise<DetachedStart> {
  const [program = '', ...args] = request.argv;
  const child = spawn(program, args, {
    cwd: request.directory,
    env: { ...request.environment },
    detached: true,
    stdio: ['ignore', request.log, request.log, 'pipe'],
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    const facts = { program, reason: messageOf(error), code: 'spawn' };
    throw sandboxErrors.create('PROGRAM_NOT_STARTED', facts, { cause: error });
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of child.stdio[3] as NodeJS.ReadableStream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= SAID_BYTES) chunks.push(chunk);
  }
  child.unref();
  return { pid: child.pid!, said: Buffer.concat(chunks).toString() };
}
