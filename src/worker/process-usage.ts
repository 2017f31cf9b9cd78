/** What the processes of attempts use at this moment, in one pass over the machine's processes. */
import { environmentValueOf, processIds, residentBytesOf, timesOf } from './process-table.ts';

export interface ProcessUsage {
  /** Resident; pages that processes share count in each. */
  memoryBytes: number;
  cpuUserMs: number;
  cpuSystemMs: number;
}

/** How the processes of an attempt are known: by what is in their environment. */
export interface Mark {
  readonly ticket: string;
  readonly scratch: string;
}

/** By ticket; attempts of which no process was seen are missing. */
export function usageByMark(marks: readonly Mark[]): Map<string, ProcessUsage> {
  const wanted = new Map(marks.map((mark) => [mark.ticket, mark]));
  const found = new Map<string, ProcessUsage>();
  for (const pid of processIds()) {
    const ticket = environmentValueOf(pid, 'WINDROW_TICKET');
    const mark = ticket === undefined ? undefined : wanted.get(ticket);
    // Workers of other servers give the same numbers.
    if (!mark || environmentValueOf(pid, 'WINDROW_SCRATCH') !== mark.scratch) continue;
    const sum = found.get(mark.ticket) ?? { memoryBytes: 0, cpuUserMs: 0, cpuSystemMs: 0 };
    const { userMs, systemMs } = timesOf(pid);
    sum.memoryBytes += residentBytesOf(pid);
    sum.cpuUserMs += userMs;
    sum.cpuSystemMs += systemMs;
    found.set(mark.ticket, sum);
  }
  return found;
}
