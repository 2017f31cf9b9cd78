import type { TaskCounts } from '#model';
import { countsText, ended, percent, rowsOf, sharesOf } from '../figures.ts';

/** How far a job is. Widths are attributes of SVG: styles in markup are forbidden to this page. */
export function Bar({ counts, name }: { counts: TaskCounts; name: string }) {
  const rows = rowsOf(counts);
  const over = ended(counts);
  const text = `${percent(rows === 0 ? 1 : over / rows)}: ${countsText(counts)}`;
  let next = 0;
  const parts = sharesOf(counts).map(({ kind, share }) => {
    const from = next;
    next += share;
    return { kind, x: `${from * 100}%`, width: `${share * 100}%` };
  });
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={rows}
      aria-valuenow={over}
      aria-valuetext={text}
      title={text}
    >
      <svg aria-hidden="true" width="100%" height="100%">
        {parts.map(({ kind, x, width }) => (
          <rect key={kind} class={kind} x={x} width={width} height="100%" />
        ))}
      </svg>
    </div>
  );
}

/** How far one thing is, from 0 to 1. */
export function ShareBar({ share, name }: { share: number; name: string }) {
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(share * 100)}
    >
      <svg aria-hidden="true" width="100%" height="100%">
        <rect class="running" width={`${share * 100}%`} height="100%" />
      </svg>
    </div>
  );
}
