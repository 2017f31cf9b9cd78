import type { CommandAction, CommandSpec } from '../command.ts';
import { json, log, whichServer } from './shared-options.ts';

export const config = {
  name: 'config',
  summary: 'Show every setting, its value and where it came from.',
  arguments: [],
  options: {
    json,
    ...whichServer,
    listen: { kind: 'setting', setting: 'listen' },
    insecure: { kind: 'setting', setting: 'insecure' },
    slots: { kind: 'setting', setting: 'slots' },
    dir: { kind: 'setting', setting: 'workerDirectory' },
    sessionFile: { kind: 'setting', setting: 'sessionFile' },
    workerStarter: { kind: 'setting', setting: 'workerStarter' },
    lease: { kind: 'setting', setting: 'leaseMs' },
    ping: { kind: 'setting', setting: 'pingMs' },
    diskReserve: { kind: 'setting', setting: 'diskReserveBytes' },
    policyFile: { kind: 'setting', setting: 'policyFile' },
    policyMs: { kind: 'setting', setting: 'policyMs' },
    ...log,
  },
  details: [
    'Settings come from the command line, then the environment (WINDROW_LISTEN for listen), then ' +
      'the user file $XDG_CONFIG_HOME/windrow/windrow.conf, then /etc/windrow/windrow.conf. The ' +
      'files hold lines like `listen = 127.0.0.1:8980`.',
  ],
  examples: [{ line: 'windrow config', does: 'what holds here' }],
  load: async (): Promise<CommandAction> => (await import('../commands/config.ts')).config,
} as const satisfies CommandSpec;

export const completion = {
  name: 'completion',
  summary: 'Print the completion script of a shell.',
  arguments: [{ usage: '<shell>', doc: 'bash, zsh or fish.' }],
  options: {},
  details: [],
  examples: [
    { line: 'source <(windrow completion bash)', does: 'for this shell' },
    {
      line: 'windrow completion fish > ~/.config/fish/completions/windrow.fish',
      does: 'for every fish',
    },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/completion.ts')).completion,
} as const satisfies CommandSpec;

export const man = {
  name: 'man',
  summary: 'Print a manual page.',
  arguments: [{ usage: '[command...]', doc: 'A command; without it, the page of windrow itself.' }],
  options: {},
  details: ['The page is in roff, for man and mandoc.'],
  examples: [
    { line: 'windrow man run | man -l -', does: 'read it' },
    { line: 'windrow man > /usr/local/share/man/man1/windrow.1', does: 'install it' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/man.ts')).man,
} as const satisfies CommandSpec;

export const version = {
  name: 'version',
  summary: 'Print the version.',
  arguments: [],
  options: { json },
  details: [],
  examples: [{ line: 'windrow version', does: 'which version this is' }],
  load: async (): Promise<CommandAction> => (await import('../commands/version.ts')).version,
} as const satisfies CommandSpec;

export const errors = {
  name: 'errors',
  summary: 'Explain an error code, or list them all.',
  arguments: [{ usage: '[code]', doc: 'A code, as it stands behind a message.' }],
  options: { json },
  details: [],
  examples: [{ line: 'windrow errors SERVER_NOT_FOUND', does: 'what it means and what to do' }],
  load: async (): Promise<CommandAction> => (await import('../commands/errors.ts')).errors,
} as const satisfies CommandSpec;
