/** Reads a job event log as a watcher of HTCondor's does: by the documented form, not by our printer. */
export interface ReadEvent {
  readonly number: number;
  readonly job: number;
  readonly task: number;
  readonly first: string;
  readonly body: readonly string[];
}

const HEAD =
  /^(\d{3}) \((\d{3,})\.(\d{3,})\.(\d{3,})\) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d\d\/\d\d \d\d:\d\d:\d\d) (.*)$/;

/** Throws where a line is none that may stand there; an event without its end is not there yet. */
export function readEventLog(text: string): ReadEvent[] {
  const events: ReadEvent[] = [];
  let open: { head: RegExpExecArray; body: string[] } | null = null;
  for (const line of text.split('\n')) {
    if (!open) {
      if (line === '') continue;
      const head = HEAD.exec(line);
      if (!head) throw new Error(`no event begins with ${JSON.stringify(line)}`);
      open = { head, body: [] };
    } else if (line === '...') {
      const [, number, job, task, , , first] = open.head;
      events.push({
        ...{ number: Number(number), job: Number(job), task: Number(task), first: first! },
        body: open.body,
      });
      open = null;
    } else if (HEAD.test(line)) throw new Error(`an event has no end before ${line}`);
    else open.body.push(line);
  }
  return events;
}
