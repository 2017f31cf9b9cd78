/** What an attempt used, in a line: figures of one source together, the source behind them. */
import { formatBytes, formatDuration } from '#base';
import type { AttemptView } from '#wire';
import { formatCount } from './format.ts';

type Usage = NonNullable<AttemptView['usage']>;
type Figure = keyof Usage['sources'];

const WORDS: Readonly<Record<Figure, (value: number) => string>> = {
  cpuUserMs: (ms) => `${formatDuration(ms)} user`,
  cpuSystemMs: (ms) => `${formatDuration(ms)} system`,
  memoryPeakBytes: (bytes) => `${formatBytes(bytes)} memory`,
  ioReadBytes: (bytes) => `${formatBytes(bytes)} read`,
  ioWriteBytes: (bytes) => `${formatBytes(bytes)} written`,
  contextSwitches: (count) => `${formatCount(count)} context switches`,
  tasksPeak: (count) => `${formatCount(count)} ${count === 1 ? 'task' : 'tasks'} at once`,
  diskBytes: (bytes) => `${formatBytes(bytes)} of scratch`,
};

/** `''` when nothing was measured. */
export function usageText(usage: Usage): string {
  const bySource = new Map<string, string[]>();
  for (const [figure, word] of Object.entries(WORDS) as [Figure, (value: number) => string][]) {
    const value = usage[figure];
    const source = usage.sources[figure];
    if (value === null || source === undefined) continue;
    const words = bySource.get(source) ?? [];
    bySource.set(source, [...words, word(value)]);
  }
  const measured = [...bySource].map(([source, words]) => `${words.join(', ')} (${source})`);
  return [...measured, networkText(usage.network)].filter((text) => text !== '').join('; ');
}

/** `''` when nothing was counted. */
export function networkText(network: Usage['network']): string {
  if (network === null) return '';
  const some = Object.entries(network).filter(([, bytes]) => bytes > 0);
  const words = some.map(([name, bytes]) => `${name} ${formatBytes(bytes)}`);
  return words.length === 0 ? 'no network traffic' : `network ${words.join(', ')}`;
}
