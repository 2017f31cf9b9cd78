/**
 * The texts in which Lustre tells how it is. All of it comes from kernel memory of a machine that
 * may be in trouble: whatever does not look as expected is left out, never an error.
 * Formats: lustre-release, `obdclass/obd_sysfs.c`, `ptlrpc/lproc_ptlrpc.c`, `ldlm/ldlm_lib.c`,
 * `lnet/router_proc.c`.
 */

export type Health = 'healthy' | 'NOT HEALTHY' | 'LBUG';

export interface HealthCheck {
  /** Null: none of the words that it should be. */
  readonly health: Health | null;
  /** Names of the devices that reported themselves unhealthy. */
  readonly devices: readonly string[];
}

const HEALTHS: readonly string[] = ['healthy', 'NOT HEALTHY', 'LBUG'] satisfies Health[];
/** A node has room for 8192. */
const DEVICES_MOST = 10_000;

/** `health_check`, as sysfs, debugfs or `lctl get_param` have it. */
export function parseHealth(text: string): HealthCheck {
  const lines = linesOf(text).map((line) => line.replace(/^health_check=/, ''));
  const found = lines.findLast((line) => HEALTHS.includes(line)) as Health | undefined;
  const devices = lines.flatMap(
    (line) => /^device (\S+) reported unhealthy$/.exec(line)?.[1] ?? [],
  );
  return { health: found ?? null, devices: devices.slice(0, DEVICES_MOST) };
}

export interface Device {
  /** `UP`, or `IN` (inactive), `ST` (stopping), `AT` (attached, not set up), `--`. */
  readonly status: string;
  readonly type: string;
  readonly name: string;
}

/** `devices`: `  0 UP osd-zfs MGS-osd MGS-osd_UUID 5`. */
export function parseDevices(text: string): Device[] {
  return linesOf(text)
    .slice(0, DEVICES_MOST)
    .flatMap((line) => {
      const parts = /^\d+ (UP|IN|ST|AT|--) (\S+) (\S+) \S+ -?\d+$/.exec(line);
      return parts ? [{ status: parts[1]!, type: parts[2]!, name: parts[3]! }] : [];
    });
}

/** `recovery_status`: lines `name: value`, with or without `mdt.….recovery_status=` before them. */
export function parseRecovery(text: string): ReadonlyMap<string, string> {
  const pairs = linesOf(text)
    .map((line) => /^(?:\S+\.recovery_status=)?([a-z_A-Z]+):\s*(.*)$/.exec(line))
    .flatMap((parts) => (parts ? [[parts[1]!, parts[2]!] as const] : []));
  return new Map(pairs);
}

/** One line of a history: when an import became what. */
export interface ImportChange {
  /** Seconds since 1970, by the node's clock. */
  readonly atSeconds: number;
  readonly state: string;
}

export interface ImportState {
  readonly current: string;
  /** Oldest first; the kernel keeps the latest sixteen. */
  readonly history: readonly ImportChange[];
}

const HISTORY_MOST = 64;

/** `state` of an import; null when it has none. */
export function parseImportState(text: string): ImportState | null {
  const lines = linesOf(text);
  const current = lines.map((line) => /^current_state: ([A-Z_]+)$/.exec(line)?.[1]).find(Boolean);
  if (current === undefined) return null;
  const history = lines.flatMap((line) => {
    const parts = /^- \[ (\d{1,12}), ([A-Z_]+) \]$/.exec(line);
    return parts ? [{ atSeconds: Number(parts[1]), state: parts[2]! }] : [];
  });
  return { current, history: history.slice(-HISTORY_MOST) };
}

/** The NID that an `import` file says is spoken to: `172.20.20.5@o2ib`; null when none. */
export function parseConnection(text: string): string | null {
  const found = /^\s*current_connection:\s*(\S+@\S+)\s*$/m.exec(text)?.[1];
  return found ?? null;
}

export interface Peer {
  readonly nid: string;
  readonly isDown: boolean;
}

/** `peers` of LNet: `nid refs state last max rtr min tx min queue`, below a line of headings. */
export function parsePeers(text: string): Peer[] {
  return linesOf(text).flatMap((line) => {
    const parts = /^(\S+@\S+)\s+-?\d+\s+(\S+)(?:\s|$)/.exec(line);
    return parts ? [{ nid: parts[1]!, isDown: parts[2] === 'down' }] : [];
  });
}

/** A file of one number. */
export function parseNumber(text: string): number | null {
  const trimmed = text.trim();
  return /^-?\d{1,15}$/.test(trimmed) ? Number(trimmed) : null;
}

/** `lustrefs-OST0004-osc-MDT0000` → file system and target; null for names of no target. */
export function parseTarget(name: string): { fileSystem: string; target: string } | null {
  const parts = /^([A-Za-z0-9_.-]{1,8})-((?:OST|MDT)[0-9a-f]{4})(?![0-9a-f])/.exec(name);
  return parts ? { fileSystem: parts[1]!, target: `${parts[1]}-${parts[2]}` } : null;
}

function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
}
