/** The processes of a field, found in /proc by the home directory that all of them were given. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly argv: readonly string[];
}

/** Everything alive whose environment has `HOME=home`; a zombie is not alive. */
export function processesAtHome(home: string): SeenProcess[] {
  const seen: SeenProcess[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    if (pid === process.pid || !readText(`/proc/${name}/environ`).includes(`HOME=${home}\0`)) {
      continue;
    }
    seen.push({ pid, argv: argvOf(name) });
  }
  return seen;
}

/** Everything alive in the pid namespace of `init`; pids are those of this namespace. */
export function processesInPidSpaceOf(init: number): SeenProcess[] {
  const space = linkOf(`/proc/${init}/ns/pid`);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((name) => space !== '' && linkOf(`/proc/${name}/ns/pid`) === space)
    .map((name) => ({ pid: Number(name), argv: argvOf(name) }))
    .filter(({ argv }) => argv.length > 0);
}

/** `NAME=value\0…`; `''` for a process that has ended since, or is another user's. */
export function environmentOf(pid: number): string {
  return readText(`/proc/${pid}/environ`);
}

/** Everything alive with `text` in its command line, in whatever namespaces. */
export function processesWith(text: string): SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readText(`/proc/${name}/cmdline`).includes(text))
    .map((name) => ({ pid: Number(name), argv: argvOf(name) }));
}

/** Whether it runs `windrow worker`, be it from sources or a bundle, with whatever options of Node.js. */
export function isWorker({ argv }: SeenProcess): boolean {
  const at = argv.findIndex((argument) => /\/windrow\.c?js$/.test(argument));
  return at > 0 && argv[at + 1] === 'worker';
}

function argvOf(pid: string): string[] {
  return readText(`/proc/${pid}/cmdline`).split('\0').slice(0, -1);
}

/** How many descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** The local ports at which a process listens, TCP over IPv4. */
export function listeningPorts(pid: number): number[] {
  const sockets = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
    if (inode !== undefined) sockets.add(inode);
  }
  const ports: number[] = [];
  for (const line of readText(`/proc/${pid}/net/tcp`).split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    // 0A is LISTEN; the local address is hex IP:PORT.
    if (fields[3] !== '0A' || !sockets.has(fields[9] ?? '')) continue;
    ports.push(Number.parseInt(fields[1]!.split(':')[1]!, 16));
  }
  return ports;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed since
  }
}

/** `''` for a process that has ended since, or is another user's. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
