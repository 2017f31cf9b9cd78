import type { WhyAnswer } from '#wire';
import { findTask, toLook } from '../ask.ts';
import type { CommandInput } from '../command.ts';
import { formatCount, formatMoment, lookOf } from '../format.ts';
import type { why as spec } from '../table/look.ts';
import { formatFacts, formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

/** `windrow why` */
export async function why(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const answer = await toLook(input, world, async (client) => {
    const { job, task } = await findTask(client, input.args[0]);
    const query = task === null ? {} : { task };
    return await client.call('getWhy', { params: { job }, query });
  });
  if (input.options.json) await world.stdout.json(answer);
  else await world.stdout.write(whyText(answer, world));
  return 0;
}

type Matching = NonNullable<WhyAnswer['matching']>;

/** Parts with an empty line between them; those that have nothing to say are left out. */
export function whyText(answer: WhyAnswer, world: World): string {
  const { matching } = answer;
  const parts = [
    headText(answer),
    ...(matching ? [conjunctTable(matching, world), refusalTable(matching, world)] : []),
    limitTable(answer, world),
    answer.shares.length > 1 ? shareTable(answer, world) : '',
    failureTable(answer, world),
    adviceText(answer),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function headText(answer: WhyAnswer): string {
  const { job, task, state, reason, changedAtMs, actor, hold, waiting } = answer;
  const since = changedAtMs === 0 ? '' : ` (since ${formatMoment(changedAtMs)}, by ${actor})`;
  return formatFacts([
    [task === null ? 'job' : 'task', task === null ? `${job}` : `${job}.${task}`],
    ['state', `${state}${reason === '' ? '' : `: ${reason}`}${since}`],
    ['hold', hold ? `code ${hold.code} (${hold.name}), subcode ${hold.subcode}` : ''],
    ['waiting', task === null && waiting > 0 ? `${formatCount(waiting)} tasks` : ''],
    ...answer.answers.map((text, index) => [index === 0 ? 'why' : '  and', text] as const),
  ]);
}

function conjunctTable({ conjuncts }: Matching, world: World): string {
  if (conjuncts.length === 0) return '';
  const columns = [
    { title: 'REQUIRED' },
    { title: 'TRUE', align: 'right' },
    { title: 'FALSE', align: 'right' },
    { title: 'UNDEFINED', align: 'right' },
    { title: 'ERROR', align: 'right' },
    { title: 'ONLY THIS', align: 'right' },
  ] as const;
  const rows = conjuncts.map((one) => [
    one.text,
    formatCount(one.trueSlots),
    formatCount(one.falseSlots),
    formatCount(one.undefinedSlots),
    formatCount(one.errorSlots),
    formatCount(one.aloneSlots),
  ]);
  const without = conjuncts.filter(({ part }) => part !== null);
  const notes = without.map(
    ({ part, example }) => ['no value', `${part}, e.g. on ${example}`] as const,
  );
  return formatTable(columns, rows, lookOf(world.stdout)) + formatFacts(notes);
}

function refusalTable({ refusals, able, unseen }: Matching, world: World): string {
  if (refusals.length === 0 && able.workers === 0) return '';
  const columns = [
    { title: 'WORKERS', align: 'right' },
    { title: 'SLOTS', align: 'right' },
    { title: 'WHY NOT' },
    { title: 'WHICH' },
  ] as const;
  const rows = refusals.map(({ workers, slots, reason, names }) => [
    formatCount(workers),
    formatCount(slots),
    reason,
    `${names.join(', ')}${workers > names.length ? ', …' : ''}`,
  ]);
  const free = `able, ${able.freeSlots} slots free, room for ${able.room} attempts`;
  const last = able.workers > 0 ? [[`${able.workers}`, `${able.slots}`, free, '']] : [];
  const table = formatTable(columns, [...rows, ...last], lookOf(world.stdout));
  return unseen === 0 ? table : `${table}${formatCount(unseen)} more workers were not looked at.\n`;
}

function limitTable({ limits }: WhyAnswer, world: World): string {
  if (limits.length === 0) return '';
  const columns = [
    { title: 'LIMIT' },
    { title: 'AN ATTEMPT TAKES', align: 'right' },
    { title: 'IN USE', align: 'right' },
    { title: 'OF', align: 'right' },
  ] as const;
  const rows = limits.map(({ name, amount, used, most }) => [
    name,
    String(amount),
    String(used),
    most === null ? 'no limit' : String(most),
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}

function shareTable({ shares }: WhyAnswer, world: World): string {
  const columns = [
    { title: 'OWNER' },
    { title: 'CPUS NOW', align: 'right' },
    { title: 'ON AVERAGE', align: 'right' },
    { title: 'WEIGHT', align: 'right' },
    { title: 'WAITING', align: 'right' },
  ] as const;
  const rows = shares.map(({ owner, cpus, averageCpus, weight, waiting }) => [
    owner || '(nobody)',
    String(cpus),
    averageCpus.toFixed(1),
    String(weight),
    formatCount(waiting),
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}

function failureTable({ failures }: WhyAnswer, world: World): string {
  if (failures.length === 0) return '';
  const columns = [
    { title: 'TASKS', align: 'right' },
    { title: 'FAILED BY' },
    { title: 'E.G.', align: 'right' },
    { title: 'REASON' },
  ] as const;
  const rows = failures.map(({ tasks, cause, example, reason }) => [
    formatCount(tasks),
    cause,
    String(example),
    reason,
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}

function adviceText({ matching, todo }: WhyAnswer): string {
  const advice = (matching?.advice ?? []).map((text) => ['change', text] as const);
  const commands = todo.map((command) => ['try', command] as const);
  return formatFacts([...advice, ...commands]);
}
