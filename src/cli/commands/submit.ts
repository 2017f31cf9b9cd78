import { printable } from '#base';
import type { ApiClient, JobSubmitted } from '#wire';
import { withServer } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import type { FilePlan } from '../port.ts';
import { type PlannedSweep, sendParts } from '../submit.ts';
import type { submit as spec } from '../table/run.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow submit` */
export async function submit(input: Input, world: World): Promise<number> {
  const [file] = input.args;
  if (file === undefined) {
    const problem = 'nothing to submit: give a submit description or a sweep file';
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow submit --help' });
  }
  const plan = await input.composition.planFile(file, world);
  if (input.options.dryRun) return await showAds(plan, world);
  return await toSubmit(input, world, plan);
}

/** One ad for each task, an empty line between them. */
async function showAds(plan: FilePlan, world: World): Promise<number> {
  for (const warning of plan.sweeps.flatMap(({ warnings }) => warnings)) warn(warning, world);
  for (const text of plan.ads()) await world.stdout.write(`${text}\n`);
  return 0;
}

async function toSubmit(input: Input, world: World, plan: FilePlan): Promise<number> {
  return await withServer(input, world, false, async (client, { place }) => {
    for (const sweep of plan.sweeps) {
      // A server elsewhere collects in a place of its own, and so does one that only keeps results
      // until they are put where the description says.
      const isHere = place !== null && !plan.isDescription;
      const output = isHere ? sweep.spec.output : '';
      const { eventLog } = sweep.spec;
      // On another machine the path would be somebody else's.
      const log = place === null && eventLog ? { ...eventLog, path: '' } : eventLog;
      const there = { ...sweep, spec: { ...sweep.spec, output, eventLog: log } };
      const job = await submitOne(client, there, plan, input, world);
      if (eventLog && log?.path === '' && !input.options.quiet) {
        world.stderr.attempt(eventLogHint(job, eventLog));
      }
    }
    return 0;
  });
}

async function submitOne(
  client: ApiClient,
  sweep: PlannedSweep,
  { isDescription }: FilePlan,
  { options }: Input,
  world: World,
): Promise<number> {
  const submission = await sendParts(
    client,
    sweep,
    { again: isDescription || options.again, isQuiet: options.quiet || options.json },
    world,
  );
  const submitted = await client.call('submitJob', { body: submission as never });
  for (const warning of submitted.warnings) warn(warning, world);
  const { job } = submitted;
  if (options.json) {
    await world.stdout.json({ kind: 'submitted', ...submitted });
    return job;
  }
  await world.stdout.line(submittedLine(submitted, sweep));
  if (sweep.spec.place === null || options.quiet) return job;
  world.stderr.attempt(
    `windrow: when it has ended (windrow wait ${job}), put its files in place: windrow results ${job} --place\n`,
  );
  return job;
}

function eventLogHint(
  job: number,
  { path, perTask }: NonNullable<PlannedSweep['spec']['eventLog']>,
): string {
  const file = printable(path.replaceAll('${:job}', String(job)));
  const into = perTask ? '' : ` > ${file}`;
  return `windrow: the server is elsewhere; its event log comes with: windrow events ${job} --follow --format htcondor${into}\n`;
}

/** The words are those that tools look for. */
function submittedLine({ job, counts }: JobSubmitted, { spec }: PlannedSweep): string {
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const tasks = spec.place === null ? 'task(s) of' : 'job(s)';
  return spec.place === null
    ? `${rows} ${tasks} ${printable(spec.name)} submitted as job ${job}.`
    : `${rows} ${tasks} submitted to cluster ${job}.`;
}

function warn(warning: string, world: World): void {
  world.stderr.attempt(`windrow: warning: ${printable(warning)}\n`);
}
