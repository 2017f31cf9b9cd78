/**
 * Machines for tests: each host has namespaces of its own (network, mounts, host name, processes),
 * hence its own address, home directory, /tmp, /run, boot id and a real sshd with its own key. They
 * hang on one bridge. The machine from which the test acts is the `head`, 10.77.0.1, where `sweep`
 * runs the real windrow as root; on the hosts the user is `ada` and not root. `ssh NAME` works from
 * the head by its ~/.ssh. All of it is in namespaces that only this field has, so fields of several
 * tests do not meet.
 *
 *     await withHosts([{ name: 'n1' }, { name: 'n2', shared: ['nfs'] }], async (field) => {
 *       await field.sweep.must(0, 'exec', nodes, '--', 'uname');     // windrow, on the head
 *       await field.host('n1').run('cat', '/proc/uptime');           // as ada, on the host
 *       field.cut('n1');                                            // packets vanish, both ways
 *       field.heal('n1');
 *       field.lose('n1', 20);                                       // a fifth of them, at random;
 *                                                                   // by nft, as few kernels have netem
 *       await field.crash('n1');                                    // power off
 *       await field.boot('n1');                                     // and on: disks as they were
 *     });
 *
 * Hosts see the checkout at /mnt/windrow. Directories with the same name in `shared` are one
 * directory, at /srv/NAME, as NFS would have it. A field is gone after a failed test too; what a
 * killed test run leaves, at most directories and processes of the head, the next field removes.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ended,
  endProcess,
  Host,
  type HostSpec,
  makeKey,
  NETWORK,
  type Outcome,
  readyProcess,
  writeNames,
} from './host.ts';
import { processesAtHome } from './processes.ts';
import { killQuietly, SweepField } from './sweep-field.ts';

export type { HostSpec } from './host.ts';

export const HEAD_ADDRESS = `${NETWORK}.1`;
const PREFIX = 'windrow-hosts-';

/** Why there can be no hosts on this machine, for `skip`; false where there can. */
export function whyNoHosts(): string | false {
  if (process.platform !== 'linux') return 'hosts are made of Linux namespaces';
  if (process.getuid?.() !== 0) return 'making hosts of namespaces needs root';
  for (const tool of ['/usr/sbin/sshd', '/usr/bin/unshare', '/usr/bin/nsenter', '/usr/sbin/nft']) {
    if (!existsSync(tool)) return `${tool} is missing (scripts/setup-system.sh installs it)`;
  }
  return false;
}

/** Makes hosts, and removes them whatever `use` does. Nothing may be left on the head. */
export async function withHosts(
  specs: readonly HostSpec[],
  use: (field: HostField) => Promise<void>,
): Promise<void> {
  const field = await HostField.open(specs);
  try {
    await use(field);
    await field.sweep.isQuiet();
  } finally {
    await field.close();
  }
}

export class HostField {
  /** Everything of the field lies below it. */
  readonly directory: string;
  /** Windrow on the head: its commands, environment and files. */
  readonly sweep: SweepField;
  readonly #hosts = new Map<string, Host>();
  #head: ChildProcess | null = null;

  private constructor(directory: string, specs: readonly HostSpec[]) {
    this.directory = directory;
    this.sweep = new SweepField({ within: directory, enter: (cwd) => this.enterHead(cwd) });
    for (const [index, spec] of specs.entries()) {
      const host = new Host(spec, index + 1, join(directory, spec.name));
      this.#hosts.set(spec.name, host);
    }
  }

  static async open(specs: readonly HostSpec[]): Promise<HostField> {
    removeLeftovers();
    const directory = realpathSync(mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)));
    chmodSync(directory, 0o755);
    const field = new HostField(directory, specs);
    try {
      await field.#start();
      return field;
    } catch (error) {
      await field.close();
      throw error;
    }
  }

  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (!host) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** Command words that run what follows them on the head. */
  enterHead(cwd: string): string[] {
    const pid = String(this.#head?.pid);
    // A killed test takes what it runs with it.
    const orphanless = ['setpriv', '--pdeathsig', 'KILL', '--'];
    return [...orphanless, 'nsenter', '-t', pid, '-n', '-m', '-u', `--wdns=${cwd}`, '--'];
  }

  /** Runs any command on the head until it ends. */
  runOnHead(...argv: string[]): Promise<Outcome> {
    const [file, ...rest] = [...this.enterHead(this.sweep.directory), ...argv];
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    const child = spawn(file!, rest, { env: this.sweep.environment(), stdio: [...stdio] });
    return ended(child);
  }

  /** From now on every packet from and to the host vanishes: no answer, no refusal. */
  cut(name: string): void {
    this.#filter(name, 'drop');
  }

  /** That share of packets vanishes, in each direction. */
  lose(name: string, percent: number): void {
    this.#filter(name, `numgen random mod 100 < ${percent} drop`);
  }

  /** Undoes `cut` and `lose`. */
  heal(name: string): void {
    this.#filter(name, null);
  }

  /** Power off, at once: all its processes are gone, its disks stay. */
  async crash(name: string): Promise<void> {
    await this.host(name).powerOff();
  }

  async boot(name: string): Promise<void> {
    await this.host(name).boot(this.#headPid);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.powerOff()));
    this.sweep.remove();
    if (this.#head) await endProcess(this.#head);
    rmSync(this.directory, { recursive: true, force: true });
  }

  get #headPid(): number {
    return this.#head!.pid!;
  }

  async #start(): Promise<void> {
    const hosts = [...this.#hosts.values()];
    const home = this.sweep.home;
    const keys = join(home, '.ssh');
    mkdirSync(keys, { mode: 0o700 });
    makeKey(join(keys, 'id_ed25519'));
    const login = readFileSync(join(keys, 'id_ed25519.pub'), 'utf8');
    for (const host of hosts) host.furnish(login, hosts);
    const known = hosts.map(({ name, address, directory }) => {
      const key = readFileSync(join(directory, 'sshd_key.pub'), 'utf8').trim();
      return `${name},${address} ${key}\n`;
    });
    writeFileSync(join(keys, 'known_hosts'), known.join(''));
    writeFileSync(join(keys, 'config'), 'Host *\n  User ada\n');
    const head = join(this.directory, '.head');
    writeNames(join(head, 'etc'), hosts);
    const passwd = readFileSync('/etc/passwd', 'utf8').replace(/^root:.*\n/m, '');
    writeFileSync(join(head, 'etc/passwd'), `root:x:0:0::${home}:/bin/sh\n${passwd}`);
    const script = join(import.meta.dirname, 'head-init.sh');
    this.#head = await readyProcess(['--net', '--mount', '--uts', 'bash', script, head]);
    await Promise.all(hosts.map((host) => host.boot(this.#headPid)));
  }

  /** One table on the head's end of the host's wire, so that nothing on the host can undo it. */
  #filter(name: string, rule: string | null): void {
    const device = `veth${this.host(name).number}`;
    const chain = (hook: string) =>
      `chain ${hook} {\ntype filter hook ${hook} device ${device} priority 0\n${rule}\n}\n`;
    const drop = `table netdev ${device}\ndelete table netdev ${device}\n`;
    const set = rule ? `table netdev ${device} {\n${chain('ingress')}${chain('egress')}}\n` : '';
    const enter = ['-t', String(this.#headPid), '-n', '--', 'nft', '-f', '-'];
    execFileSync('nsenter', enter, { input: drop + set });
  }
}

/** Directories and processes of fields whose test is no more. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const owner = Number(name.slice(PREFIX.length).split('-')[0]);
    if (existsSync(`/proc/${owner}`)) continue;
    const directory = join(tmpdir(), name);
    for (const part of readdirSync(directory)) {
      const home = join(directory, part, 'home');
      for (const { pid } of processesAtHome(home)) killQuietly(pid);
    }
    rmSync(directory, { recursive: true, force: true });
  }
}
