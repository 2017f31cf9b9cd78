/** Where a worker finds its server and the session, again each time it has to connect anew. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemReasonOf } from '#base';
import { readSecretFile } from '#wire';
import { workerErrors } from './errors.ts';
import type { Endpoint } from './port.ts';

export type EndpointSource =
  /** A server at an address; the session from a 0600 file, or given (it came by stdin). */
  | { readonly kind: 'url'; readonly url: string; readonly sessionFile: string }
  | { readonly kind: 'given'; readonly url: string; readonly session: string }
  /** A local server: `server.json` and `session` in its state directory. */
  | { readonly kind: 'state'; readonly directory: string };

const LONGEST_FILE = 64 * 1024;

/** A function for `AgentOptions.endpoint`; it rejects with a coded error when nothing is found. */
export function endpointFrom(source: EndpointSource): () => Promise<Endpoint> {
  if (source.kind === 'given') {
    const { url, session } = source;
    return async () => ({ url, session });
  }
  if (source.kind === 'url') {
    const { url, sessionFile } = source;
    return async () => ({ url, session: await readSecretFile(sessionFile) });
  }
  const { directory } = source;
  return async () => ({
    url: await urlOfState(directory),
    session: await readSecretFile(join(directory, 'session')),
  });
}

/** `url` of `server.json`, which a server writes when it listens. */
async function urlOfState(directory: string): Promise<string> {
  const file = join(directory, 'server.json');
  try {
    const text = await readFile(file, 'utf8');
    const found: unknown = JSON.parse(text.slice(0, LONGEST_FILE));
    const url = (found as { url?: unknown } | null)?.url;
    if (typeof url === 'string') return url;
    throw new Error('it names no url');
  } catch (error) {
    const facts = { file, reason: systemReasonOf(error) };
    throw workerErrors.create('WORKER_NO_SERVER_FOUND', facts, { cause: error });
  }
}

const LONGEST_SESSION_LINE = 1024;

/** The session as one line on stdin, for starters that must not put it into argv or a file. */
export async function readSessionLine(input: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += chunk.toString('latin1');
    if (text.includes('\n') || text.length > LONGEST_SESSION_LINE) break;
  }
  const line = text.split('\n', 1)[0]!.trim();
  if (/^[\x21-\x7e]{16,512}$/.test(line)) return line;
  throw workerErrors.create('WORKER_SESSION_UNREADABLE', {});
}
