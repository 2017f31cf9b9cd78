/** The launcher's protocol, version 4, as bytes; described at the head of launcher/launcher.c. */
import type { StartRequest } from './port.ts';
import { STAGES } from './stage-report.ts';
import type { StartStage } from './start-failure.ts';
import { type LaunchWalls, withPrefix } from './walls/launch.ts';

export const PROTOCOL_VERSION = 4;
/** The largest payload the launcher accepts. */
export const REQUEST_LIMIT_BYTES = 8 * 1024 * 1024;

const HEADER_BYTES = 5;
const FIXED_BYTES = 36;
/** Spares a wake-up where programs are quick, and nobody notices. */
const TELL_WITHIN_MS = 2;
/** Reports other than output are small; a larger one is not from our launcher. */
const REPORT_LIMIT_BYTES = 128;
const OUTPUT_LIMIT_BYTES = 65_536;

const REQUEST = { start: 1, kill: 2, withdraw: 3 } as const;
const REPORT = { hello: 1, stdout: 2, stderr: 3, ended: 4, failed: 5, words: 6 } as const;
const OUTPUTS: Readonly<Record<number, Output>> = {
  [REPORT.stdout]: 'stdout',
  [REPORT.stderr]: 'stderr',
  [REPORT.words]: 'words',
};

/** `words`: of what was to put up walls, and ended before the program began. */
export type Output = 'stdout' | 'stderr' | 'words';

/** As launcher/walls.h wants them. */
function wallStrings(walls: LaunchWalls | undefined): string[] {
  if (!walls) return [];
  const strings = [
    ...walls.cgroups.map((path) => `c${path}`),
    ...walls.namespaces.map((path) => `n${path}`),
    ...(walls.covered ?? []).map((path) => `m${path}`),
  ];
  if (walls.prefix.length > 0) strings.push('r', ...walls.files.map((path) => `f${path}`));
  if (walls.guarded) strings.push('g');
  return strings;
}

/**
 * A start request with the cookie already in its environment; null when it is too large to send.
 * `id` (32 bits) is what reports and later requests call this start.
 */
export function encodeStart(id: number, request: StartRequest, cookie: string): Buffer | null {
  const { environment } = request;
  const { file, argv } = withPrefix(request);
  const walls = wallStrings(request.walls);
  let count = 0;
  let strings = `${request.directory}\0${request.stdin ?? ''}\0${file}\0`;
  for (const argument of argv) strings += `${argument}\0`;
  for (const name in environment) {
    strings += `${name}=${environment[name]}\0`;
    count++;
  }
  strings += `${cookie}\0`;
  for (const wall of walls) strings += `${wall}\0`;
  const bytes = FIXED_BYTES + Buffer.byteLength(strings);
  if (bytes > REQUEST_LIMIT_BYTES) return null;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  frame.writeUInt32LE(bytes, 0);
  frame[4] = REQUEST.start;
  frame.writeUInt32LE(id, HEADER_BYTES);
  writeMs(frame, request.timeoutMs, HEADER_BYTES + 4);
  writeMs(frame, request.killGraceMs, HEADER_BYTES + 12);
  frame.writeUInt32LE(request.tellWithinMs ?? TELL_WITHIN_MS, HEADER_BYTES + 20);
  frame.writeUInt32LE(argv.length, HEADER_BYTES + 24);
  frame.writeUInt32LE(count + 1, HEADER_BYTES + 28);
  frame.writeUInt32LE(walls.length, HEADER_BYTES + 32);
  frame.write(strings, HEADER_BYTES + FIXED_BYTES);
  return frame;
}

export function encodeKill(id: number, graceMs: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + 12);
  frame.writeUInt32LE(12, 0);
  frame[4] = REQUEST.kill;
  frame.writeUInt32LE(id, HEADER_BYTES);
  writeMs(frame, graceMs, HEADER_BYTES + 4);
  return frame;
}

export function encodeWithdraw(id: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + 4);
  frame.writeUInt32LE(4, 0);
  frame[4] = REQUEST.withdraw;
  frame.writeUInt32LE(id, HEADER_BYTES);
  return frame;
}

/** Rounded up: a timeout of half a millisecond is not none. */
function writeMs(frame: Buffer, ms: number, at: number): void {
  const whole = Math.min(Math.max(Math.ceil(ms), 0), Number.MAX_SAFE_INTEGER) || 0;
  frame.writeUInt32LE(whole % 2 ** 32, at);
  frame.writeUInt32LE(Math.floor(whole / 2 ** 32), at + 4);
}

export interface EndReport {
  readonly exitCode: number | null;
  /** The signal's number, or null. */
  readonly signal: number | null;
  readonly timedOut: boolean;
  readonly killed: boolean;
  readonly abandoned: boolean;
  readonly strays: number;
  readonly wallMs: number;
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly memoryPeakBytes: number;
  readonly ioReadBytes: number;
  readonly ioWriteBytes: number;
  readonly contextSwitches: number;
  /** Nanoseconds of the machine's monotonic clock. */
  readonly endedAtNs: bigint;
}

/** What a reader of reports has to answer to. */
export interface ReportHandlers {
  onHello(version: number): void;
  onOutput(stream: Output, bytes: Buffer): void;
  onEnded(id: number, end: EndReport): void;
  onFailed(id: number, errno: number, stage: StartStage | 'withdrawn'): void;
  /** The bytes are not the launcher's; nothing more is read. */
  onMalformed(reason: string): void;
}

/**
 * Cuts the launcher's bytes into reports, whatever pieces they arrive in. Output is handed on as
 * views of the pieces, never copied; only a header or a small report that was cut apart is joined.
 */
export class ReportReader {
  readonly #handlers: ReportHandlers;
  #stream: Output = 'stdout';
  #outputLeft = 0;
  #rest: Buffer | null = null;
  #broken = false;

  constructor(handlers: ReportHandlers) {
    this.#handlers = handlers;
  }

  push(piece: Buffer): void {
    const bytes = this.#rest === null ? piece : Buffer.concat([this.#rest, piece]);
    this.#rest = null;
    let at = 0;
    while (at < bytes.length && !this.#broken) {
      const used = this.#outputLeft > 0 ? this.#passOutput(bytes, at) : this.#readReport(bytes, at);
      if (used === 0) {
        this.#rest = bytes.subarray(at);
        return;
      }
      at += used;
    }
  }

  #passOutput(bytes: Buffer, at: number): number {
    const output = bytes.subarray(at, at + this.#outputLeft);
    this.#outputLeft -= output.length;
    this.#handlers.onOutput(this.#stream, output);
    return output.length;
  }

  /** Returns how many bytes it used: 0 when there are too few. */
  #readReport(bytes: Buffer, at: number): number {
    if (bytes.length - at < HEADER_BYTES) return 0;
    const length = bytes.readUInt32LE(at);
    const kind = bytes[at + 4]!;
    const output = OUTPUTS[kind];
    if (length > (output ? OUTPUT_LIMIT_BYTES : REPORT_LIMIT_BYTES)) {
      return this.#fail(`a report of ${length} bytes is too long`);
    }
    if (output) {
      this.#stream = output;
      this.#outputLeft = length;
      return HEADER_BYTES;
    }
    const end = at + HEADER_BYTES + length;
    if (bytes.length < end) return 0;
    if (!handleReport(kind, bytes.subarray(at + HEADER_BYTES, end), this.#handlers)) {
      return this.#fail(`a report of kind ${kind} with ${length} bytes is unknown`);
    }
    return HEADER_BYTES + length;
  }

  #fail(reason: string): number {
    this.#broken = true;
    this.#handlers.onMalformed(reason);
    return 0;
  }
}

function handleReport(kind: number, payload: Buffer, handlers: ReportHandlers): boolean {
  if (kind === REPORT.ended && payload.length === 76) {
    handlers.onEnded(payload.readUInt32LE(0), decodeEnd(payload.subarray(4)));
    return true;
  }
  if (kind === REPORT.failed && payload.length === 9) {
    const stage = STAGES[payload[8]!] ?? 'process';
    handlers.onFailed(payload.readUInt32LE(0), payload.readUInt32LE(4), stage);
    return true;
  }
  if (
    kind === REPORT.hello &&
    payload.length === 8 &&
    payload.toString('latin1', 0, 4) === 'WNDR'
  ) {
    handlers.onHello(payload.readUInt32LE(4));
    return true;
  }
  return false;
}

function decodeEnd(payload: Buffer): EndReport {
  const exited = payload[0] === 1;
  const flags = payload[1]!;
  const number = payload.readUInt16LE(2);
  return {
    exitCode: exited ? number : null,
    signal: exited ? null : number,
    timedOut: (flags & 1) !== 0,
    killed: (flags & 2) !== 0,
    abandoned: (flags & 4) !== 0,
    strays: payload.readUInt32LE(4),
    wallMs: readWide(payload, 8) / 1000,
    cpuUserMs: readWide(payload, 16) / 1000,
    cpuSystemMs: readWide(payload, 24) / 1000,
    memoryPeakBytes: readWide(payload, 32),
    ioReadBytes: readWide(payload, 40),
    ioWriteBytes: readWide(payload, 48),
    contextSwitches: readWide(payload, 56),
    endedAtNs: payload.readBigUInt64LE(64),
  };
}

/** A 64-bit count; exact to 2^53, which is 285 years in microseconds. */
function readWide(payload: Buffer, at: number): number {
  return payload.readUInt32LE(at) + payload.readUInt32LE(at + 4) * 2 ** 32;
}
