/** A collector behind its HTTP face, on a port of its own, and what speaks to it. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { systemClock } from '#base';
import { secretMatcher } from '#wire';
import { Collector } from '../collector/collector.ts';
import type { CollectorOptions } from '../collector/port.ts';
import { Access, type AccessRules } from '../http/access.ts';
import { TrapFace } from '../http/face.ts';
import { JsonDesk } from '../http/json-desk.ts';
import { bindHttp } from '../http/listen.ts';
import { conformanceMethods } from '../xmlrpc/conformance-methods.ts';
import { XmlRpcDesk } from '../xmlrpc/desk.ts';
import { trapMethods } from '../xmlrpc/trap-methods.ts';

export interface Options extends Partial<CollectorOptions> {
  readonly rules?: AccessRules;
  readonly bodyTimeoutMs?: number;
  readonly answerTimeoutMs?: number;
  readonly token?: string | null;
  readonly durable?: () => Promise<boolean>;
}

export async function openFace(t: TestContext, options: Options = {}) {
  const collector = new Collector({
    ...{ clock: systemClock, maxTraps: 250, maxNodes: 1000, foldMs: 600_000, remembered: null },
    hasHistory: false,
    ...options,
  });
  collector.marksAreKept(2 ** 31 - 1);
  const isToken = options.token ? secretMatcher(options.token) : null;
  const json = new JsonDesk({
    ...{
      collector,
      now: Date.now,
      history: async () => [],
      name: 'test',
      version: '1',
      life: 'l1',
    },
    durable: options.durable ?? (async () => true),
    isToken,
  });
  const faults: unknown[] = [];
  const methods = [...trapMethods(collector, systemClock), ...conformanceMethods('1')];
  const face = new TrapFace({
    access: new Access(options.rules ?? { allow: [], proxies: [] }),
    xmlRpc: new XmlRpcDesk(methods, (error) => faults.push(error)),
    json,
    isToken,
    refuse: (fate) => collector.refuse(fate),
    onFault: (error) => faults.push(error),
    bodyTimeoutMs: options.bodyTimeoutMs ?? 10_000,
    answerTimeoutMs: options.answerTimeoutMs ?? 30_000,
  });
  const bound = await bindHttp('localhost', 0);
  bound.begin(face);
  t.after(async () => {
    json.close();
    await bound.close();
    assert.deepEqual(faults, []);
  });
  const url = `http://127.0.0.1:${bound.port}`;
  return { collector, url, port: bound.port };
}

export const xml = (body: string) => `<?xml version="1.0"?><methodCall>${body}</methodCall>`;
export const ask = (method: string, params = '') =>
  xml(`<methodName>${method}</methodName><params>${params}</params>`);

export async function post(
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
) {
  const response = await fetch(url, { method: 'POST', body: body as string, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

export async function postJson(url: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await post(url, JSON.stringify(body), {
    'content-type': 'application/json',
    ...headers,
  });
  return { ...answer, json: JSON.parse(answer.text) };
}

/** What a raw connection gets back for some bytes, until it is closed. */
export function rawExchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

export const faultCode = (text: string) =>
  Number(/<name>faultCode<\/name><value><int>(-?\d+)<\/int>/.exec(text)?.[1]);
