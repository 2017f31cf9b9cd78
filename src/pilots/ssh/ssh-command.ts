/** The system's OpenSSH client as an argv, so that the user's own configuration, agent and known hosts hold. */
import type { Machine } from '../node-file.ts';

export interface SshOptions {
  /** The program, usually `ssh`. */
  readonly program: string;
  /** Handed to ssh; nothing in it that begins with WINDROW_ is. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly connectTimeoutMs: number;
}

/**
 * Never asks for anything; does nothing that the user's configuration has for sessions of people
 * (forwardings, a command of its own); gives a dead connection up within a minute.
 */
const OPTIONS = [
  'BatchMode=yes',
  'NumberOfPasswordPrompts=0',
  'LogLevel=ERROR',
  'ServerAliveInterval=15',
  'ServerAliveCountMax=3',
  'ClearAllForwardings=yes',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'ControlMaster=no',
];

/** `command` is for the login shell of the machine. */
export function sshArgv(machine: Machine, options: SshOptions, command: string): string[] {
  const { host, user, port, via } = machine;
  const seconds = Math.max(1, Math.ceil(options.connectTimeoutMs / 1000));
  return [
    options.program,
    '-T',
    ...OPTIONS.flatMap((option) => ['-o', option]),
    ...['-o', `ConnectTimeout=${seconds}`],
    ...(user === '' ? [] : ['-l', user]),
    ...(port === 0 ? [] : ['-p', String(port)]),
    ...(via === '' ? [] : ['-J', via]),
    '--',
    host,
    command,
  ];
}

/** The same as a person would type it, for advice. */
export function sshByHand({ host, user, port, via }: Machine): string {
  const words = [
    'ssh',
    port ? `-p ${port}` : '',
    via ? `-J ${via}` : '',
    user ? `${user}@${host}` : host,
  ];
  return words.filter((word) => word !== '').join(' ');
}

export function sshEnvironment({ environment }: SshOptions): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('WINDROW_'));
  // Without a terminal of its own ssh would look for a window to ask in.
  return { ...Object.fromEntries(kept), SSH_ASKPASS_REQUIRE: 'never' };
}
