/** What a job would have cost where time and traffic are sold. */
import type { JobStats } from '#wire';
import { lookOf } from './format.ts';
import type { Output } from './output.ts';
import { formatTable } from './text-table.ts';

/** Prices, in a currency; 0: not charged. */
export interface Rates {
  readonly currency: string;
  readonly cpuHour: number;
  /** Of memory, by the peak of each attempt. */
  readonly memoryGibHour: number;
  /** Of traffic with others than the site's own networks; 10⁹ bytes, as it is sold. */
  readonly outgoingGb: number;
  readonly incomingGb: number;
}

export interface CostLine {
  readonly what: 'cpu' | 'memory' | 'outgoing' | 'incoming';
  /** In the unit that the rate is for; null where it was not measured. */
  readonly amount: number | null;
  readonly unit: 'h' | 'GiB h' | 'GB';
  readonly rate: number;
  readonly cost: number;
}

export interface Cost {
  readonly currency: string;
  readonly lines: readonly CostLine[];
  readonly total: number;
  /** Attempts whose traffic nobody counted, so that it is in no line. */
  readonly trafficUnknown: number;
}

type Figures = Pick<
  JobStats,
  'cpuMs' | 'memoryGibHours' | 'network' | 'networkAttempts' | 'attempts'
>;

const HOUR_MS = 3_600_000;
const GB = 1e9;

/** Null when nothing has a price. */
export function costOf(figures: Figures, rates: Rates): Cost | null {
  const { cpuMs, memoryGibHours, network, networkAttempts, attempts } = figures;
  const traffic = (name: string) => over(network && (network[name] ?? 0), GB);
  const lines = [
    line('cpu', over(cpuMs, HOUR_MS), 'h', rates.cpuHour),
    line('memory', memoryGibHours, 'GiB h', rates.memoryGibHour),
    line('outgoing', traffic('OutgoingExternal'), 'GB', rates.outgoingGb),
    line('incoming', traffic('IncomingExternal'), 'GB', rates.incomingGb),
  ].filter(({ rate }) => rate > 0);
  if (lines.length === 0) return null;
  const total = lines.reduce((sum, { cost }) => sum + cost, 0);
  const isTrafficPriced = rates.outgoingGb > 0 || rates.incomingGb > 0;
  const trafficUnknown = isTrafficPriced ? attempts - networkAttempts : 0;
  return { currency: rates.currency, lines, total, trafficUnknown };
}

function line(
  what: CostLine['what'],
  amount: number | null,
  unit: CostLine['unit'],
  rate: number,
): CostLine {
  return { what, amount, unit, rate, cost: (amount ?? 0) * rate };
}

function over(amount: number | null, unit: number): number | null {
  return amount === null ? null : amount / unit;
}

const NAMES: Readonly<Record<CostLine['what'], string>> = {
  cpu: 'CPU time',
  memory: 'memory',
  outgoing: 'sent to others',
  incoming: 'come from others',
};

export function costText(cost: Cost, output: Output): string {
  const { currency, lines, total, trafficUnknown } = cost;
  const columns = [
    { title: 'WHAT' },
    { title: 'AMOUNT', align: 'right' },
    { title: 'PRICE', align: 'right' },
    { title: currency.toUpperCase(), align: 'right' },
  ] as const;
  const rows = lines.map(({ what, amount, unit, rate, cost: price }) => [
    NAMES[what],
    amount === null ? 'not measured' : `${formatAmount(amount)} ${unit}`,
    `${rate} / ${unit}`,
    formatMoney(price),
  ]);
  const table = formatTable(
    columns,
    [...rows, ['total', '', '', formatMoney(total)]],
    lookOf(output),
  );
  if (trafficUnknown === 0) return table;
  const which = trafficUnknown === 1 ? '1 attempt' : `${trafficUnknown} attempts`;
  return `${table}The traffic of ${which} was not counted: network = "accounted" in [isolation] does that.\n`;
}

/** Four digits that say something, however small. */
function formatAmount(amount: number): string {
  return amount >= 1000 ? amount.toFixed(0) : String(Number(amount.toPrecision(4)));
}

function formatMoney(amount: number): string {
  return amount !== 0 && amount < 1 ? amount.toFixed(4) : amount.toFixed(2);
}
