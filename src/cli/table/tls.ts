import type { CommandAction, CommandSpec } from '../command.ts';
import { json } from './shared-options.ts';

const NAMES = {
  usage: '[name...]',
  doc: 'Names and addresses of the server (default: all of this machine).',
} as const;
const state = { kind: 'setting', setting: 'stateDirectory' } as const;

export const init = {
  name: 'tls init',
  summary: "Make the site's authority and a certificate for its server.",
  arguments: [NAMES],
  options: { state, json },
  details: [
    'The authority lies in the directory tls of the state directory: ca.pem may be given to anybody, ' +
      'ca-key.pem to nobody. A server that is started with --tls says its address with the ' +
      'fingerprint of the authority behind it; workers and commands take that address as it is, and ' +
      'talk to no other server.',
  ],
  examples: [
    { line: 'windrow tls init', does: 'for all names of this machine' },
    { line: 'windrow tls init head.example.org 192.0.2.7', does: 'for these' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/tls.ts')).tlsInit,
} as const satisfies CommandSpec;

export const renew = {
  name: 'tls renew',
  summary: 'Make a new certificate for the server, by the same authority.',
  arguments: [{ ...NAMES, doc: 'Names and addresses of the server (default: those it has).' }],
  options: { state, json },
  details: [
    'A server that runs takes it within seconds. Whoever knows its authority need not be told.',
  ],
  examples: [{ line: 'windrow tls renew', does: 'valid for another 13 months' }],
  load: async (): Promise<CommandAction> => (await import('../commands/tls.ts')).tlsRenew,
} as const satisfies CommandSpec;

export const show = {
  name: 'tls show',
  summary: "Show the server's certificate: fingerprint, names, how long it is valid.",
  arguments: [],
  options: {
    state,
    tlsCertificate: { kind: 'setting', setting: 'tlsCertificate' },
    tlsKey: { kind: 'setting', setting: 'tlsKey' },
    json,
  },
  details: ['An address is pinned with the first line of it: https://HOST:PORT#sha256:….'],
  examples: [{ line: 'windrow tls show', does: 'what addresses are pinned with' }],
  load: async (): Promise<CommandAction> => (await import('../commands/tls.ts')).tlsShow,
} as const satisfies CommandSpec;
