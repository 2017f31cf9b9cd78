/**
 * Events of the kernel's process connector (Documentation/driver-api/connector.rst) in the words of
 * forkstat(8). JavaScript cannot open that socket: it is a netlink one, which Node.js has no name
 * for, and a foreign-function library would be a second native part for this one command.
 */

export type ProcessEvent =
  | { readonly kind: 'fork'; readonly parent: number; readonly child: number }
  | { readonly kind: 'exec'; readonly pid: number; readonly command: string }
  | { readonly kind: 'exit'; readonly pid: number; readonly status: number }
  /** The kernel had no room for events and dropped some: nobody knows which. */
  | { readonly kind: 'lost' };

/**
 * Command names in place of whole command lines (`-c`): they are at most 15 bytes, too short for a
 * program to put a line of its own making among ours, and cost forkstat less for each event.
 */
export const FORKSTAT_ARGUMENTS = ['-l', '-c', '-e', 'fork,exec,exit'] as const;

const LINE = /^\S{8} (fork|exec|exit|recv) +(\d+|-+) (.*)$/;

/** Reads lines in their order: a fork is told in two, the parent first. */
export function createForkstatReader(): (line: string) => ProcessEvent | null {
  let parent: number | null = null;
  return (line) => {
    const [, event, number, rest] = LINE.exec(line) ?? [];
    if (event === undefined || rest === undefined) return null;
    const pid = Number(number);
    if (event === 'recv') return rest.startsWith('nobufs') ? { kind: 'lost' } : null;
    if (event === 'exec') return { kind: 'exec', pid, command: rest.trim() };
    if (event === 'exit') return { kind: 'exit', pid, status: Number.parseInt(rest, 10) || 0 };
    if (rest.startsWith('parent')) {
      parent = pid;
      return null;
    }
    if (parent === null || !rest.startsWith('child')) return null;
    const fork = { kind: 'fork', parent, child: pid } as const;
    parent = null;
    return fork;
  };
}
