import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { builtExecutable } from './built-executable.ts';
import { whyNoHosts, withHosts } from './field/hosts.ts';

test('traces come home from machines that have no worker, reached by ssh', {
  skip: whyNoHosts(),
}, async () => {
  const make =
    'mkdir -p /srv/app && echo "of $(uname -n)" >/srv/app/$(uname -n).app-trace.out && chmod -R a+rwX /srv/app';
  const specs = [
    { name: 'left', setup: `${make} && echo on >/srv/app/control && chmod a+rw /srv/app/control` },
    { name: 'right', setup: make },
    { name: 'shut', sshd: false },
  ];
  await withHosts(specs, async ({ sweep }) => {
    const secret = sweep.write('secret', 'open-sesame-open-sesame\n', 0o600);
    const server = sweep.start([
      ...['serve', '--traces', '--trace-secret-file', secret],
      ...['--listen', '0.0.0.0:8980', '--insecure'],
    ]);
    await server.until('the server listens', () => server.stdout().includes('serving'));
    const nodes = sweep.write('nodes.txt', 'left\nright\nshut\n');
    const executables = ['--executables', dirname(await builtExecutable('linux-x64'))];
    const collect = ['traces', 'collect', nodes, '--dir', '/srv/app', '--remove', ...executables];
    const refused = await sweep.must(1, ...collect);
    assert.match(refused.stdout, /left +done +0 +1 .*403 TRACE_SECRET_WRONG/);
    const known = [...collect, '--trace-secret-file', secret];
    const how = ['--trace-compression', 'none', '--trace-switch', '/srv/app/control'];
    const { stdout } = await sweep.must(1, ...known, ...how);
    assert.match(stdout, /left +done +1 +0/);
    assert.match(stdout, /right +failed +0 +0 .*tracing could not be stopped/);
    assert.match(stdout, /shut +failed +0 +0 .*shut/);
    const [, id] = /^trace (\S+): 1 file stored/m.exec(stdout) ?? [];
    const store = join(sweep.home, 'state/windrow/traces', id!);
    assert.equal(readFileSync(join(store, 'left.app-trace.out'), 'latin1'), 'of left\n');

    process.kill(server.pid, 'SIGTERM');
    await server.ended;
  });
});
