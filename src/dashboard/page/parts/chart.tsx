import { useEffect, useRef } from 'preact/hooks';
import uPlot, { type AlignedData, type Options } from 'uplot';
import type { JobStats } from '#wire';
import { count, duration, moment, rate } from '../figures.ts';

type Ends = NonNullable<JobStats['ends']>;

const HEIGHT = 180;

/** Ends per second over the life of a job, those that failed apart. */
export function EndsChart({ ends }: { ends: Ends }) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const data = dataOf(ends);
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const box = place.current!;
    const draw = (): void => {
      chart.current?.destroy();
      chart.current = new uPlot(optionsFor(box), latest.current, box);
    };
    draw();
    const sizes = new ResizeObserver(() =>
      chart.current?.setSize({ width: box.clientWidth, height: HEIGHT }),
    );
    sizes.observe(box);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    return () => {
      dark.removeEventListener('change', draw);
      sizes.disconnect();
      chart.current?.destroy();
    };
  }, []);
  useEffect(() => chart.current?.setData(data));
  return <div ref={place} class="chart" role="img" aria-label={summaryOf(ends)} />;
}

/** What the chart says, for those who do not see it. */
function summaryOf({ ok, failed, stepMs }: Ends): string {
  const all = ok.map((ends, step) => ends + failed[step]!);
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
  const most = Math.max(...all) / (stepMs / 1000);
  return (
    `${count(sum(ok))} attempts ended well and ${count(sum(failed))} failed within ` +
    `${duration(all.length * stepMs)}, at most ${rate(most)}`
  );
}

/** The last step is not over: its rate would be too small, and jump. */
function dataOf({ fromMs, stepMs, ok, failed }: Ends): AlignedData {
  const steps = Math.max(1, ok.length - 1);
  const seconds = stepMs / 1000;
  const times = Array.from({ length: steps }, (_, step) => fromMs / 1000 + step * seconds);
  const perSecond = (counts: readonly number[]) =>
    counts.slice(0, steps).map((ends) => ends / seconds);
  return [times, perSecond(ok), perSecond(failed)];
}

function timeOf(second: number): string {
  return moment(second * 1000, Date.now());
}

function optionsFor(box: HTMLElement): Options {
  const looks = getComputedStyle(box);
  const color = (name: string): string => looks.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: color('quiet'),
    font: `12px ${looks.fontFamily}`,
    grid: { stroke: color('line'), width: 1 },
    ticks: { stroke: color('line'), width: 1 },
  };
  const value = (_: uPlot, perSecond: number | null) => (perSecond === null ? '' : rate(perSecond));
  const points = { show: false };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    cursor: { drag: { setScale: false } },
    scales: { y: { range: (_, _least, most) => [0, Math.max(most * 1.1, 0.1)] } },
    axes: [
      { ...axis, space: 90, values: (_, splits) => splits.map(timeOf) },
      { ...axis, size: 60, values: (_, splits) => splits.map((one) => rate(one)) },
    ],
    series: [
      { label: 'at', value: (_, second) => (second === null ? '' : timeOf(second)) },
      {
        label: 'ended well',
        stroke: color('done'),
        fill: `${color('done')}22`,
        width: 2,
        value,
        points,
      },
      { label: 'failed', stroke: color('failed'), width: 2, value, points },
    ],
  };
}
