/**
 * Many attempts behind all walls, fifty at once, each of which leaves what it can; afterwards the
 * machine has nothing of them. WINDROW_TEST_ATTEMPTS=500 asks for the long run.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ownHierarchies } from '../cgroup/hierarchies.ts';
import { listChains } from '../network/claim.ts';
import { listPairEnds } from '../network/machine.ts';
import { devicePrefix, NAMESPACES } from '../network/names.ts';
import { findLauncher } from '../open-starter.ts';
import { listProcesses } from '../process-table.ts';
import { findTool, runTool } from '../tool.ts';
import { tagOf } from './open-walls.ts';
import { openWalledField, type WalledField } from './testing.ts';

const skip =
  findLauncher() === null || findTool('bwrap') === null ? 'no launcher or no bubblewrap' : false;
const ATTEMPTS = Number(process.env.WINDROW_TEST_ATTEMPTS ?? 50);
const AT_ONCE = 50;
/** By its odd duration a daemon is known that has neither a variable nor a parent. */
const DAEMON = `sleep 4000.${process.pid}`;

/** Says which namespaces it has, and leaves files, directories, links and daemons. */
const LEAVES = `
for kind in pid mnt ipc uts net cgroup user; do readlink /proc/self/ns/$kind; done
mkdir -p a/b; touch a/b/c /tmp/x /dev/shm/y; ln -s / a/root; chmod 0 a
(setsid ${DAEMON} >/dev/null 2>&1 &)
(setsid sh -c 'exec env -i ${DAEMON}' >/dev/null 2>&1 &)
`;

async function isolated(field: WalledField, index: number, networks: readonly string[]) {
  const counted = networks.includes('accounted') && index % 5 === 0;
  const isolation = counted ? ({ network: 'accounted' } as const) : {};
  return await field.run('full', LEAVES, {
    isolation,
    request: { memoryBytes: 100e6, processes: 30 },
  });
}

test(`${ATTEMPTS} walled attempts, ${AT_ONCE} at once, leave nothing on the machine`, {
  skip,
}, async () => {
  const field = await openWalledField();
  const own = new Set(NAMESPACE_KINDS.map((kind) => readLink(`/proc/self/ns/${kind}`)));
  const namespaces = new Set<string>();
  try {
    const { networks } = await field.walls.machine();
    let next = 0;
    const lane = async () => {
      while (next < ATTEMPTS) {
        const { stdout, end } = await isolated(field, next++, networks);
        assert.equal(end.exitCode, 0, stdout);
        for (const name of stdout.trim().split('\n')) if (!own.has(name)) namespaces.add(name);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    // Each has at least its own of processes, mounts, IPC, host name and network.
    assert.ok(namespaces.size > 4 * Math.min(ATTEMPTS, AT_ONCE), String(namespaces.size));
    await field.walls.close();
    assert.equal(existsSync(join(field.directory, 'private')), false);
    assert.deepEqual(readdirSync(join(field.directory, 'walls')), ['system-calls.bpf']);
    assert.deepEqual(await leftAtLast(field.directory), []);
    assert.deepEqual(field.complaints, []);
  } finally {
    await field.close();
  }
  assert.equal(existsSync(field.directory), false);
});

const NAMESPACE_KINDS = ['pid', 'mnt', 'ipc', 'uts', 'net', 'cgroup', 'user'];

/** The kernel takes namespaces, and the devices in them, apart in the background. */
async function leftAtLast(directory: string): Promise<string[]> {
  for (let looks = 1; ; looks++) {
    const left = await leftOf(directory);
    if (left.length === 0 || looks === 600) return left;
    await pause(50);
  }
}

/** Everything on the machine that has the worker's tag or directory, and what its attempts ran. */
async function leftOf(directory: string): Promise<string[]> {
  const tag = tagOf(directory);
  const isRoot = process.getuid?.() === 0;
  const chains = isRoot ? await listChains(runTool).catch(() => []) : [];
  const devices = isRoot ? await listPairEnds(runTool) : [];
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return [
    ...mounts.filter((line) => line.includes(directory) || line.includes(tag)),
    ...ownHierarchies().flatMap(({ mountPoint, own }) =>
      [...new Set([mountPoint, own])].flatMap((base) => named(base, tag)),
    ),
    ...(existsSync(NAMESPACES) ? named(NAMESPACES, tag) : []),
    ...chains.flatMap(({ chain, table }) => (chain.startsWith(tag) ? [`${table} ${chain}`] : [])),
    ...devices.filter((name) => name.startsWith(devicePrefix(tag))),
    ...listProcesses()
      .filter(isDaemon)
      .map((pid) => `process ${pid}`),
    ...openNamespaces(),
  ];
}

function named(folder: string, tag: string): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(tag));
  return names.map((name) => `${folder}/${name}`);
}

function isDaemon(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(DAEMON.replace(' ', '\0'));
  } catch {
    return false; // gone
  }
}

/** A namespace that nobody is in lives on while somebody has it open. */
function openNamespaces(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => readLink(`/proc/self/fd/${fd}`));
  return links.filter((link) => /^[a-z]+:\[\d+\]$/.test(link) && !/^(pipe|socket)/.test(link));
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // gone, or not ours to look at
  }
}
