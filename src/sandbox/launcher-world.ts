/** A launcher spoken to directly, and starts as it gets them. Loaded by tests only. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type EndReport, encodeStart, PROTOCOL_VERSION, ReportReader } from './launcher-frames.ts';
import { findLauncher } from './open-starter.ts';
import type { StartRequest } from './port.ts';
import { PATH } from './starter-world.ts';

export const launcherPath = findLauncher();
export const skip = launcherPath === null ? 'the launcher is not built (no C compiler?)' : false;

export const request = (command: string, more: Partial<StartRequest> = {}): StartRequest => ({
  file: '/bin/sh',
  argv: ['sh', '-c', command],
  environment: { PATH },
  directory: '/',
  stdin: null,
  timeoutMs: 0,
  killGraceMs: 0,
  onOutput: () => {},
  ...more,
});

export const frameOf = (command: string, more?: Partial<StartRequest>, id = 0) =>
  encodeStart(id, request(command, more), 'WINDROW_START=raw')!;

export function large(count: number, bytes: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${i}`, 'x'.repeat(bytes)]));
}

/** A launcher spoken to directly, with everything it reported. */
export interface Raw {
  readonly process: ChildProcess;
  readonly ends: EndReport[];
  /** errno of starts that failed. */
  readonly failures: number[];
  /** Ids in the order in which they were answered. */
  readonly answers: number[];
  /** stdout of all programs so far. */
  text: string;
  readonly exited: Promise<unknown[]>;
  send(bytes: Buffer): void;
}

export function openRaw(test: TestContext | null, path = launcherPath!, listen = true): Raw {
  const child = spawn(path, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  test?.after(() => child.kill('SIGTERM'));
  const raw: Raw = {
    process: child,
    ends: [],
    failures: [],
    answers: [],
    text: '',
    exited: once(child, 'exit'),
    send: (bytes) => child.stdin.write(bytes),
  };
  const reader = new ReportReader({
    onHello: (version) => assert.equal(version, PROTOCOL_VERSION),
    onOutput: (_, bytes) => {
      raw.text += bytes;
    },
    onEnded: (id, end) => {
      raw.ends.push(end);
      raw.answers.push(id);
    },
    onFailed: (id, errno) => {
      raw.failures.push(errno);
      raw.answers.push(id);
    },
    onMalformed: (reason) => assert.fail(reason),
  });
  child.stdin.on('error', () => {});
  if (listen) child.stdout.on('data', (bytes) => reader.push(bytes));
  return raw;
}

export function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
