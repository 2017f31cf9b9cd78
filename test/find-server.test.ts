import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type CliWorld, type CliWorldOptions, openCliWorld } from './cli-world.ts';
import { type FakeApiServer, openFakeApiServer } from './fake-api-server.ts';
import { job, server } from './sample-answers.ts';

describe('the server that a command means', () => {
  async function withState(
    use: (cli: CliWorld, fake: FakeApiServer, state: string) => Promise<void>,
    options: CliWorldOptions = {},
  ): Promise<void> {
    let state = '';
    const listJobs = async () => ({ jobs: [job()], next: null });
    const changeJob = async () => job();
    const fake = await openFakeApiServer({
      listJobs,
      changeJob,
      getServer: async () => server(state),
    });
    const cli = openCliWorld(options);
    state = join(cli.directory, 'results', '.windrow');
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'admin-token'), `${fake.token}\n`, { mode: 0o600 });
    const about = { url: fake.url, pid: process.pid, version: '1.2.3' };
    writeFileSync(join(state, 'server.json'), JSON.stringify(about), { mode: 0o600 });
    try {
      await use(cli, fake, state);
    } finally {
      cli.close();
      await fake.close();
    }
  }

  it('is found, with its token, in the results of the current directory', async () => {
    await withState(async (cli) => {
      assert.match((await cli.windrow('ls')).stdout, /ising/);
      assert.match((await cli.windrow('ls', '--state', 'results')).stdout, /ising/);
      assert.match((await cli.windrow('ls', '--state', 'results/.windrow')).stdout, /ising/);
    });
  });

  it('is not one that others could have put there: a token open to others is refused', async () => {
    await withState(async (cli, _fake, state) => {
      chmodSync(join(state, 'admin-token'), 0o644);
      const { code, stderr } = await cli.windrow('ls');
      assert.equal(code, 1);
      assert.match(stderr, /SECRET_FILE_OPEN_TO_OTHERS/);
    });
  });

  it('is not another server that has got the port since', async () => {
    await withState(async (cli, _fake, state) => {
      const other = await openFakeApiServer({ getServer: async () => server('/somewhere/else') });
      writeFileSync(join(state, 'server.json'), JSON.stringify({ url: other.url, pid: 1 }));
      const { stderr } = await cli.windrow('rm', '3');
      assert.match(stderr, /SERVER_NOT_RUNNING/);
      await other.close();
    });
  });

  it('when none runs is opened for those who only look, and closed again', async () => {
    let closed = 0;
    const stored = await openFakeApiServer({
      listJobs: async () => ({ jobs: [job({ name: 'stored' })], next: null }),
    });
    const openState = async (directory: string) => {
      assert.match(directory, /results\/\.windrow$/);
      const close = async () => void closed++;
      return { url: stored.url, token: stored.token, close };
    };
    await withState(
      async (cli, fake) => {
        await fake.close();
        assert.match((await cli.windrow('ls')).stdout, /stored/);
        assert.equal(closed, 1);
        const { code, stderr } = await cli.windrow('rm', '3');
        assert.equal(code, 1);
        assert.match(
          stderr,
          /no server runs on it\n.*windrow serve --state \.\/results\/\.windrow/,
        );
        // withState closes it too.
        fake.close = async () => {};
      },
      { composition: { openState } },
    );
    await stored.close();
  });

  it('when there is nothing at all is missed, with the places that were looked into', async () => {
    const cli = openCliWorld();
    const { code, stderr } = await cli.windrow('ls');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /no server was found; looked into \.\/\.windrow, \.\/results\/\.windrow, \.\/state\/windrow/,
    );
    cli.close();
  });

  it('is said to be damaged when its file is', async () => {
    await withState(async (cli, _fake, state) => {
      writeFileSync(join(state, 'server.json'), '{"url": 3');
      assert.match((await cli.windrow('ls')).stderr, /SERVER_FILE_MALFORMED/);
    });
  });
});
