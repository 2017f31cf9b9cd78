import { formatBytes, formatDuration } from '#base';
import { parseBracketedAd } from '#classad';
import type { ServerView } from '#wire';
import { toLook } from '../ask.ts';
import { askedAds, showAds, shownOf, withJsonAd } from '../asked-ads.ts';
import type { CommandInput } from '../command.ts';
import { formatCount, formatMoment, underWay } from '../format.ts';
import type { server as spec } from '../table/serve.ts';
import { formatFacts } from '../text-table.ts';
import type { World } from '../world.ts';

/** What the facts are told of besides the figures that the view has. */
const FIGURES = 'RecentJobsStarted,RecentJobsCompleted,RecentDaemonCoreDutyCycle';

/** `windrow server` */
export async function server(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { query, show } = askedAds(input.options);
  const isText = show === null && !input.options.json;
  const view = await toLook(input, world, (client) =>
    client.call('getServer', { query: isText ? { ...query, attributes: FIGURES } : query }),
  );
  const isSo = view.fits !== false;
  if (input.options.json) await world.stdout.json(withJsonAd(view));
  else if (show) await showAds(show, isSo ? [view.ad] : [], world);
  else await world.stdout.write(formatFacts(factsOf(view)));
  if (!isSo) world.stderr.attempt(`windrow: not true of the server: ${query.constraint}\n`);
  return isSo ? 0 : 1;
}

function factsOf(view: ServerView): [string, string][] {
  const { counts } = view;
  const figure = shownOf(parseBracketedAd(view.ad ?? '[]'));
  const tasks = [
    `${formatCount(underWay(counts))} running`,
    `${formatCount(counts.waiting)} waiting`,
    `${formatCount(counts.held)} held`,
  ];
  const lately = [
    `${figure('RecentJobsStarted')} attempts begun`,
    `${figure('RecentJobsCompleted')} tasks done`,
    `busy for ${figure('round(100 * RecentDaemonCoreDutyCycle)')} % of the time`,
  ];
  const room = `${formatBytes(view.diskFreeBytes)} of ${formatBytes(view.diskTotalBytes)} free`;
  const isThere = view.state !== 'read-only';
  const facts = (...all: [string, string][]) => (isThere ? all : []);
  return [
    ...facts(['server', view.url]),
    ['state', `${view.state}${view.reason === '' ? '' : `: ${view.reason}`}`],
    ...facts(['since', `${formatMoment(view.startedAtMs)} (${formatDuration(view.uptimeMs)})`]),
    ['jobs', `${formatCount(view.jobsRunning)} not over, of ${formatCount(view.jobs)}`],
    ['tasks', tasks.join(', ')],
    ...facts(
      ['slots', slotsText(view)],
      ['lately', lately.join(', ')],
      ['memory', formatBytes(view.memoryBytes)],
    ),
    ['disk', `${room}, ${view.stateDirectory}`],
    ...facts(['version', view.version], ['process', String(view.pid)]),
  ];
}

function slotsText({ busySlots, slots, workers }: ServerView): string {
  const machines = `${formatCount(workers)} worker${workers === 1 ? '' : 's'}`;
  return `${formatCount(busySlots)} of ${formatCount(slots)} taken, on ${machines}`;
}
