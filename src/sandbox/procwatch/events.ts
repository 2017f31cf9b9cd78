/**
 * Events of the kernel's process connector in the words of `launcher events` (launcher/events.h).
 * JavaScript cannot open that socket: it is a netlink one, which Node.js has no name for.
 */
export type ProcessEvent =
  | { readonly kind: 'fork'; readonly parent: number; readonly child: number }
  | { readonly kind: 'exec'; readonly pid: number; readonly command: string }
  | { readonly kind: 'exit'; readonly pid: number; readonly status: number }
  /** The kernel had no room for so many events, null: nobody knows how many, and dropped them. */
  | { readonly kind: 'lost'; readonly missed: number | null };

/** Null for lines that are no event. */
export function readEvent(line: string): ProcessEvent | null {
  const [kind, first = '', ...rest] = line.split(' ');
  const number = Number(first);
  if (kind === 'fork') return { kind, parent: number, child: Number(rest[0]) };
  if (kind === 'exec') return { kind, pid: number, command: rest.join(' ') };
  if (kind === 'exit') return { kind, pid: number, status: Number(rest[0]) };
  return kind === 'lost' ? { kind, missed: number || null } : null;
}
