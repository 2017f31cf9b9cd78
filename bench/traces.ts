/**
 * Uploads of traces beside nginx's WebDAV PUT: `node bench/traces.ts [MiB] [rounds]`. Both get the
 * same file from curl and write it to the same disk, in turns; the collector also computes the
 * digest and syncs. Over loopback and over links of 10 and 1 Gbit/s (`links.ts`), as traces come from other
 * machines. Prints MiB/s, also per second of CPU, their ratios and the collector's peak memory. Needs nginx and curl.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Link, links, type Side } from './links.ts';
import { median, WINDROW } from './measured-process.ts';

const MIB = 2 ** 20;
const mebibytes = Number(process.argv[2] ?? 1024);
const rounds = Number(process.argv[3] ?? 5);
/** Rounds that are not counted: servers live long, and their code is compiled. */
const WARMING = 2;
const directory = mkdtempSync(join(tmpdir(), 'windrow-bench-traces-'));
const file = join(directory, 'trace.bin');
const state = join(directory, 'state');
/** The sender's side: where curl is started. */
let sending: readonly string[] = [];

function makeFile(): string {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(MIB);
  writeFileSync(file, '');
  for (let index = 0; index < mebibytes; index++) {
    piece.writeUInt32LE(index, index % 1000);
    hash.update(piece);
    writeFileSync(file, piece, { flag: 'a' });
  }
  return hash.digest('hex');
}

function curl(...words: readonly string[]): string {
  const [command, ...rest] = [...sending, 'curl', ...words];
  return execFileSync(command!, rest, { encoding: 'utf8' });
}

function start({ at }: Side, ...words: readonly string[]): ChildProcess {
  const [command, ...rest] = [...at, ...words];
  return spawn(command!, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function answers(url: string): true | undefined {
  try {
    curl('-s', '-o', '/dev/null', url);
    return true;
  } catch {
    return undefined;
  }
}

async function startNginx(side: Side): Promise<Peer> {
  const port = 20_000 + (process.pid % 10_000);
  const configuration = join(directory, 'nginx.conf');
  for (const name of ['dav', 'body'])
    mkdirSync(join(directory, name), { mode: 0o777, recursive: true });
  writeFileSync(
    configuration,
    `daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
user root;
events {}
http { access_log off; client_max_body_size 0; client_body_temp_path ${directory}/body;
  server { listen ${side.address}:${port}; root ${directory}/dav; location / { dav_methods PUT; } } }`,
  );
  const child = start(side, 'nginx', '-c', configuration);
  const url = `http://${side.address}:${port}`;
  await until(() => answers(url));
  return { url, process: child };
}

async function startCollector(side: Side): Promise<Peer> {
  const listen = ['--listen', `${side.address}:0`, '--insecure'];
  const child = start(side, WINDROW, 'serve', '--traces', '--state', state, ...listen);
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const url = await until(() => /serving (http:\S+)/.exec(said)?.[1]);
  return { url, process: child };
}

interface Peer {
  readonly url: string;
  readonly process: ChildProcess;
}

/** `synced`: nginx, and then its file is synced, as the collector does. */
type Way = 'nginx' | 'synced' | 'collector' | 'form';
const NAMES = { collector: 'resumable', form: 'form     ' } as const;

interface Speed {
  /** MiB/s. */
  readonly wall: number;
  /** MiB per second of its CPU: what moves least when others work on the machine. */
  readonly cpu: number;
}

function speedOf({ process: { pid = 0 } }: Peer, work: () => void): Speed {
  const cpu = cpuSeconds(pid);
  const startedMs = performance.now();
  work();
  const seconds = (performance.now() - startedMs) / 1000;
  return { wall: mebibytes / seconds, cpu: mebibytes / (cpuSeconds(pid) - cpu) };
}

/** Of all threads, in seconds; a tick is a hundredth of one on every Linux. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function putNginx({ url }: Peer, round: number, isSynced: boolean): void {
  curl('-sSf', '-T', file, `${url}/trace${round}`);
  if (isSynced) execFileSync('sync', ['-d', join(directory, 'dav', `trace${round}`)]);
  rmSync(join(directory, 'dav', `trace${round}`));
}

function putCollector({ url }: Peer, sha256: string, round: number): void {
  const fields = { username: 'rocks', id: `bench.${round}`, filename: 'trace.bin', sha256 };
  const metadata = Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',');
  const tus = ['-H', 'Tus-Resumable: 1.0.0'];
  const begin = [
    ...tus,
    '-H',
    `Upload-Length: ${mebibytes * MIB}`,
    '-H',
    `Upload-Metadata: ${metadata}`,
  ];
  const head = curl('-sSf', '-D', '-', '-X', 'POST', ...begin, `${url}/traces/uploads`);
  const location = /location: (\S+)/i.exec(head)![1]!;
  const send = [
    ...tus,
    '-H',
    'Upload-Offset: 0',
    '-H',
    'Content-Type: application/offset+octet-stream',
  ];
  curl('-sSf', '-X', 'PATCH', ...send, '-T', file, new URL(location, url).href);
  rmSync(join(state, 'traces', `bench.${round}`), { recursive: true });
}

/** As a client of old, but for the ends of lines. */
function postForm({ url }: Peer, round: number): void {
  const fields = ['-F', 'username=rocks', '-F', `id=form.${round}`, '-F', `filename=@${file}`];
  curl('-sSf', ...fields, `${url}/traces/sbin/store-trace.cgi`);
  rmSync(join(state, 'traces', `form.${round}`), { recursive: true });
}

async function measureOver({ name, sender, receiver }: Link, sha256: string): Promise<void> {
  sending = sender.at;
  const nginx = await startNginx(receiver);
  const collector = await startCollector(receiver);
  const speeds = { nginx: [], synced: [], collector: [], form: [] } as Record<Way, Speed[]>;
  try {
    for (let round = 0; round < rounds + WARMING; round++) {
      speeds.nginx.push(speedOf(nginx, () => putNginx(nginx, round, false)));
      speeds.synced.push(speedOf(nginx, () => putNginx(nginx, round, true)));
      speeds.collector.push(speedOf(collector, () => putCollector(collector, sha256, round)));
      speeds.form.push(speedOf(collector, () => postForm(collector, round)));
    }
    tell(name, speeds, collector);
  } finally {
    for (const { process: child } of [nginx, collector]) await ended(child);
    rmSync(state, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill();
  if (child.exitCode === null) await once(child, 'exit');
}

function tell(name: string, speeds: Record<Way, Speed[]>, { process: { pid } }: Peer): void {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const peak = Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024;
  const middle = (way: Way, what: keyof Speed) =>
    median(speeds[way].slice(WARMING).map((one) => one[what]));
  for (const way of ['collector', 'form'] as const) {
    const [ours, cpu] = [middle(way, 'wall'), middle(way, 'cpu')];
    const beside = (['nginx', 'synced'] as const).map((peer) => middle(peer, 'wall'));
    const [plain, synced] = beside.map(
      (peer) => `${peer.toFixed(0)} (${(ours / peer).toFixed(2)})`,
    );
    const cpuRatio = (cpu / middle('nginx', 'cpu')).toFixed(2);
    console.log(
      `${name}, ${NAMES[way]} ${ours.toFixed(0)} MiB/s beside nginx's ${plain}, with its file synced ${synced}; per second of CPU ${cpu.toFixed(0)} (${cpuRatio})`,
    );
  }
  console.log(`${name}, peak memory of the collector ${peak.toFixed(0)} MiB`);
}

try {
  const sha256 = makeFile();
  console.log(`load average ${loadavg()[0]!.toFixed(1)}`);
  for (const link of links()) await measureOver(link, sha256);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
