import { findTask, toChange } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { formatCount } from '../format.ts';
import type { retry as spec } from '../table/change.ts';
import type { World } from '../world.ts';

/** `windrow retry` */
export async function retry(input: CommandInput<typeof spec>, world: World): Promise<number> {
  await toChange(input, world, async (client) => {
    const wanted = new Map<number, number[] | null>();
    for (const name of input.args) {
      const { job, task } = await findTask(client, name);
      const tasks = wanted.get(job);
      // A job named as a whole includes its tasks.
      if (task === null || tasks === null) wanted.set(job, null);
      else wanted.set(job, [...(tasks ?? []), task]);
    }
    for (const [job, tasks] of wanted) {
      const body = tasks === null ? {} : { tasks };
      const answer = await client.call('retryJob', { params: { job }, body });
      if (input.options.json) await world.stdout.json({ job, ...answer });
      else await world.stdout.line(`job ${job}: ${formatCount(answer.retried)} tasks wait again`);
    }
  });
  return 0;
}
