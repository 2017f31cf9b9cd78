/**
 * The ad of a server, under the names that HTCondor gives to a scheduler's: what are jobs there are
 * tasks here.
 */
import { type Ad, adOfThing, attributeTable, real } from '#classad';
import type { TaskCounts } from '../task.ts';
import { epochSeconds, kibibytes, mebibytes } from './quantities.ts';

/** What a server does, counted in tasks. */
export interface ServerDeeds {
  readonly submitted: number;
  /** Attempts that were given to workers. */
  readonly started: number;
  /** Attempts that have ended, however. */
  readonly exited: number;
  /** Tasks whose results count. */
  readonly completed: number;
}

/** Over a while. */
export interface ServerEffort {
  readonly deeds: ServerDeeds;
  readonly forMs: number;
  /** Shares of the time, 1 being all of it; of CPUs it may be more. */
  readonly loopShare: number;
  readonly cpuShare: number;
}

export interface ServerFacts {
  /** Of its machine. */
  readonly name: string;
  /** Of the machine, as Node.js names it. */
  readonly platform: string;
  readonly version: string;
  /** Where it answers; `''`: nowhere, what is stored is read. */
  readonly url: string;
  readonly state: string;
  readonly reason: string;
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Of all its jobs together. */
  readonly counts: TaskCounts;
  /** Jobs that are not over, and their owners. */
  readonly jobs: number;
  readonly owners: number;
  readonly workers: number;
  readonly slots: number;
  readonly busySlots: number;
  readonly machine: { readonly cpus: number; readonly memoryBytes: number };
  readonly memoryBytes: number;
  readonly diskFreeBytes: number;
  readonly diskTotalBytes: number;
  /** Since it started. */
  readonly whole: ServerEffort;
  /** Of the last minutes. */
  readonly recent: ServerEffort;
}

const underWay = ({ staging, running, checking }: TaskCounts): number =>
  staging + running + checking;

const TABLE = attributeTable<ServerFacts>({
  MyType: () => 'Scheduler',
  Name: ({ name }) => name,
  Machine: ({ name }) => name,
  MyAddress: ({ url }) => sinful(url),
  ScheddIpAddr: ({ url }) => sinful(url),
  WindrowPlatform: ({ platform }) => platform,
  WindrowVersion: ({ version }) => version,
  ServerState: ({ state }) => state,
  ServerReason: ({ reason }) => reason || undefined,
  DaemonStartTime: ({ startedAtMs }) => epochSeconds(startedAtMs),
  ServerTime: ({ nowMs }) => epochSeconds(nowMs),
  TotalIdleJobs: ({ counts }) => counts.waiting,
  TotalRunningJobs: ({ counts }) => underWay(counts),
  TotalHeldJobs: ({ counts }) => counts.held,
  TotalJobAds: ({ counts }) => counts.waiting + underWay(counts) + counts.held,
  TotalClusters: ({ jobs }) => jobs,
  NumUsers: ({ owners }) => owners,
  NumOwners: ({ owners }) => owners,
  TotalWorkers: ({ workers }) => workers,
  TotalSlots: ({ slots }) => slots,
  BusySlots: ({ busySlots }) => busySlots,
  DetectedCpus: ({ machine }) => machine.cpus,
  DetectedMemory: ({ machine }) => mebibytes(machine.memoryBytes),
  Disk: ({ diskFreeBytes }) => Math.floor(diskFreeBytes / 1024),
  TotalDisk: ({ diskTotalBytes }) => Math.floor(diskTotalBytes / 1024),
  JobsSubmitted: ({ whole }) => whole.deeds.submitted,
  JobsStarted: ({ whole }) => whole.deeds.started,
  JobsExited: ({ whole }) => whole.deeds.exited,
  JobsCompleted: ({ whole }) => whole.deeds.completed,
  RecentJobsSubmitted: ({ recent }) => recent.deeds.submitted,
  RecentJobsStarted: ({ recent }) => recent.deeds.started,
  RecentJobsExited: ({ recent }) => recent.deeds.exited,
  RecentJobsCompleted: ({ recent }) => recent.deeds.completed,
  StatsLifetime: ({ whole }) => epochSeconds(whole.forMs),
  RecentStatsLifetime: ({ recent }) => epochSeconds(recent.forMs),
  DaemonCoreDutyCycle: ({ whole }) => real(whole.loopShare),
  RecentDaemonCoreDutyCycle: ({ recent }) => real(recent.loopShare),
  MonitorSelfAge: ({ nowMs, startedAtMs }) => epochSeconds(nowMs - startedAtMs),
  MonitorSelfCPUUsage: ({ recent }) => real(100 * recent.cpuShare),
  MonitorSelfResidentSetSize: ({ memoryBytes }) => kibibytes(memoryBytes),
  MonitorSelfTime: ({ nowMs }) => epochSeconds(nowMs),
});

export function serverAd(server: ServerFacts): Ad {
  return adOfThing(TABLE, server);
}

/** `<host:port>` */
function sinful(url: string): string | undefined {
  const host = URL.parse(url)?.host;
  return host === undefined ? undefined : `<${host}>`;
}
