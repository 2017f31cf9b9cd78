/**
 * What does the trap collector bear? In one run, so that the ratios hold on a busy machine too:
 * XML-RPC requests a second beside CPython's SimpleXMLRPCServer with the same 250 traps; traps a
 * second by HTTP batches; memory with 100,000 nodes; CPU at rest beside a Lustre tree; a storm.
 *
 *     node bench/traps.ts [--seconds 3] [--rounds 3] [--idle 30] [--storm 60]
 *     node bench/traps.ts --tree DIR        a Lustre tree for the measurement at rest
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatBytes } from '#base';
import { WINDROW } from './measured-process.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    idle: { type: 'string', default: '30' },
    storm: { type: 'string', default: '60' },
    tree: { type: 'string', default: '' },
  },
});
const seconds = Number(values.seconds);
const CONNECTIONS = 4;
const NODES = 100_000;
const BATCH = 1000;
const TRAPS = 250;
const MESSAGE = 'LustreError: 11-0: work-OST0001: operation ost_statfs failed with -107, trap ';

const PYTHON = `
import sys
from socketserver import ThreadingMixIn
from xmlrpc.server import SimpleXMLRPCServer, SimpleXMLRPCRequestHandler
class Handler(SimpleXMLRPCRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1
    rpc_paths = ('/', '/RPC2')
class Server(ThreadingMixIn, SimpleXMLRPCServer):
    daemon_threads = True
traps = [['${MESSAGE}%d' % i, 2, 'node%d' % i] for i in range(${TRAPS})]
s = Server(('127.0.0.1', 0), Handler, logRequests=False)
s.register_function(lambda: ['work'], 'getFileSystems')
s.register_function(lambda mark: [traps, 1], 'getTraps')
print('http://127.0.0.1:%d' % s.server_address[1], flush=True)
s.serve_forever()
`;

const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
const children: ChildProcess[] = [];

interface Started {
  readonly url: string;
  readonly pid: number;
}

async function start(file: string, ...argv: string[]): Promise<Started> {
  const child = spawn(file, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let text = '';
  const { promise, resolve: found, reject } = Promise.withResolvers<string>();
  child.stdout!.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    const url = /http:\/\/\S+(?=\n)/.exec(text)?.[0];
    if (url) found(url.replace('localhost', '127.0.0.1'));
  });
  child.once('exit', () => reject(new Error(`${file} ended: ${text}`)));
  return { url: await promise, pid: child.pid! };
}

async function startCollector(name: string, ...options: string[]) {
  const argv = ['traps', 'serve', '-p', '0', '--state', join(directory, name), '--user', 'root'];
  return await start(WINDROW, ...argv, '--lustre', 'no', '--log-level', 'error', ...options);
}

/**
 * A connection that asks and reads the answer, and does as little as it can: it shares the cores
 * with what it measures.
 */
class Connection {
  readonly #socket: Socket;
  #head = '';
  #leftBytes = -1;
  #done: (() => void) | null = null;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on('data', (chunk) => this.#take(chunk as Buffer));
    this.#socket.on('error', () => {});
  }

  post(body: string, type = 'text/xml', path = '/'): Promise<void> {
    const length = Buffer.byteLength(body);
    const head = `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
    return new Promise((done) => {
      this.#done = done;
      this.#socket.write(head + body);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#leftBytes < 0) {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.#head.startsWith('HTTP/1.1 200 ')) throw new Error(this.#head.slice(0, 500));
      const length = Number(/content-length: *(\d+)/i.exec(this.#head)![1]);
      this.#leftBytes = length - (this.#head.length - end - 4);
      this.#head = '';
    } else this.#leftBytes -= chunk.length;
    if (this.#leftBytes > 0) return;
    this.#leftBytes = -1;
    this.#done?.();
  }
}

async function post(url: string, body: string, type: string, path: string): Promise<void> {
  const connection = new Connection(url);
  await connection.post(body, type, path);
  connection.close();
}

const JSON_TYPE = 'application/json';
const REPORTS = '/v1/traps';

const call = (method: string, params = '') =>
  `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${params}</params></methodCall>`;
const QUESTIONS = {
  getFileSystems: call('getFileSystems'),
  [`getTraps of ${TRAPS}`]: call('getTraps', '<param><value><int>0</int></value></param>'),
};

interface Rate {
  readonly perSecond: number;
  /** Of the server's CPU: what moves least when others work on the machine. */
  readonly perCpuSecond: number;
}

/** Answers a second, over a few connections that each ask again as soon as they are answered. */
async function rateOf({ url, pid }: Started, body: string): Promise<Rate> {
  const connections = Array.from({ length: CONNECTIONS }, () => new Connection(url));
  let answers = 0;
  const cpu = cpuSeconds(pid);
  const began = performance.now();
  const end = began + seconds * 1000;
  await Promise.all(
    connections.map(async (connection) => {
      for (; performance.now() < end; answers++) await connection.post(body);
    }),
  );
  const perSecond = (answers * 1000) / (performance.now() - began);
  for (const connection of connections) connection.close();
  return { perSecond, perCpuSecond: answers / (cpuSeconds(pid) - cpu) };
}

function batchFrom(first: number): string {
  const traps = Array.from({ length: BATCH }, (_, index) => {
    const number = first + index;
    return {
      ...{ node: `node${number % NODES}`, fileSystem: 'work', category: number % 3 },
      ...{ message: `${MESSAGE}${number}`, boot: 'b', sequence: number },
    };
  });
  return JSON.stringify(traps);
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

/** Of all threads, in seconds; a tick is a hundredth of one on every Linux. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Of all threads by the kernel's nanoseconds, where a hundredth of a second is more than is used in ten. */
function exactCpuSeconds(pid: number): number {
  const perTask = readdirSync(`/proc/${pid}/task`).map((task) => {
    const spent = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1');
    return Number(spent.split(' ', 1)[0]) / 1e9;
  });
  return perTask.reduce((before, seconds) => before + seconds, 0);
}

async function compareRates(): Promise<void> {
  const [ours, theirs] = [await startCollector('rates'), await start('python3', '-c', PYTHON)];
  const traps = Array.from({ length: TRAPS }, (_, i) => ({
    ...{ node: `node${i}`, fileSystem: 'work', category: 2, message: `${MESSAGE}${i}` },
  }));
  await post(ours.url, JSON.stringify(traps), JSON_TYPE, REPORTS);
  for (const [name, body] of Object.entries(QUESTIONS)) {
    const rates: { ours: Rate[]; theirs: Rate[] } = { ours: [], theirs: [] };
    for (let round = 0; round < Number(values.rounds); round++) {
      rates.ours.push(await rateOf(ours, body));
      rates.theirs.push(await rateOf(theirs, body));
    }
    const compared = (what: keyof Rate) => {
      const [our, their] = [rates.ours, rates.theirs].map((all) =>
        Math.max(...all.map((one) => one[what])),
      );
      return `${Math.round(our!)} beside ${Math.round(their!)}, ${(our! / their!).toFixed(1)} times`;
    };
    console.log(
      `${name.padEnd(16)} a second: ${compared('perSecond')}; per second of the server's CPU: ${compared('perCpuSecond')}`,
    );
  }
}

async function measureIntake(): Promise<void> {
  const collector = await startCollector('intake');
  const { url, pid } = collector;
  // Made before: what is measured is the taking.
  const batches = Array.from({ length: NODES / BATCH }, (_, index) => batchFrom(index * BATCH));
  const cpu = cpuSeconds(pid);
  const began = performance.now();
  const next = batches.values();
  const sender = async () => {
    const connection = new Connection(url);
    for (const batch of next) await connection.post(batch, JSON_TYPE, REPORTS);
    connection.close();
  };
  await Promise.all([sender(), sender(), sender()]);
  const perSecond = (NODES * 1000) / (performance.now() - began);
  const perCpu = NODES / (cpuSeconds(pid) - cpu);
  console.log(
    `taken by HTTP    ${Math.round(perSecond)} traps a second; ${Math.round(perCpu)} per second of its CPU`,
  );
  console.log(`${NODES} nodes     ${formatBytes(residentBytes(pid))} resident`);
}

async function measureRest(): Promise<void> {
  const tree = await treeToWatch();
  if (tree === null) return console.log('at rest          no Lustre tree is at hand: --tree DIR');
  const { pid } = await startCollector('rest', '--lustre', 'yes', '--lustre-root', tree);
  await pause(10_000); // its start is over, and the first look
  const restSeconds = Number(values.idle);
  const seen = [exactCpuSeconds(pid)];
  for (let second = 0; second < restSeconds; second += 10) {
    await pause(10_000);
    seen.push(exactCpuSeconds(pid));
  }
  const percent = (from: number, to: number) =>
    (((seen[to]! - seen[from]!) / ((to - from) * 10)) * 100).toFixed(2);
  const shares = seen.slice(1).map((_, index) => percent(index, index + 1));
  console.log(
    `at rest          ${percent(0, seen.length - 1)} % of a core, in pieces of 10 s ${shares.join(' ')}; with the Lustre tree ${tree}`,
  );
}

/** A tree that was named, or the recorded one where it lies beside the repository. */
async function treeToWatch(): Promise<string | null> {
  if (values.tree !== '') return resolve(values.tree);
  const packed = resolve(import.meta.dirname, '../../shared/data/lustre-2.10-proc-sys.tar.gz');
  if (!existsSync(packed)) return null;
  const tree = mkdtempSync(join(directory, 'tree-'));
  const [code] = await once(spawn('tar', ['xzf', packed, '-C', tree]), 'exit');
  return code === 0 ? tree : null;
}

async function measureStorm(): Promise<void> {
  const stormSeconds = Number(values.storm);
  if (stormSeconds === 0) return;
  const { url, pid } = await startCollector('storm');
  await post(url, '{"node":"node0","message":"the end","category":"fatal"}', JSON_TYPE, REPORTS);
  const memory: number[] = [];
  let slowestMs = 0;
  let sent = 0;
  const began = performance.now();
  for (let second = 0; second < stormSeconds; second++) {
    const batches = Array.from({ length: 10 }, (_, index) => batchFrom(sent + index * BATCH));
    sent += 10 * BATCH;
    await Promise.all(batches.map((batch) => post(url, batch, JSON_TYPE, REPORTS)));
    const asked = performance.now();
    await post(url, QUESTIONS[`getTraps of ${TRAPS}`]!, 'text/xml', '/');
    slowestMs = Math.max(slowestMs, performance.now() - asked);
    if (second === Math.floor(stormSeconds / 3)) memory.push(residentBytes(pid));
    await pause(Math.max(0, (second + 1) * 1000 - (performance.now() - began)));
  }
  memory.push(residentBytes(pid));
  const perSecond = Math.round((sent * 1000) / (performance.now() - began));
  const [first = 0, last = 0] = memory;
  console.log(
    `storm            ${sent} traps at ${perSecond}/s; memory ${formatBytes(first)} after a third, ${formatBytes(last)} at the end; slowest answer to a monitor ${Math.round(slowestMs)} ms`,
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

try {
  await compareRates();
  await measureIntake();
  await measureRest();
  await measureStorm();
} finally {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(
    children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')),
  );
  rmSync(directory, { recursive: true, force: true });
}
