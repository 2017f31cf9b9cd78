/** Events as lines of a log: HTCondor's text form, one JSON object a line, or a line for a person. */
import type { EventLogFormat } from '#model';
import type { LifeEntry } from '../api/life.ts';
import { eventsOf, type LogEvent } from './events.ts';

export type ShownFormat = EventLogFormat | 'short';

/** Each event of the entry as text that ends in a newline. */
export function* printEvents(entry: LifeEntry, format: ShownFormat): Generator<string> {
  for (const { text } of printTaskEvents(entry, format)) yield text;
}

/** The same, each with the task that it is about. */
export function* printTaskEvents(
  entry: LifeEntry,
  format: ShownFormat,
): Generator<{ readonly task: number; readonly text: string }> {
  for (const event of eventsOf(entry)) yield { task: event.task, text: print(event, format) };
}

function print(event: LogEvent, format: ShownFormat): string {
  switch (format) {
    case 'htcondor':
      return printText(event);
    case 'json':
      return `${JSON.stringify(structured(event))}\n`;
    case 'short':
      return printShort(event);
  }
}

/** `005 (003.017.000) 2026-01-31 10:20:30 Job terminated.` … `...` */
function printText({ number, job, task, atMs, lines }: LogEvent): string {
  const [first = '', ...body] = lines;
  const head = `${three(number)} (${three(job)}.${three(task)}.000) ${localTime(atMs, ' ')} ${first}`;
  return `${[head, ...body, '...'].join('\n')}\n`;
}

function structured(event: LogEvent): Record<string, unknown> {
  return {
    MyType: event.type,
    EventTypeNumber: event.number,
    EventTime: localTime(event.atMs, 'T'),
    Cluster: event.job,
    Proc: event.task,
    Subproc: 0,
    ...event.attributes,
  };
}

/** `2026-01-31 10:20:30  3.17  Job was held. licence (Code 1 Subcode 0)` */
function printShort({ job, task, atMs, lines }: LogEvent): string {
  const [first = '', second = '', third = ''] = lines.map((line) => line.trim());
  const rest = [/^\(\d\) /.test(second) ? second.slice(4) : second, third]
    .filter((part) => part !== '' && !/^(Usr|SlotName|\d+ {2}-)/.test(part))
    .join('; ');
  return `${localTime(atMs, ' ')}  ${job}.${task}  ${first}${rest === '' ? '' : ` ${rest}`}\n`;
}

function three(value: number): string {
  return String(value).padStart(3, '0');
}

/** In the zone of this process, as HTCondor writes it. */
function localTime(atMs: number, between: ' ' | 'T'): string {
  const at = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}${between}${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
