/**
 * What the server hands to its workers, beside nginx and Squid with the same bytes in the same run:
 * `node bench/datastore-hits.ts [seconds]`. All three have one process, keep connections open and are
 * asked by turns by the same client over 8 connections; nginx sends from the page cache, Squid from
 * its memory, for which nginx is its origin.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { median, WINDROW } from './measured-process.ts';

const CONNECTIONS = 8;
const ROUNDS = 3;
const SIZES = [1024, 2 ** 20] as const;
/** Clock ticks of /proc. */
const TICK_MS = 10;

interface Told {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

interface Server {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
  head(file: string): string;
}

/** As a process of its own: asks again as soon as an answer is whole. */
async function client(port: number, head: string, bytes: number, seconds: number): Promise<void> {
  const latencies: number[] = [];
  const since = performance.now();
  const endMs = since + seconds * 1000;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let left = -1;
      let askedMs = 0;
      const take = (count: number, buffer: Uint8Array): boolean => {
        let body = count;
        if (left < 0) {
          const text = Buffer.from(buffer.buffer, buffer.byteOffset, count);
          const headEnd = text.indexOf('\r\n\r\n') + 4;
          if (headEnd < 4 || !text.subarray(0, 12).toString().endsWith('200')) {
            reject(new Error(text.subarray(0, 400).toString()));
          }
          left = bytes;
          body -= headEnd;
        }
        left -= body;
        if (left > 0) return true;
        left = -1;
        const nowMs = performance.now();
        latencies.push(nowMs - askedMs);
        if (nowMs > endMs) {
          socket.end();
          resolve();
        } else ask();
        return true;
      };
      const onread = { buffer: Buffer.alloc(512 * 1024), callback: take };
      const socket = connect({ port, host: '127.0.0.1', onread }, () => ask());
      socket.on('error', reject);
      const ask = () => {
        askedMs = performance.now();
        socket.write(head);
      };
      return promise;
    }),
  );
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)]!;
  const told: Told = {
    requests: latencies.length,
    seconds: (performance.now() - since) / 1000,
    p50: at(0.5),
    p99: at(0.99),
  };
  process.send!(told);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await delay(50);
  }
}

async function nginx(folder: string): Promise<Server> {
  const port = await freePort();
  const conf = join(folder, 'nginx.conf');
  writeFileSync(
    conf,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 64; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; types {}
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 127.0.0.1:${port}; root ${folder}/files; expires 1d; } }
`,
  );
  const child = spawn('nginx', ['-c', conf, '-p', folder], { stdio: 'ignore' });
  await untilListening(port);
  const head = (file: string) => `GET /${file} HTTP/1.1\r\nHost: origin\r\n\r\n`;
  return { name: 'nginx', port, child, head };
}

async function squid(folder: string, origin: number): Promise<Server> {
  const port = await freePort();
  const conf = join(folder, 'squid.conf');
  writeFileSync(
    conf,
    `http_port 127.0.0.1:${port}
visible_hostname bench
pid_filename none
access_log none
cache_log /dev/null
cache_store_log none
cache_mem 64 MB
maximum_object_size_in_memory 8 MB
shutdown_lifetime 0 seconds
pinger_enable off
netdb_filename none
http_access allow all
`,
  );
  const child = spawn('/usr/sbin/squid', ['-N', '-f', conf], { stdio: 'ignore' });
  await untilListening(port);
  const head = (file: string) =>
    `GET http://127.0.0.1:${origin}/${file} HTTP/1.1\r\nHost: 127.0.0.1:${origin}\r\n\r\n`;
  return { name: 'squid', port, child, head };
}

async function windrow(folder: string, digests: ReadonlyMap<string, string>): Promise<Server> {
  const state = join(folder, 'state');
  const argv = ['serve', '--state', state, '--listen', '127.0.0.1:0'];
  const child = spawn(WINDROW, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const piece of child.stdout!) {
    text += piece;
    if (/http:\S+\n/.test(text)) break;
  }
  const url = /http:\S+/.exec(text)![0];
  const secret = (name: string) => readFileSync(join(state, name), 'utf8').trim();
  for (const [file, sha256] of digests) {
    const answer = await fetch(`${url}/v1/blobs/${sha256}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${secret('admin-token')}` },
      body: readFileSync(join(folder, 'files', file)),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }
  const session = secret('session');
  const head = (file: string) =>
    `GET /blobs/${digests.get(file)} HTTP/1.1\r\nHost: server\r\nAuthorization: Bearer ${session}\r\n\r\n`;
  return { name: 'windrow', port: Number(new URL(url).port), child, head };
}

/** User and system time, of all threads. */
function cpuMsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The launcher script of Windrow becomes the process itself; where it does not, its child counts. */
function serving(child: ChildProcess): number {
  const tasks = readdirSync(`/proc/${child.pid}/task`);
  const children = tasks.flatMap((task) =>
    readFileSync(`/proc/${child.pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean),
  );
  return Number(children[0] ?? child.pid);
}

async function measured(server: Server, file: string, bytes: number, seconds: number) {
  const pid = server.name === 'windrow' ? serving(server.child) : server.child.pid!;
  const before = cpuMsOf(pid);
  const argv = [
    'part:client',
    String(server.port),
    server.head(file),
    String(bytes),
    String(seconds),
  ];
  const child = fork(import.meta.filename, argv);
  const [told] = (await once(child, 'message')) as [Told];
  const perCpuSecond = told.requests / ((cpuMsOf(pid) - before) / 1000);
  return { ...told, perSecond: told.requests / told.seconds, perCpuSecond };
}

async function main(seconds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  chmodSync(folder, 0o755); // nginx and Squid may be other accounts
  mkdirSync(join(folder, 'files'));
  const digests = new Map<string, string>();
  for (const bytes of SIZES) {
    const content = randomBytes(bytes);
    writeFileSync(join(folder, 'files', String(bytes)), content);
    digests.set(String(bytes), createHash('sha256').update(content).digest('hex'));
  }
  const servers: Server[] = [];
  try {
    servers.push(await nginx(folder));
    servers.push(await squid(folder, servers[0]!.port));
    servers.push(await windrow(folder, digests));
    console.log(`load average ${loadavg()[0]!.toFixed(1)}, ${CONNECTIONS} connections`);
    for (const bytes of SIZES) {
      const rounds = new Map(
        servers.map(({ name }) => [name, [] as Awaited<ReturnType<typeof measured>>[]]),
      );
      for (const server of servers) await measured(server, String(bytes), bytes, 0.5);
      for (let round = 0; round < ROUNDS; round++) {
        for (const server of servers) {
          rounds.get(server.name)!.push(await measured(server, String(bytes), bytes, seconds));
        }
      }
      tell(bytes, rounds);
    }
  } finally {
    for (const { child } of servers) child.kill();
    await Promise.all(servers.map(({ child }) => child.exitCode === null && once(child, 'exit')));
    rmSync(folder, { recursive: true, force: true });
  }
}

type Rounds = ReadonlyMap<string, readonly (Told & { perSecond: number; perCpuSecond: number })[]>;

function tell(bytes: number, rounds: Rounds): void {
  const of = (name: string, what: 'perSecond' | 'perCpuSecond' | 'p50' | 'p99') =>
    median(rounds.get(name)!.map((round) => round[what]));
  const mib = bytes / 2 ** 20;
  for (const name of rounds.keys()) {
    const rate = of(name, 'perSecond');
    const amount = bytes < 2 ** 20 ? '' : `, ${Math.round(rate * mib)} MiB/s`;
    console.log(
      `${bytes} bytes, ${name}: ${Math.round(rate)} requests/s${amount}, ${Math.round(of(name, 'perCpuSecond'))} per second of its CPU, ` +
        `p50 ${of(name, 'p50').toFixed(2)} ms, p99 ${of(name, 'p99').toFixed(2)} ms`,
    );
  }
  for (const what of ['perSecond', 'perCpuSecond'] as const) {
    const ratio = of('windrow', what) / of('squid', what);
    console.log(
      `  windrow beside squid, ${what === 'perSecond' ? 'by time' : 'by CPU time'}: ${ratio.toFixed(2)} ×`,
    );
  }
}

const [first = '2', ...rest] = process.argv.slice(2);
if (first === 'part:client') {
  const [port, head, bytes, seconds] = rest as [string, string, string, string];
  await client(Number(port), head, Number(bytes), Number(seconds));
  process.disconnect?.();
} else await main(Number(first));
