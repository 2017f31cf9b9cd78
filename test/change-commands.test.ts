import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ApiHandlers } from '#wire';
import { inWorld } from './cli-with-server.ts';
import { fault } from './fake-api-server.ts';
import { counts, job, server, worker } from './sample-answers.ts';

describe('commands that change something', () => {
  it('retry single tasks, whole jobs, and each only once', async () => {
    const asked: unknown[] = [];
    const retryJob: ApiHandlers['retryJob'] = async ({ params, body }) => {
      asked.push([params.job, body.tasks ?? 'all']);
      return { retried: 2, counts: counts({ waiting: 2 }) };
    };
    await inWorld({ retryJob }, async (cli) => {
      assert.equal((await cli.windrow('retry', '3.1', '4.9', '3.2', '4')).code, 0);
      assert.deepEqual(asked, [
        [3, [1, 2]],
        [4, 'all'],
      ]);
      const wrong = await cli.windrow('retry', '3.x');
      assert.match(wrong.stderr, /TASK_NUMBER_WRONG/);
    });
  });

  it('pause, resume and remove jobs with a reason', async () => {
    const asked: unknown[] = [];
    const changeJob: ApiHandlers['changeJob'] = async ({ params, body }) => {
      asked.push([params.job, body.action, body.reason]);
      return job({ job: params.job, state: 'paused' });
    };
    await inWorld({ changeJob }, async (cli) => {
      await cli.windrow('pause', '3', '4', '--reason', 'licence');
      await cli.windrow('resume', '3');
      await cli.windrow('rm', '4', '4');
      assert.deepEqual(asked, [
        [3, 'pause', 'licence'],
        [4, 'pause', 'licence'],
        [3, 'resume', ''],
        [4, 'remove', ''],
      ]);
    });
  });

  it('hold, release and remove single tasks, ranges and whole jobs', async () => {
    const asked: unknown[] = [];
    const changeTasks: ApiHandlers['changeTasks'] = async ({ params, body }) => {
      asked.push([params.job, body.action, body.tasks ?? 'all', body.reason, body.subcode]);
      return { changed: 1, stopping: 2, counts: counts({ held: 2 }) };
    };
    const changeJob: ApiHandlers['changeJob'] = async ({ params, body }) => {
      asked.push([params.job, body.action, body.priority]);
      return job({ job: params.job });
    };
    await inWorld({ changeTasks, changeJob }, async (cli) => {
      const held = await cli.windrow('hold', '3.1-4', '3.9', '--reason', 'x', '--subcode', '7');
      assert.match(held.stdout, /1 task is held, 2 will be when what runs has been stopped/);
      await cli.windrow('release', '3', '3.1');
      await cli.windrow('rm', '3.5');
      await cli.windrow('rm', '3');
      await cli.windrow('priority', '3', '4', '-p', '9');
      await cli.windrow('priority', '3', '-p', '-5');
      assert.deepEqual(asked, [
        [
          3,
          'hold',
          [
            [1, 4],
            [9, 9],
          ],
          'x',
          7,
        ],
        [3, 'release', 'all', '', 0],
        [3, 'remove', [[5, 5]], '', 0],
        [3, 'remove', undefined],
        [3, 'prioritize', 9],
        [4, 'prioritize', 9],
        [3, 'prioritize', -5],
      ]);
      assert.match((await cli.windrow('hold', '3.9-4')).stderr, /TASK_NUMBER_WRONG/);
      assert.match((await cli.windrow('priority', '3')).stderr, /-p with a whole number/);
    });
  });

  it('tell what the server told', async () => {
    const changeJob = async () => {
      throw fault('JOB_UNKNOWN', 'there is no job 5', 404);
    };
    await inWorld({ changeJob }, async (cli) => {
      const { code, stderr } = await cli.windrow('rm', '5');
      assert.equal(code, 1);
      assert.equal(
        stderr,
        'windrow: there is no job 5\n  Try something else.\n  code: JOB_UNKNOWN\n',
      );
      const asJson = JSON.parse((await cli.windrow('rm', '5', '--json')).stderr);
      assert.equal(asJson.error.code, 'JOB_UNKNOWN');
    });
  });

  it('change workers', async () => {
    const changeWorker: ApiHandlers['changeWorker'] = async ({ params, body }) => ({
      ...worker,
      name: params.worker,
      state: 'paused',
      reason: body.reason,
    });
    await inWorld({ changeWorker }, async (cli) => {
      const { stdout } = await cli.windrow('workers', 'pause', 'node 17/a', '--reason', 'bad disk');
      assert.match(stdout, /node 17\/a +paused .* bad disk/);
      assert.equal((await cli.windrow('workers', 'explode', 'x')).code, 2);
    });
  });

  it('stop the server and wait until it has ended', async () => {
    let looks = 0;
    const handlers: Partial<ApiHandlers> = {
      stopServer: async ({ body }) => {
        assert.equal(body.mode, 'drain');
        return { state: 'draining', runningAttempts: 2 };
      },
      getServer: async () => {
        looks++;
        if (looks > 1) throw fault('GONE', 'ended', 503);
        return server('/x');
      },
    };
    await inWorld(handlers, async (cli) => {
      assert.equal((await cli.windrow('stop', '--wait')).stdout, 'The server has ended.\n');
      assert.equal(looks, 2);
    });
  });
});
