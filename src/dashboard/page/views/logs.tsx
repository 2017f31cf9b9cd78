import { useState } from 'preact/hooks';
import type { LogLine } from '#wire';
import { useAnswer } from '../answer.ts';
import { askLines } from '../ask.ts';
import { concernsJob } from '../concerns.ts';
import { count } from '../figures.ts';
import { LOG_LINES_SHOWN, LOG_TEXT_SHOWN } from '../limits.ts';
import { Nothing, Part, Shown } from '../parts/small.tsx';
import { Lines } from '../parts/text.tsx';

const STREAMS = ['stderr', 'stdout'] as const;

/** What the programs of a task printed, as far as anybody would read it. */
export function Logs({ job, task, isMoving }: { job: number; task: number; isMoving: boolean }) {
  const [stream, setStream] = useState<(typeof STREAMS)[number]>('stderr');
  const path = `/v1/jobs/${job}/logs?task=${task}&stream=${stream}&limit=${LOG_LINES_SHOWN + 1}`;
  const answer = useAnswer(path, {
    concerns: (event) => isMoving && concernsJob(job)(event),
    question: (signal) => askLines<LogLine>(path, LOG_LINES_SHOWN, signal),
  });
  const buttons = STREAMS.map((one) => (
    <button key={one} type="button" aria-pressed={one === stream} onClick={() => setStream(one)}>
      {one}
    </button>
  ));
  return (
    <Part title="Output" aside={<span class="actions">{buttons}</span>}>
      <Shown answer={answer}>
        {({ lines, isCut }) =>
          lines.length === 0 ? (
            <Nothing>Nothing on {stream}.</Nothing>
          ) : (
            <>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard. */}
              <pre class="log" tabIndex={0}>
                {groupsOf(lines).map(({ number, text }) => (
                  <span key={number}>
                    <small>attempt {number}</small>
                    <Lines of={text} />
                  </span>
                ))}
              </pre>
              {isCut && (
                <p class="quiet">
                  The first {count(LOG_LINES_SHOWN)} lines. All of them:{' '}
                  <code>
                    windrow logs {job} --task {task}
                  </code>
                </p>
              )}
            </>
          )
        }
      </Shown>
    </Part>
  );
}

/** The lines of each attempt together. */
function groupsOf(lines: readonly LogLine[]): { number: number; text: string }[] {
  const groups: { number: number; text: string }[] = [];
  for (const { number, text } of lines) {
    const last = groups.at(-1);
    const line = text.slice(0, LOG_TEXT_SHOWN);
    if (last?.number === number) last.text += `\n${line}`;
    else groups.push({ number, text: line });
  }
  return groups;
}
