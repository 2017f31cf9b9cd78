/** `windrow procwatch`: the watch of this machine's processes. */
import { systemClock } from '#base';
import type { ProcessNotice, ProcwatchOptions } from '#cli';
import { describeNotice, eventSource, watchProcesses } from '#sandbox';

const LOOK_EVERY_MS = 5000;

export function watch(
  options: ProcwatchOptions,
  tell: (notice: ProcessNotice) => void,
  signal: AbortSignal,
): Promise<void> {
  const onNotice = (noticed: Parameters<typeof describeNotice>[0]) => tell(describeNotice(noticed));
  const source = eventSource();
  const more = { clock: systemClock, lookEveryMs: LOOK_EVERY_MS, source, onNotice };
  return watchProcesses({ ...options, ...more }, signal);
}
