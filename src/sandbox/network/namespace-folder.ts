/**
 * Where namespaces have names. The first `ip netns add` of a machine makes the folder and mounts it
 * over itself, and leaves both; whoever caused that takes it away when nobody uses it any more.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import type { RunTool } from '../tool.ts';
import { NAMESPACES } from './names.ts';

export interface FolderBefore {
  readonly isThere: boolean;
  /** Mounts there, of which only the last is seen. */
  readonly mounts: number;
}

export function lookAtFolder(): FolderBefore {
  return { isThere: existsSync(NAMESPACES), mounts: countMounts() };
}

/** Puts it back as it was, unless somebody has a namespace there by now. */
export async function putFolderBack(before: FolderBefore, runTool: RunTool): Promise<void> {
  if (countMounts() <= before.mounts || readdirSync(NAMESPACES).length > 0) return;
  // Refused when somebody has just made one: then it stays.
  const { fault } = await runTool(['umount', NAMESPACES]);
  if (fault !== '' || before.isThere) return;
  try {
    rmdirSync(NAMESPACES);
  } catch {
    // Somebody has made a namespace in it.
  }
}

/** The fifth field of a line is where it is mounted, proc_pid_mountinfo(5). */
function countMounts(): number {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.split(' ')[4] === NAMESPACES).length;
}
