import type { Machine } from '../node-file.ts';
import { type AnswerLine, type MachineShell, textOf } from './machine-shell.ts';
import { type Site, throwFault } from './place-program.ts';

/**
 * Goes into the worker's directory of a machine, which is made where it is the usual one. `facts` are
 * its answer to the verb of that name. Rejects with PILOT_DIRECTORY_…, PILOT_DISK_FULL, ShellEnded.
 */
export async function enterSite(
  machine: Machine,
  shell: MachineShell,
  facts: readonly AnswerLine[],
): Promise<Site> {
  const answer = await shell.call('enter', [machine.directory]);
  const directory = textOf(answer, 'directory') ?? machine.directory;
  throwFault(answer, { machine: machine.name, directory });
  const room = textOf(answer, 'room') ?? '';
  return {
    machine: machine.name,
    directory,
    host: textOf(facts, 'host') ?? '',
    realm: textOf(facts, 'realm') ?? '',
    unpacks: facts.filter(({ word }) => word === 'unpacks').map(({ text }) => text),
    roomBytes: /^\d{1,15}$/.test(room) ? Number(room) * 1024 : null,
  };
}
