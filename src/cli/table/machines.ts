import type { CommandAction, CommandSpec } from '../command.ts';
import { json, machineOptions, whichServer } from './shared-options.ts';

const NODES = {
  usage: '<nodes>',
  doc: 'List of machines: one a line, behind it slots=, user=, port=, dir=, via=; # begins a comment.',
} as const;

export const start = {
  name: 'start',
  summary: 'Start workers on machines that ssh reaches.',
  arguments: [NODES],
  options: {
    slots: {
      kind: 'whole',
      flags: '--slots <n>',
      least: 1,
      doc: 'Attempts at once, on machines of the list without slots= (default: their CPUs).',
    },
    atLeast: {
      kind: 'whole',
      flags: '--at-least <n>',
      least: 0,
      doc: 'Succeed when so many machines have a worker (default: 1).',
    },
    walls: {
      kind: 'choice',
      flags: '--walls <level>',
      choices: ['bare', 'tracked', 'private', 'full'],
      doc: 'Walls of attempts whose jobs ask for none (default: bare).',
    },
    advertise: { kind: 'setting', setting: 'advertise' },
    ...machineOptions,
    executables: { kind: 'setting', setting: 'executables' },
    json,
    ...whichServer,
    sessionFile: { kind: 'setting', setting: 'sessionFile' },
  },
  details: [
    'It uses the ssh of this machine with your configuration, keys and known hosts, and never asks ' +
      'for a password. The executable is copied once for each file system; the secret of the ' +
      'session goes over the connection, into no file and no command line. Workers connect to the ' +
      'server, never the other way, and go on when the connection has ended.',
    'A machine that has a worker of this server already keeps it.',
  ],
  examples: [
    { line: 'windrow start nodes.txt', does: 'a worker on each machine of the list' },
    { line: 'windrow start nodes.txt --at-least 8', does: 'fail when fewer than 8 come up' },
    { line: 'windrow start nodes.txt --advertise head.example.org', does: 'behind a gateway' },
  ],
  exitCodes: { 1: 'fewer machines than --at-least have a worker', 130: 'interrupted' },
  load: async (): Promise<CommandAction> => (await import('../commands/start.ts')).start,
} as const satisfies CommandSpec;

export const exec = {
  name: 'exec',
  summary: 'Run a command on machines, in parallel.',
  arguments: [NODES],
  takesCommand: true,
  options: {
    timeout: {
      kind: 'duration',
      flags: '--timeout <duration>',
      doc: 'End it where it takes longer (default: none).',
    },
    outputSize: {
      kind: 'bytes',
      flags: '--output-size <size>',
      doc: 'Most output of each machine; the rest is left out (default: 16 MiB).',
    },
    parallel: machineOptions.parallel,
    connectTimeout: machineOptions.connectTimeout,
    json,
  },
  details: [
    'One word behind -- is a command for sh; several are executed as they are. It gets no input, ' +
      'and ends when this one is interrupted. Each line of output comes behind the name of its ' +
      'machine.',
  ],
  examples: [
    { line: 'windrow exec nodes.txt -- uptime', does: 'on every machine' },
    { line: "windrow exec nodes.txt -- 'df -h /scratch | tail -1'", does: 'by the shell there' },
  ],
  exitCodes: {
    1: 'the command failed on a machine, or a machine could not be reached',
    130: 'interrupted',
  },
  load: async (): Promise<CommandAction> => (await import('../commands/exec.ts')).exec,
} as const satisfies CommandSpec;
