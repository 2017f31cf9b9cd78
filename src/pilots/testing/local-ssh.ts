/**
 * A stand-in for ssh that runs the command here, by a login shell in a session of its own, as sshd
 * does; for tests without machines.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '#base';
import type { Machine } from '../node-file.ts';
import type { Crowd } from '../ssh/each-machine.ts';
import type { SshOptions } from '../ssh/ssh-command.ts';

export interface LocalSsh {
  readonly options: SshOptions;
  /** The home directory that commands see. */
  readonly home: string;
  readonly directory: string;
}

/**
 * @param shell the login shell, with which the remote command is run
 * @param before shell commands that come first, as login scripts do
 */
export function localSsh(t: TestContext, shell = '/bin/sh', before = ''): LocalSsh {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-ssh-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const home = join(directory, 'home');
  mkdirSync(home);
  const program = join(directory, 'ssh');
  const script = `#!/bin/sh\nfor last; do :; done\n${before}\nexec /usr/bin/setsid --wait ${shell} -c "$last"\n`;
  writeFileSync(program, script);
  chmodSync(program, 0o700);
  const environment = {
    PATH: process.env.PATH,
    HOME: home,
    SSH_CONNECTION: '10.0.0.1 4711 10.0.0.2 22',
  };
  return { options: { program, environment, connectTimeoutMs: 10_000 }, home, directory };
}

export function machine(more: Partial<Machine> = {}): Machine {
  const none = { user: '', port: 0, via: '', directory: '', slots: 0 };
  return { ...none, host: 'n1', name: 'n1', where: 'nodes.txt:1', ...more };
}

export function crowdOf({ options }: LocalSsh, machines: readonly Machine[] = [machine()]): Crowd {
  const signal = new AbortController().signal;
  return { machines, ssh: options, parallel: 4, clock: systemClock, signal };
}
