/**
 * Runs a user's module in a process of its own: `node user-code-host.ts validate|collect MODULE`.
 * One request at a time, in order. Whatever the module does to this process ends at most this
 * process; what it prints on stdout has no meaning. Another thread reads the requests, so that the
 * end of the server is noticed although the module may never give this one back.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync, writeSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  CONTENT_BYTES,
  type HostAnswer,
  type HostRequest,
  RETURN_BYTES,
  type SentContent,
  type SentResult,
} from './user-code-protocol.ts';

type Content = string | Uint8Array | { readonly path: string; readonly bytes: number };
type UserFunction = (...values: unknown[]) => unknown;

const ANSWERS = 3;
const MAX_REASON = 2000;
const [mode, modulePath] = process.argv.slice(2);

function answer(message: HostAnswer): void {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  let done = 0;
  while (done < bytes.length) done += writeSome(bytes, done);
}

function writeSome(bytes: Buffer, from: number): number {
  try {
    return writeSync(ANSWERS, bytes, from);
  } catch (error) {
    // The pipe may be non-blocking; its reader is another process and will come round.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}

function describe(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, MAX_REASON);
}

/** `FILE:LINE: ` of code of the user's, where an error tells it. */
function placeOf(error: unknown): string {
  const stack = error instanceof Error ? String(error.stack) : '';
  for (const [, url, line] of stack.matchAll(/(file:\/\/[^\s()]+?):(\d+)/g)) {
    if (url !== import.meta.url) return `${fileURLToPath(url!)}:${line}: `;
  }
  return '';
}

/** Errors of JavaScript's own parser do not say where; that of TypeScript reads the same text again. */
function placeOfSyntaxFault(): string {
  try {
    const source = readFileSync(modulePath!, 'utf8');
    stripTypeScriptTypes(source, { sourceUrl: pathToFileURL(modulePath!).href });
    return '';
  } catch (error) {
    return placeOf(error);
  }
}

function contentOf(sent: SentContent): Content {
  if ('text' in sent) return sent.text;
  if ('base64' in sent) return new Uint8Array(Buffer.from(sent.base64, 'base64'));
  if (sent.bytes > CONTENT_BYTES) return { path: sent.path, bytes: sent.bytes };
  const bytes = readFileSync(sent.path);
  return isUtf8(bytes) ? bytes.toString() : new Uint8Array(bytes);
}

function resultOf(sent: SentResult): Content | Record<string, Content> {
  if (!('files' in sent)) return contentOf(sent);
  return plainObject(sent.files, contentOf);
}

/** Without a prototype: a result may be called `__proto__` or `constructor`. */
function plainObject<From, To>(from: Readonly<Record<string, From>>, change: (value: From) => To) {
  const object = Object.create(null) as Record<string, To>;
  for (const [name, value] of Object.entries(from)) object[name] = change(value);
  return object;
}

function verdictAnswer(nonce: string, value: unknown): HostAnswer {
  if (typeof value === 'boolean') return { nonce, verdict: value };
  if (typeof value === 'string') return { nonce, verdict: value.slice(0, MAX_REASON) };
  const what = value === null ? 'null' : typeof value;
  return { nonce, fault: `it returned ${what}; it must return true, false or a reason` };
}

function outputAnswer(nonce: string, value: unknown): HostAnswer {
  const nothing = value === undefined || value === null;
  if (!nothing && typeof value !== 'string' && !(value instanceof Uint8Array)) {
    return { nonce, fault: `it returned ${typeof value}; it must return text or bytes` };
  }
  const bytes = nothing ? Buffer.alloc(0) : Buffer.from(value as Uint8Array);
  if (bytes.length > RETURN_BYTES) {
    return { nonce, fault: `it returned ${bytes.length} bytes; the limit is ${RETURN_BYTES}` };
  }
  return { nonce, base64: bytes.toString('base64') };
}

async function load(): Promise<Record<string, unknown> | string> {
  try {
    const loaded = await import(pathToFileURL(modulePath!).href);
    if (typeof loaded.default !== 'function') return 'its default export is not a function';
    return loaded;
  } catch (error) {
    const place = placeOf(error) || (error instanceof SyntaxError ? placeOfSyntaxFault() : '');
    return `it cannot be loaded: ${place}${describe(error)}`;
  }
}

async function respond(
  module: Record<string, unknown> | string,
  request: HostRequest,
): Promise<HostAnswer> {
  const { nonce } = request;
  if (typeof module === 'string') return { nonce, fault: module };
  try {
    const call = module[request.call] as UserFunction | undefined;
    if (request.call !== 'default') return outputAnswer(nonce, await call?.());
    const parameters = plainObject(request.parameters, (value) => value);
    const value = await call!(parameters, plainObject(request.results, resultOf));
    return mode === 'collect' ? outputAnswer(nonce, value) : verdictAnswer(nonce, value);
  } catch (error) {
    return { nonce, fault: `it threw ${describe(error)}` };
  }
}

async function main(): Promise<void> {
  const requests = new Worker(new URL('./user-code-input.ts', import.meta.url), {
    name: 'windrow-input',
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  const module = await load();
  answer({ ready: true, fault: typeof module === 'string' ? module : null });
  // One after the other: the next is answered when this one is.
  let last: Promise<void> = Promise.resolve();
  requests.on('message', (line: string) => {
    const request = JSON.parse(line) as HostRequest;
    last = last.then(async () => answer(await respond(module, request)));
  });
}

void main();
