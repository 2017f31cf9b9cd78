/** Recoveries that began and ended between two looks: their times are told afterwards. */
import { parseNumber, parseRecovery } from './parse.ts';
import type { DeviceLook } from './tree.ts';

export interface PastRecovery {
  readonly target: string;
  readonly startSeconds: number;
  readonly endSeconds: number;
}

export class RecoveryWatch {
  /** When the latest recovery of each target began, in seconds. */
  readonly #starts = new Map<string, number>();

  /** @param isKnown whether the recovery of a target was told of when it began */
  look(devices: readonly DeviceLook[], isKnown: (target: string) => boolean): PastRecovery[] {
    const past: PastRecovery[] = [];
    for (const { name, files } of devices) {
      const said = files.get('recovery_status');
      if (said?.kind !== 'said') continue;
      const recovery = parseRecovery(said.text);
      const start = parseNumber(recovery.get('recovery_start') ?? '') ?? 0;
      const before = this.#starts.get(name);
      this.#starts.set(name, start);
      const isNew = before !== undefined && start > before;
      if (!isNew || recovery.get('status') !== 'COMPLETE' || isKnown(name)) continue;
      const took = parseNumber(recovery.get('recovery_duration') ?? '') ?? 0;
      past.push({ target: name, startSeconds: start, endSeconds: start + Math.max(0, took) });
    }
    return past;
  }
}
