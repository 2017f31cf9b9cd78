/**
 * Policies where tasks run: those of their jobs, of the site, and of this machine, with what they use
 * fresh to seconds. Looked at every few seconds for all attempts together, in one pass over the
 * machine's processes.
 */
import { messageOf, WatchedFile } from '#base';
import { type Ad, adOf, adOfValues, localAmbient, parseExpression } from '#classad';
import { type Measured, type SetAttribute, taskAd, usageOf, withRow } from '#model';
import {
  type Decision,
  decide,
  decideOnMachine,
  type MachinePolicy,
  NO_MACHINE_POLICY,
  NO_SITE_POLICY,
  type PolicyNeeds,
  type PolicySurround,
  policyNeeds,
  readPolicyFile,
  readSitePolicy,
  type SitePolicy,
} from '#policy';
import type { GrantedAttempt } from '#wire';
import { bytesBelow } from './disk-watch.ts';
import type { AgentOptions } from './port.ts';
import { type ProcessUsage, usageByMark } from './process-usage.ts';

/** Looking takes at most this part of the time, however many processes the machine has. */
const LARGEST_SHARE = 1 / 25;

export interface PolicyWatchOptions
  extends Pick<AgentOptions, 'clock' | 'random' | 'log' | 'name' | 'policyFile' | 'policyMs'> {
  /** As it is at this moment. */
  readonly machineAd: () => Ad;
}

/** An attempt whose program runs. */
export interface Governed {
  readonly grant: GrantedAttempt;
  /** Its job's. */
  readonly ad: Ad;
  /** `WINDROW_SCRATCH` of its processes. */
  readonly scratch: string;
  /** Absolute directories, as this process sees them, whose content is what it has written. */
  readonly directories: readonly string[];
  readonly startedAtMs: number;
  readonly executingAtMs: number;
  /** Of its job, for the cells of its row. */
  readonly columns: readonly string[];
  /** What its program has set so far. */
  readonly attributes: () => readonly SetAttribute[];
  /** Called at most once. */
  onDecision(decision: Decision): void;
}

interface Entry {
  readonly governed: Governed;
  needs: PolicyNeeds;
  isSeen: boolean;
  diskBytes: number | null;
  memoryPeakBytes: number;
  cpuUserMs: number;
  cpuSystemMs: number;
}

export class PolicyWatch {
  readonly #options: PolicyWatchOptions;
  readonly #surround: PolicySurround;
  readonly #entries = new Map<number, Entry>();
  readonly #file: WatchedFile | null;
  #machine: MachinePolicy = NO_MACHINE_POLICY;
  #site: SitePolicy = NO_SITE_POLICY;
  #version = '';
  #needs = new WeakMap<Ad, PolicyNeeds>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  /** @throws WindrowError POLICY_FILE_UNREADABLE, POLICY_FILE_WRONG */
  constructor(options: PolicyWatchOptions) {
    this.#options = options;
    const { clock, random, policyFile } = options;
    const ambient = localAmbient({
      now: () => clock.now(),
      random,
      elapsedMs: () => clock.monotonic(),
    });
    this.#surround = { ambient };
    this.#file = policyFile === '' ? null : new WatchedFile(policyFile);
    if (this.#file) this.#machine = readPolicyFile(policyFile).policy.machine;
  }

  /** Of the site's policies. */
  get version(): string {
    return this.#version;
  }

  /** The site has other policies from now on, also for what runs. */
  takeSite({ version, text }: { readonly version: string; readonly text: string }): void {
    try {
      this.#site = readSitePolicy(text, 'the policies of the site').policy;
      this.#needAnew();
    } catch (error) {
      // A newer server may know more; it is not to send them again and again.
      this.#options.log.error({ reason: messageOf(error) }, 'policies of the site were not taken');
    }
    this.#version = version;
  }

  #needAnew(): void {
    this.#needs = new WeakMap();
    for (const entry of this.#entries.values()) entry.needs = this.#needsOf(entry.governed);
    if (this.#isAnyGoverned()) this.#schedule(this.#options.policyMs);
  }

  #isAnyGoverned(): boolean {
    for (const { needs } of this.#entries.values()) if (needs.running) return true;
    return false;
  }

  /** Found out once for each job: thousands of its attempts may come in a second. */
  #needsOf({ ad }: Pick<Governed, 'ad'>): PolicyNeeds {
    const known = this.#needs.get(ad);
    if (known) return known;
    const needs = policyNeeds(ad, this.#site, this.#machine);
    this.#needs.set(ad, needs);
    return needs;
  }

  /** Whether a policy looks at what runs of a job with this ad. */
  governs(ad: Ad): boolean {
    return this.#needsOf({ ad }).running;
  }

  /** Looks at it, if there is a policy on it or comes to be, until it is forgotten. */
  watch(governed: Governed): void {
    const figures = {
      isSeen: false,
      diskBytes: null,
      memoryPeakBytes: 0,
      cpuUserMs: 0,
      cpuSystemMs: 0,
    };
    const needs = this.#needsOf(governed);
    this.#entries.set(governed.grant.ticket, { governed, needs, ...figures });
    if (needs.running) this.#schedule(this.#options.policyMs);
  }

  /** What was seen of its use; null where nobody looked. */
  forget(ticket: number): Measured | null {
    const entry = this.#entries.get(ticket);
    this.#entries.delete(ticket);
    if (this.#entries.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    return entry?.isSeen ? measuredOf(entry) : null;
  }

  #schedule(ms: number): void {
    if (this.#timer || this.#isLooking) return;
    this.#timer = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    const { clock, policyMs, log } = this.#options;
    this.#timer = undefined;
    this.#isLooking = true;
    const beganMs = clock.monotonic();
    try {
      this.#readAgain();
      await this.#lookAtAll();
    } catch (error) {
      log.error({ err: error }, 'policies could not be looked at');
    }
    this.#isLooking = false;
    const tookMs = clock.monotonic() - beganMs;
    if (this.#isAnyGoverned()) this.#schedule(Math.max(policyMs, tookMs / LARGEST_SHARE));
  }

  #readAgain(): void {
    const { policyFile, log } = this.#options;
    if (!this.#file?.hasChanged()) return;
    try {
      this.#machine = readPolicyFile(policyFile).policy.machine;
      this.#needAnew();
      log.info({ file: policyFile }, 'the policy file was read again');
    } catch (error) {
      const facts = { file: policyFile, reason: messageOf(error) };
      log.error(facts, 'the policy file was not taken; the policy before stays in force');
    }
  }

  async #lookAtAll(): Promise<void> {
    const open = [...this.#entries].filter(([, { needs }]) => needs.running);
    if (open.length === 0) return;
    const used = usageByMark(open.map(([ticket, { governed }]) => markOf(ticket, governed)));
    const machine = this.#options.machineAd();
    for (const [ticket, entry] of open) {
      entry.isSeen = true;
      take(entry, used.get(String(ticket)));
      if (needs(entry, 'diskusage')) entry.diskBytes = await bytesBelow(entry.governed.directories);
      // It may have ended while the disk was looked at.
      if (this.#entries.get(ticket) === entry) this.#decide(entry, machine);
    }
  }

  #decide(entry: Entry, machine: Ad): void {
    const ad = this.#adOf(entry);
    const own = decide(ad, this.#site, 'periodic', this.#surround);
    const decision =
      own.verdict === 'stay' ? decideOnMachine(machine, ad, this.#machine, this.#surround) : own;
    if (decision.verdict === 'stay') return;
    entry.needs = { ...entry.needs, running: false };
    entry.governed.onDecision(decision);
  }

  #adOf(entry: Entry): Ad {
    const { grant, startedAtMs, executingAtMs, columns } = entry.governed;
    const { past } = grant;
    const attempt = {
      ...{ number: grant.number, worker: this.#options.name, startedAtMs, endedAtMs: null },
      ...{ cause: null, exitCode: null, signal: null, reason: '', signature: '' },
      usage: usageOf(this.#options.clock.now() - executingAtMs, measuredOf(entry)),
    };
    const task = {
      ...({ job: grant.job, task: grant.task, state: 'running', stateAtMs: startedAtMs } as const),
      ...{ reason: '', hold: null, attempts: grant.number, attempt },
      holds: past?.holds ?? 0,
      lastHold: past?.lastHold ?? null,
      completions: past?.completions ?? 0,
      asked: grant.asked,
    };
    const executing = { JobCurrentStartExecutingDate: Math.floor(executingAtMs / 1000) };
    const ad = taskAd(task, withSet(entry.governed));
    return adOfValues(executing, withRow(ad, columns, grant.cells));
  }
}

/** The ad of the job with what programs of the task have set, now or in earlier attempts. */
function withSet({ ad, grant, attributes }: Governed): Ad {
  const set = [...(grant.past?.attributes ?? []), ...attributes()];
  if (set.length === 0) return ad;
  const own = set.map(({ name, expression }) => ({ name, value: parseExpression(expression) }));
  return adOf(own, ad);
}

function markOf(ticket: number, { scratch }: Governed): { ticket: string; scratch: string } {
  return { ticket: String(ticket), scratch };
}

function needs({ needs: { names } }: Entry, name: string): boolean {
  return names === null || names.has(name);
}

/** Processes that have ended are counted with their parents, or not at all: sums never go back. */
function take(entry: Entry, used: ProcessUsage | undefined): void {
  if (!used) return;
  entry.memoryPeakBytes = Math.max(entry.memoryPeakBytes, used.memoryBytes);
  entry.cpuUserMs = Math.max(entry.cpuUserMs, used.cpuUserMs);
  entry.cpuSystemMs = Math.max(entry.cpuSystemMs, used.cpuSystemMs);
}

function measuredOf(entry: Entry): Measured {
  const { diskBytes, memoryPeakBytes, cpuUserMs, cpuSystemMs } = entry;
  // Zeros were never seen.
  return {
    source: 'sampled',
    figures: {
      diskBytes,
      memoryPeakBytes: memoryPeakBytes || null,
      cpuUserMs: memoryPeakBytes ? cpuUserMs : null,
      cpuSystemMs: memoryPeakBytes ? cpuSystemMs : null,
    },
  };
}
