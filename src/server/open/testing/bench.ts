/** For tests: curl against a served door, and what every such test needs around it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { OpenProtocolOptions } from '../../open-protocol.ts';
import type { OpenDoor } from '../port.ts';
import { type FakeTask, type OpenServer, SESSION, serveDoor } from './fake-door.ts';

export interface Bench {
  /** A directory for the test's own files; removed at the end. */
  readonly directory: string;
  serve(door: OpenDoor, options?: Partial<OpenProtocolOptions>): Promise<OpenServer>;
}

/** Hooks for a test file: after each test its servers are closed and no body may be left over. */
export function makeBench(): Bench {
  let directory = '';
  const servers: OpenServer[] = [];
  const spool = () => join(directory, 'spool');
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'windrow-open-'));
    await mkdir(spool());
  });
  after(() => rm(directory, { recursive: true }));
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
    // Of a body that broke off, the server may still be tidying up.
    await until(async () => (await readdir(spool())).length === 0);
  });
  return {
    get directory() {
      return directory;
    },
    async serve(door, options = {}) {
      const server = await serveDoor(door, spool(), options);
      servers.push(server);
      return server;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly exit: number;
}

/** Runs curl and takes its last answer apart; `100 Continue` is skipped. */
export async function curl(...args: string[]): Promise<Answer> {
  const child = promisify(execFile)('curl', ['-sS', '-i', '--max-time', '20', ...args], {
    encoding: 'buffer',
    maxBuffer: 1 << 28,
  });
  const { stdout, exit } = await child.then(
    (done) => ({ stdout: done.stdout, exit: 0 }),
    (error: { stdout: Buffer; code: number }) => ({ stdout: error.stdout, exit: error.code }),
  );
  let rest = stdout;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    const lines = rest.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(lines[0]!.split(' ')[1]);
    rest = rest.subarray(end + 4);
    if (status === 100) continue;
    const headers = lines.slice(1).map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    return { status, headers: Object.fromEntries(headers), body: rest, exit };
  }
}

export function at(server: OpenServer, path: string): string {
  return `${server.url}${path}${path.includes('?') ? '&' : '?'}sessionID=${SESSION}`;
}

export function task(text = './a', more: Partial<FakeTask> = {}): FakeTask {
  const command = { kind: 'shell' as const, text };
  const results = [{ name: 'energy', file: 'stdout' }];
  return { timeoutMs: 0, command, inputs: [], results, ...more };
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(2);
}
