/** A real Squid for a test: on a port of its own, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { directoryFor } from './store.ts';

const SQUID = '/usr/sbin/squid';

export const hasSquid = existsSync(SQUID);

export interface Squid {
  readonly url: string;
  readonly process: ChildProcess;
  end(): Promise<void>;
}

/** `rules`: lines of its configuration that say who may have what. */
export async function openSquid(
  t: TestContext,
  rules: readonly string[] = ['http_access allow all'],
): Promise<Squid> {
  // The port that was free may be taken before Squid has it.
  for (let tries = 1; ; tries++) {
    const squid = await startSquid(t, rules);
    if (squid) return squid;
    if (tries === 5) throw new Error('squid ends at once');
  }
}

async function startSquid(t: TestContext, rules: readonly string[]): Promise<Squid | null> {
  const directory = directoryFor(t);
  chmodSync(directory, 0o755);
  const port = await freePort();
  const configuration = join(directory, 'squid.conf');
  writeFileSync(
    configuration,
    [
      `http_port 127.0.0.1:${port}`,
      'visible_hostname squid.test',
      'pid_filename none',
      'access_log none',
      'cache_log /dev/null',
      'cache_store_log none',
      'cache_mem 16 MB',
      'maximum_object_size_in_memory 8 MB',
      'shutdown_lifetime 0 seconds',
      'connect_timeout 2 seconds',
      'pinger_enable off',
      'netdb_filename none',
      ...rules,
      '',
    ].join('\n'),
  );
  const child = spawn(SQUID, ['-N', '-f', configuration], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const end = async () => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await exited;
  };
  t.after(end);
  while (!(await answers(port))) {
    if (child.exitCode !== null) return null;
    await delay(20);
  }
  return { url: `http://127.0.0.1:${port}`, process: child, end };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const tell = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.on('connect', tell(true)).on('error', tell(false));
  });
}
