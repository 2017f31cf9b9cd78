import type { Clock } from '#base';
import { printable } from '#base';
import { formatCount, formatEta, formatRate, underWay } from './format.ts';
import type { Output } from './output.ts';
import { fitWidth } from './text-table.ts';
import type { JobView } from './watch.ts';

/** Shows how a job goes on; `end` leaves the terminal as it was. */
export interface ProgressDisplay {
  update(view: JobView): void;
  end(): void;
}

export interface ProgressWish {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** A plain line comes after this time or this part of the tasks, whichever is first. */
const LINE_EVERY_MS = 10_000;
const LINE_EVERY_PART = 0.1;
/** JSON is for programs, which may want to draw. */
const JSON_EVERY_MS = 1000;

/** `63 % 630 done, 3 failed, 8 running, 359 waiting · 12.3/s · 30 s left` */
export function progressText(view: JobView): string {
  const { counts, progress, rows } = view;
  const ended = rows - counts.waiting - underWay(counts);
  const percent = rows === 0 ? 100 : Math.floor((ended / rows) * 100);
  const parts = [
    `${formatCount(counts.done)} done`,
    `${formatCount(counts.failed)} failed`,
    `${formatCount(underWay(counts))} running`,
    `${formatCount(counts.waiting)} waiting`,
  ];
  if (counts.held > 0) parts.push(`${formatCount(counts.held)} held`);
  // Nothing is known of the pace before the first end.
  const tail = ended > 0 ? [formatRate(progress.ratePerSecond)] : [];
  if (view.state === 'paused') tail.push('paused');
  else if (ended < rows && progress.etaMs !== null) tail.push(`${formatEta(progress.etaMs)} left`);
  return [`${percent} % ${parts.join(', ')}`, ...tail].join(' · ');
}

/** The display that fits: none, lines of JSON on stdout, a line that changes, or plain lines. */
export async function openProgress(
  wish: ProgressWish,
  stdout: Output,
  stderr: Output,
  clock: Clock,
): Promise<ProgressDisplay> {
  if (wish.json) return paced(clock, JSON_EVERY_MS, (view) => stdout.attempt(jsonLine(view)));
  if (wish.quiet) return { update: () => {}, end: () => {} };
  if (stderr.isTerminal) return await changingLine(stderr);
  return paced(clock, LINE_EVERY_MS, (view) =>
    stderr.attempt(`windrow: ${printable(view.name)}: ${progressText(view)}\n`),
  );
}

function jsonLine(view: JobView): string {
  const { job, name, state, rows, counts, progress } = view;
  return `${JSON.stringify({ kind: 'progress', job, name, state, rows, counts, progress })}\n`;
}

/** Tells of the first view, then after `everyMs` or a tenth of the tasks, and of the last one. */
function paced(clock: Clock, everyMs: number, tell: (view: JobView) => void): ProgressDisplay {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let toldPart = 0;
  let untold: JobView | null = null;
  let toldText = '';
  const tellOnce = (view: JobView) => {
    untold = null;
    const text = progressText(view);
    if (text !== toldText) tell(view);
    toldText = text;
  };
  return {
    update(view) {
      untold = view;
      const part =
        view.rows === 0 ? 1 : 1 - (view.counts.waiting + underWay(view.counts)) / view.rows;
      const due = clock.monotonic() - toldAtMs >= everyMs || part - toldPart >= LINE_EVERY_PART;
      if (!due) return;
      toldAtMs = clock.monotonic();
      toldPart = part;
      tellOnce(view);
    },
    end() {
      if (untold !== null) tellOnce(untold);
    },
  };
}

async function changingLine(output: Output): Promise<ProgressDisplay> {
  const { SingleBar } = (await import('cli-progress')).default;
  const line = (_options: unknown, _params: unknown, payload: { view: JobView }) =>
    fitWidth(progressText(payload.view), output.options.columns() - 1);
  const bar = new SingleBar({
    format: line,
    stream: output.stream as NodeJS.WriteStream,
    fps: 8,
    hideCursor: true,
    linewrap: false,
    // Windrow ends by itself on signals, and then calls `end`.
    gracefulExit: false,
  });
  let started = false;
  return {
    update(view) {
      const { rows, counts } = view;
      const ended = rows - counts.waiting - underWay(counts);
      if (!started) bar.start(rows, ended, { view });
      else bar.update(ended, { view });
      started = true;
    },
    end() {
      if (started) bar.stop();
      started = false;
    },
  };
}
