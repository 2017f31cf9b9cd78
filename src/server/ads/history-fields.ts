/** Which fields of ended attempts a constraint over their ads may look at. */
import { type Expression, findAttribute, namesThrough } from '#classad';
import { TASK_AD_NAMES } from '#model';
import type { GlimpseField } from '#store';
import type { Job } from '../core.ts';
import { adOfJob } from './facts.ts';

/** Attributes by what they are told from; those that are missing here need nothing that may be left unread. */
const TOLD_FROM: readonly (readonly [fields: readonly GlimpseField[], attributes: string])[] = [
  [['reason'], 'HoldReason RemoveReason LastReason'],
  [['startedAtMs'], 'JobCurrentStartDate JobCurrentStartExecutingDate JobLastStartDate'],
  [['worker'], 'RemoteHost LastRemoteHost'],
  [['exitCode'], 'ExitCode'],
  [['signal'], 'ExitBySignal ExitSignal'],
  [['cause'], 'LastCause LastVacateTime'],
  [['signature'], 'LastSignature'],
  [['wallMs'], 'RemoteWallClockTime'],
  [['cpuUserMs'], 'RemoteUserCpu'],
  [['cpuSystemMs'], 'RemoteSysCpu'],
  [['wallMs', 'cpuUserMs', 'cpuSystemMs'], 'CPUsUsage'],
  [['memoryPeakBytes'], 'ImageSize ResidentSetSize MemoryUsage'],
  [['diskBytes'], 'DiskUsage'],
  [['ioReadBytes'], 'BlockReadKbytes'],
  [['ioWriteBytes'], 'BlockWriteKbytes'],
  [['contextSwitches'], 'ContextSwitches'],
  [['tasksPeak'], 'ProcessesPeak'],
];

const FIELDS = new Map<string, readonly GlimpseField[]>(
  TOLD_FROM.flatMap(([fields, attributes]) =>
    attributes.split(' ').map((name) => [name.toLowerCase(), fields] as const),
  ),
);
export const ALL_FIELDS: readonly GlimpseField[] = [
  ...new Set([...FIELDS.values()].flat()),
  'network',
];

export interface HistoryNeeds {
  readonly fields: readonly GlimpseField[];
  /** It may look at attributes that programs have set. */
  readonly set: boolean;
}

const EVERYTHING: HistoryNeeds = { fields: ALL_FIELDS, set: true };

/** @param jobs those whose attempts are looked at: their own attributes may lead on */
export function needsOf(constraint: Expression, jobs: Iterable<Job>): HistoryNeeds {
  const ads = [...jobs].map(adOfJob);
  const names = namesThrough([constraint], (name) =>
    TASK_AD_NAMES.has(name) ? [] : ads.flatMap((ad) => findAttribute(ad, name) ?? []),
  );
  if (names === null) return EVERYTHING;
  const fields = new Set<GlimpseField>();
  let set = false;
  for (const name of names) {
    for (const field of FIELDS.get(name) ?? []) fields.add(field);
    if (name.startsWith('network')) fields.add('network');
    if (!TASK_AD_NAMES.has(name)) set = true;
  }
  return { fields: [...fields], set };
}
