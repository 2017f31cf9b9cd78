/** One machine of a field of hosts: what it is made of, and running things on it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { processesInPidSpaceOf, type SeenProcess } from './processes.ts';

export interface HostSpec {
  /** Host name: letters, digits and `-`. */
  readonly name: string;
  /** Directories at /srv/NAME, each one and the same on all hosts that name it. */
  readonly shared?: readonly string[];
  /** False: nobody listens at port 22. */
  readonly sshd?: boolean;
  /** Login shell of ada; `/bin/sh`. */
  readonly shell?: string;
  /** Shell commands of root on the host before it can be reached, e.g. a small disk; `$dir` is the host's directory. */
  readonly setup?: string;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const CHECKOUT = resolve(import.meta.dirname, '../..');
export const NETWORK = '10.77.0';
/** User and group of ada. */
const ADA = 61_001;
const STARTS_MS = 30_000;

/** One machine that was made of namespaces. */
export class Host {
  readonly spec: HostSpec;
  readonly address: string;
  readonly number: number;
  /** On the test's side: `home`, `tmp`, `sshd.log` and what it was made of. */
  readonly directory: string;
  #process: ChildProcess | null = null;
  #initPid = 0;

  constructor(spec: HostSpec, number: number, directory: string) {
    this.spec = spec;
    this.number = number;
    this.address = `${NETWORK}.${number + 10}`;
    this.directory = directory;
  }

  get name(): string {
    return this.spec.name;
  }

  /** The host's first process, as this machine counts; 0 while it is off. */
  get initPid(): number {
    return this.#initPid;
  }

  /** Its sshd's log, for when a test is puzzled. */
  get sshdLog(): string {
    return readFileSync(join(this.directory, 'sshd.log'), 'utf8');
  }

  /** Runs `argv` there as ada until it ends, in her home directory. */
  run(...argv: string[]): Promise<Outcome> {
    return ended(this.spawn(argv));
  }

  runAsRoot(...argv: string[]): Promise<Outcome> {
    return ended(this.spawn(argv, { root: true }));
  }

  spawn(argv: readonly string[], { root = false } = {}): ChildProcess {
    const ids = root ? [] : [`--setuid=${ADA}`, `--setgid=${ADA}`];
    const into = ['-t', String(this.#initPid), '-n', '-m', '-u', '-p', '--wdns=/home/ada', ...ids];
    return spawn('nsenter', [...into, '--', ...argv], {
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/home/ada', USER: 'ada' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Its processes but the first, with pids as this machine (not the host) counts. */
  processes(): SeenProcess[] {
    return processesInPidSpaceOf(this.#initPid).filter(({ pid }) => pid !== this.#initPid);
  }

  /** Makes everything that it is to have before its first boot; `login` is the key that opens it. */
  furnish(login: string, all: readonly Host[]): void {
    const { directory, spec } = this;
    writeNames(join(directory, 'etc'), all);
    const shell = spec.shell ?? '/bin/sh';
    const write = (name: string, content: string) => writeFileSync(join(directory, name), content);
    const ada = `ada:x:${ADA}:${ADA}:Ada:/home/ada:${shell}\n`;
    write('etc/passwd', readFileSync('/etc/passwd', 'utf8') + ada);
    write('etc/group', `${readFileSync('/etc/group', 'utf8')}ada:x:${ADA}:\n`);
    write('etc/shadow', 'root:*:::::::\nada:*:::::::\n');
    for (const name of ['home', 'home/.ssh']) makeOwned(join(directory, name), 0o700);
    write('home/.ssh/authorized_keys', login);
    mkdirSync(join(directory, 'tmp'));
    chmodSync(join(directory, 'tmp'), 0o1777);
    mkdirSync(join(directory, 'shared'));
    for (const name of spec.shared ?? []) {
      const shared = join(dirname(directory), '.shared', name);
      if (!existsSync(shared)) makeOwned(shared, 0o755);
      symlinkSync(shared, join(directory, 'shared', name));
    }
    makeKey(join(directory, 'sshd_key'));
    write('sshd_config', SSHD_CONFIG);
    write('setup.sh', `${spec.setup ?? ''}\n`);
  }

  async boot(headPid: number): Promise<void> {
    const { name, sshd = true } = this.spec;
    writeFileSync(join(this.directory, 'boot_id'), `${randomUUID()}\n`);
    const script = join(import.meta.dirname, 'host-init.sh');
    const given = [this.directory, name, String(this.number), this.address, String(headPid)];
    const spaces = ['--net', '--mount', '--uts', '--pid', '--fork', '--kill-child'];
    const argv = [...spaces, 'bash', script, ...given, CHECKOUT, sshd ? 'yes' : 'no'];
    this.#process = await readyProcess(argv);
    const children = `/proc/${this.#process.pid}/task/${this.#process.pid}/children`;
    this.#initPid = Number(readFileSync(children, 'utf8').trim());
  }

  async powerOff(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    this.#initPid = 0;
    if (running) await endProcess(running);
  }
}

const SSHD_CONFIG = `
HostKey /run/sshd_key
PidFile /run/sshd.pid
AuthorizedKeysFile /home/ada/.ssh/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 200
Subsystem sftp internal-sftp
`;

/** What all machines of a field know of each other, and nothing of the world outside. */
export function writeNames(etc: string, hosts: readonly Host[]): void {
  mkdirSync(etc, { recursive: true });
  const lines = hosts.map(({ name, address }) => `${address} ${name}\n`);
  const own = `127.0.0.1 localhost\n${NETWORK}.1 head\n`;
  writeFileSync(join(etc, 'hosts'), own + lines.join(''));
  const databases = ['passwd: files', 'group: files', 'shadow: files', 'hosts: files'];
  writeFileSync(join(etc, 'nsswitch.conf'), `${databases.join('\n')}\n`);
  writeFileSync(join(etc, 'resolv.conf'), '');
}

function makeOwned(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  chownSync(path, ADA, ADA);
}

/** A key pair without passphrase at `path` and `path`.pub. */
export function makeKey(path: string): void {
  rmSync(path, { force: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path]);
}

/** Starts `unshare …` and waits until its script says that it is ready. */
export async function readyProcess(argv: readonly string[]): Promise<ChildProcess> {
  const child = spawn('unshare', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  const errors = text(child.stderr);
  const signal = AbortSignal.timeout(STARTS_MS);
  const [said] = await Promise.race([
    once(child.stdout.setEncoding('utf8'), 'data', { signal }),
    once(child, 'exit'),
  ]);
  if (said === 'ready\n') return child;
  child.kill('SIGKILL');
  throw new Error(`a host did not start: ${argv.join(' ')}\n${await errors}`);
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
  await exit;
  clearTimeout(timer);
}

export async function ended(child: ChildProcess): Promise<Outcome> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}
