import assert from 'node:assert/strict';
import { it } from 'node:test';
import { inField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

it('two machines with ads of their own get the jobs that want them, and why tells of those that nobody wants', async () => {
  await inField(async (field) => {
    const serve = field.start(['serve', '--state', 'state', '--listen', '127.0.0.1:0']);
    await serve.until('it serves', () => /http:\S+/.exec(serve.stdout())?.[0]);
    const ad = 'Rack = "r12"\nStart = TARGET.Project =!= "evil"\n';
    field.write('rack.ad', ad);
    const work = (name: string, ...more: string[]) =>
      field.start([
        ...['worker', '--state', 'state', '--dir', name, '--name', name, '--slots', '1'],
        ...['--walls', 'bare', ...more],
      ]);
    const plain = work('plain');
    const racked = work('racked', '--worker-ad', 'rack.ad', '--attribute', 'Zone=3');
    const state = ['--state', 'state'] as const;
    const workers = async () => {
      const { stdout } = await field.must(0, 'workers', ...state, '--format', '$Machine $Rack');
      return stdout.trim().split('\n').sort();
    };
    await until('both work', async () => (await workers()).length === 2, 60_000);
    assert.deepEqual(await workers(), ['plain undefined', 'racked r12']);

    const token = field.path('state/admin-token');
    const url = /http:\S+/.exec(serve.stdout())![0];
    const run = (name: string, ...options: string[]) => [
      ...['run', '--server', url, '--token-file', token, '--name', name, '--quiet'],
      ...[...options, '--range', 'i=1..3', '--', `echo ${name} $i`],
    ];
    const wanted = '--requirements=TARGET.Rack == "r12" && Zone == 3';
    await field.must(0, ...run('wanted', wanted));
    const hosts = ['--attributes', 'ProcId,LastRemoteHost'];
    const { stdout } = await field.must(0, 'show', '1', ...hosts, ...state);
    assert.equal(stdout.match(/racked/g)?.length, 3);
    assert.doesNotMatch(stdout, /plain/);

    const evil = field.start(
      run('evil', '--requirements=TARGET.Rack == "r12"', '--attribute=Project="evil"'),
    );
    const why = () => field.windrow('why', '2', ...state);
    await until('it waits', async () => /START/.test((await why()).stdout), 60_000);
    const told = (await why()).stdout;
    assert.match(told, /TARGET.Project =!= "evil" is false/);
    assert.match(told, /TARGET.Rack == "r12" +1 +0 +1 +0 +1/);
    assert.match(told, /no value: TARGET.Rack, e.g. on plain/);
    await field.must(0, 'rm', '2', ...state);
    await evil.ended;
    for (const one of [plain, racked, serve]) one.interrupt();
    await Promise.all([plain.ended, racked.ended, serve.ended]);
  });
});
