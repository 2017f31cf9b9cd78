/**
 * A tree of version 2 made of plain files, as a kernel with every controller shows it: which files
 * a group has follows from what the group above hands down, and a group that holds processes hands
 * nothing down. Loaded by tests only, for machines whose controllers are bound to version 1.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type GroupFiles, kernelFiles } from './group-files.ts';

/** Files that every group has, with what they say at first; Linux 6.1. */
const ALWAYS: Readonly<Record<string, string>> = {
  'cgroup.procs': '',
  'cgroup.subtree_control': '',
  'cgroup.events': 'populated 0\nfrozen 0\n',
  'cgroup.freeze': '0\n',
  'cgroup.kill': '',
  'cgroup.type': 'domain\n',
  'cpu.stat': 'usage_usec 0\nuser_usec 0\nsystem_usec 0\n',
};

/** Files that appear with a controller. */
const BY_CONTROLLER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cpu: { 'cpu.weight': '100\n', 'cpu.max': 'max 100000\n' },
  cpuset: { 'cpuset.cpus': '\n' },
  memory: {
    'memory.current': '0\n',
    'memory.peak': '0\n',
    'memory.low': '0\n',
    'memory.max': 'max\n',
    'memory.swap.max': 'max\n',
    'memory.oom.group': '0\n',
    'memory.events': 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n',
    'memory.stat': 'anon 0\nfile 0\nkernel 0\nshmem 0\n',
  },
  pids: {
    'pids.max': 'max\n',
    'pids.current': '0\n',
    'pids.peak': '0\n',
    'pids.events': 'max 0\n',
  },
  io: { 'io.stat': '', 'io.weight': 'default 100\n', 'io.max': '' },
};

export interface RecordedTree {
  readonly root: string;
  readonly files: GroupFiles;
  /** Makes a group, as systemd would have before the worker began. */
  group(path: string, processes?: readonly number[]): string;
  /** What a file of a group says now. */
  says(group: string, file: string): string;
}

/** Lays the tree out below `root`, which exists and is empty. */
export function layOutTree(root: string, controllers: readonly string[]): RecordedTree {
  const read = (path: string) => readFileSync(path, 'utf8');
  const words = (path: string) => read(path).split(/\s+/).filter(Boolean);
  const populate = (directory: string, handedDown: readonly string[]) => {
    writeFileSync(join(directory, 'cgroup.controllers'), `${handedDown.join(' ')}\n`);
    add(directory, ALWAYS);
    for (const controller of handedDown) add(directory, BY_CONTROLLER[controller] ?? {});
  };
  const add = (directory: string, wanted: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(wanted)) {
      const path = join(directory, name);
      if (!existsSync(path)) writeFileSync(path, text);
    }
  };
  const make = (directory: string) => {
    mkdirSync(directory);
    populate(directory, words(join(dirname(directory), 'cgroup.subtree_control')));
  };
  const handDown = (directory: string, change: string) => {
    const name = change.slice(1);
    const now = new Set(words(join(directory, 'cgroup.subtree_control')));
    if (change.startsWith('-')) now.delete(name);
    else {
      if (!words(join(directory, 'cgroup.controllers')).includes(name)) throw refusal('ENOENT');
      if (directory !== root && words(join(directory, 'cgroup.procs')).length > 0) {
        throw refusal('EBUSY');
      }
      now.add(name);
    }
    writeFileSync(join(directory, 'cgroup.subtree_control'), [...now].join(' '));
    for (const inside of kernelFiles.groupsIn(directory))
      populate(join(directory, inside), [...now]);
  };
  const move = (directory: string, pid: string) => {
    if (words(join(directory, 'cgroup.subtree_control')).length > 0 && directory !== root) {
      throw refusal('EBUSY');
    }
    for (const other of allGroups(root)) {
      const left = words(join(other, 'cgroup.procs')).filter((word) => word !== pid);
      writeFileSync(join(other, 'cgroup.procs'), left.join('\n'));
    }
    writeFileSync(
      join(directory, 'cgroup.procs'),
      [...words(join(directory, 'cgroup.procs')), pid].join('\n'),
    );
  };
  populate(root, controllers);
  return {
    root,
    files: {
      ...kernelFiles,
      make,
      // Where a process wrote 0, which means itself, it has ended by now.
      remove: (directory) => {
        const isBusy =
          kernelFiles.groupsIn(directory).length > 0 ||
          (existsSync(directory) &&
            words(join(directory, 'cgroup.procs')).some((pid) => pid !== '0'));
        if (isBusy) throw refusal('EBUSY');
        rmSync(directory, { recursive: true });
      },
      write: (file, value) => {
        if (file.endsWith('/cgroup.subtree_control')) handDown(dirname(file), value);
        else if (file.endsWith('/cgroup.procs')) move(dirname(file), value);
        else kernelFiles.write(file, value);
      },
    },
    group: (path, processes = []) => {
      const directory = join(root, path);
      make(directory);
      writeFileSync(join(directory, 'cgroup.procs'), processes.join('\n'));
      return directory;
    },
    says: (group, file) => read(join(group, file)).trim(),
  };
}

function allGroups(directory: string): string[] {
  const inside = kernelFiles.groupsIn(directory).map((name) => join(directory, name));
  return [directory, ...inside.flatMap(allGroups)];
}

function refusal(code: 'EBUSY' | 'ENOENT'): Error {
  return Object.assign(new Error(code), { code });
}
