/**
 * The walls of one worker: what it can put up, found out once; and, for each attempt, the plan, the
 * putting up, the measuring and the taking down.
 *
 * planned → (raise) → standing → (endRemains) → empty → (settle) → measured → (takeDown) → gone
 * A worker that is killed in between leaves a journal; the next one's `openWalls` undoes it.
 */
import { createHash } from 'node:crypto';
import { messageOf, type WindrowError } from '#base';
import type { Isolation, MachineWalls, ResourceRequest, Wall } from '#model';
import { accountNameFor, payloadAccount, underAccount } from '../account/payload.ts';
import { sandboxErrors } from '../errors.ts';
import { removeForSure } from '../place/hand.ts';
import { unmountRoots } from '../roots/roots.ts';
import { carryOut, type NotUndone, undo } from './carry-out.ts';
import { asksForNothing, chooseWalls } from './choose.ts';
import { compose, type WallPlan } from './compose.ts';
import type { Ground } from './ground.ts';
import { Journal } from './journal.ts';
import { type FoundMachine, findMachine, lackingOf, type MachineOptions } from './machine.ts';
import type { Operation } from './operation.ts';
import type { Ability, Exceeded, Remains, Settled } from './part.ts';
import { makePlot, type Site } from './plot.ts';
import type { ReadyPart } from './ready-part.ts';
import { type DeadTag, Register } from './register.ts';

export interface WallsOptions extends Omit<MachineOptions, 'complain' | 'remark'> {
  /** Absolute: where all workers of this account on this machine are registered; see `Register`. */
  readonly register: string;
  /** Told of what was left and removed, and of what could not be. */
  readonly log: { warn(facts: object, sentence: string): void };
}

export interface Walls {
  /** Null when nothing is to be put up, decided at once: most attempts of most workers. */
  needsNone(isolation: Isolation, request: ResourceRequest, owner: string): boolean;
  machine(): Promise<MachineWalls>;
  abilities(): Promise<readonly Ability[]>;
  /** Rejects with a WindrowError when the machine lacks what the job requires. */
  plan(site: Site): Promise<WallPlan>;
  /** Rejects with a WindrowError; nothing is left then. */
  raise(plan: WallPlan): Promise<void>;
  /**
   * From the program's start on: calls `onExceeded` when it has to be ended for a limit. Returns what
   * ends the looking.
   */
  watch(plan: WallPlan, onExceeded: (exceeded: Exceeded) => void): () => void;
  /** After the program's end: ends what outlived it. Then its slot is free. */
  endRemains(plan: WallPlan): Promise<readonly Remains[]>;
  /** After that: measures. */
  settle(plan: WallPlan): Promise<readonly Settled[]>;
  /** Never rejects: what cannot be undone is logged, and undone by the next worker. */
  takeDown(plan: WallPlan): Promise<void>;
  /** Removes a directory of an attempt, whatever mounts and immutable names it holds. */
  remove(path: string): Promise<void>;
  /** When no attempt is left: gives back what all of them shared. */
  close(): Promise<void>;
}

/** Names of all that a worker in `directory` makes outside of it; see `Ground.tag`. */
export function tagOf(directory: string): string {
  return `windrow-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}`;
}

/**
 * To be called under the lock of the directory: whatever a former worker left there is removed first,
 * and what killed workers of other directories left outside of theirs. The machine is looked at with
 * the first call that needs to know it.
 */
export async function openWalls(options: WallsOptions): Promise<Walls> {
  const walls = new WallsOfWorker(options);
  await walls.clear();
  await walls.clearOthers();
  return walls;
}

/** In the journal: what is done for all attempts. No attempt is called so. */
const SHARED = 'shared';

function sharedOf(parts: readonly ReadyPart[]): readonly Operation[] {
  return parts.flatMap((part) => part.prepare());
}

/** No two attempts of a worker have the same slot at the same time. */
function markOf(slot: number, { settings }: Ground): number {
  return settings.tracking.firstGroup + slot - 1;
}

function withReason(wall: Wall, abilities: readonly Ability[]): string {
  const lack = abilities.find((ability) => ability.wall === wall && !ability.able);
  return lack && !lack.able ? `${wall} (${lack.how}: ${lack.reason})` : wall;
}

class WallsOfWorker implements Walls {
  readonly #options: WallsOptions;
  readonly #ground: Ground;
  readonly #journal: Journal;
  readonly #register: Register;
  #found: Promise<FoundMachine> | null = null;
  /** Those of `#found`; empty until it is known. */
  #parts: readonly ReadyPart[] = [];
  #prepared: Promise<void> | null = null;

  constructor(options: WallsOptions) {
    this.#options = options;
    this.#ground = options.ground;
    this.#journal = new Journal(options.ground.directory);
    this.#register = new Register(options.register);
  }

  /** Undoes what the journal of a killed worker says; without one there is nothing to look for. */
  async clear(): Promise<void> {
    const unfinished = this.#journal.unfinished();
    if (unfinished.length === 0) return;
    const { hands, parts } = await this.#machine();
    for (const { name, operations } of unfinished) {
      const left = await undo(operations, hands);
      this.#complain(left);
      if (left.length === 0) this.#journal.end(name);
    }
    for (const part of parts) {
      for (const said of await part.clear()) this.#options.log.warn({ part: part.name }, said);
    }
  }

  async clearOthers(): Promise<void> {
    for (const dead of this.#register.dead()) {
      await this.#clearOther(dead).catch(this.#complainOf);
    }
  }

  /** Files in its directory are left for who works there next, or its owner. */
  async #clearOther({ tag, directory, forget }: DeadTag): Promise<void> {
    const ground = { ...this.#ground, tag, directory };
    const outside = (await this.#machine()).parts.filter(({ name }) => name !== 'place');
    const clear = async () => (await Promise.all(outside.map((part) => part.clear(ground)))).flat();
    const said = await clear();
    await unmountRoots(ground);
    if (said.length > 0) {
      const sentence = `removed what a killed worker in ${directory} had left outside of it`;
      this.#options.log.warn({ directory, said }, sentence);
    }
    const left = await clear();
    for (const again of left) this.#options.log.warn({ directory }, again);
    if (left.length === 0) forget();
  }

  needsNone(isolation: Isolation, request: ResourceRequest, owner: string): boolean {
    const { tracking, payload } = this.#ground.settings;
    if (tracking.way === 'group id' || accountNameFor(owner, payload) !== null) return false;
    return asksForNothing(isolation, request, this.#options.level);
  }

  async machine(): Promise<MachineWalls> {
    return (await this.#machine()).advertised;
  }

  async abilities(): Promise<readonly Ability[]> {
    return (await this.#machine()).abilities;
  }

  async plan(site: Site): Promise<WallPlan> {
    const found = await this.#machine();
    const payload = await payloadAccount(site.owner, this.#ground);
    const isolation = underAccount(site.isolation, payload, this.#ground);
    const choice = chooseWalls(isolation, site.request, found.machine);
    if (choice.missing.length > 0) {
      const walls = choice.missing.map((wall) => withReason(wall, found.abilities));
      throw sandboxErrors.create('WALLS_MISSING', { walls: walls.join('; ') });
    }
    const { plot, hidden } = await makePlot(
      site,
      choice,
      { accounts: found.accounts, payload },
      this.#ground,
    );
    const parts = found.parts.flatMap((part) => part.plan(plot, choice) ?? []);
    const { fence, lastStage, roots } = found;
    const root = plot.isolation.root === '' ? null : await roots.open(plot.isolation.root);
    const mark = found.marks ? markOf(site.slot, this.#ground) : null;
    const fixed = { ground: this.#ground, choice, parts, fence, lastStage };
    return compose({ ...fixed, plot, root, hidden, mark });
  }

  async raise({ name, operations }: WallPlan): Promise<void> {
    if (operations.length === 0) return;
    await this.#prepare();
    await this.#carryOut(name, operations);
  }

  /** What all attempts share is made before the first, once. */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#machine()
      .then(({ parts }) => this.#carryOut(SHARED, sharedOf(parts)))
      .catch((error: unknown) => {
        this.#prepared = null; // tried again by the next attempt
        throw error;
      });
    return this.#prepared;
  }

  async #carryOut(name: string, operations: readonly Operation[]): Promise<void> {
    if (operations.length === 0) return;
    const { hands } = await this.#machine();
    this.#journal.begin(name, operations);
    const left: NotUndone[] = [];
    try {
      await carryOut(operations, hands, left);
    } catch (error) {
      this.#complain(left);
      if (left.length === 0) this.#journal.end(name);
      throw error;
    }
  }

  watch({ operations }: WallPlan, onExceeded: (exceeded: Exceeded) => void): () => void {
    const ends = this.#parts.flatMap((part) => part.watch(operations, onExceeded) ?? []);
    return () => {
      for (const end of ends) end();
    };
  }

  async endRemains({ operations }: WallPlan): Promise<readonly Remains[]> {
    const remains: Remains[] = [];
    for (const part of operations.length === 0 ? [] : this.#parts) {
      const ending = part.endRemains(operations);
      if (ending) remains.push(await ending);
    }
    return remains;
  }

  async settle({ operations }: WallPlan): Promise<readonly Settled[]> {
    const settled: Settled[] = [];
    for (const part of operations.length === 0 ? [] : this.#parts) {
      const settling = part.settle(operations);
      if (settling) settled.push(await settling);
    }
    return settled;
  }

  takeDown({ name, operations }: WallPlan): Promise<void> {
    return this.#undo(name, operations);
  }

  async #undo(name: string, operations: readonly Operation[]): Promise<void> {
    if (operations.length === 0) return;
    const { hands } = await this.#machine();
    const left = await undo(operations, hands);
    this.#complain(left);
    if (left.length === 0) this.#journal.end(name);
  }

  async remove(path: string): Promise<void> {
    await removeForSure(path);
  }

  async close(): Promise<void> {
    if (this.#prepared) await this.#undo(SHARED, sharedOf(this.#parts));
    if (this.#found) await (await this.#found).roots.close();
    this.#journal.close();
    // What is left is found by its tag, here or elsewhere, when this process is gone.
    if (this.#journal.unfinished().length === 0) this.#register.leave();
  }

  #machine(): Promise<FoundMachine> {
    const { log } = this.#options;
    const told = { complain: this.#complainOf, remark: (said: string) => log.warn({}, said) };
    const { tag, directory } = this.#ground;
    const entered = () => findMachine({ ...this.#options, ...told });
    this.#found ??= this.#register
      .enter(tag, directory)
      .then(entered)
      .then((found) => {
        this.#parts = found.parts;
        this.#tell(found);
        return found;
      });
    return this.#found;
  }

  #tell({ abilities, parts, roots }: FoundMachine): void {
    const { log, level, ground } = this.#options;
    for (const said of [...parts.flatMap(({ remarks }) => remarks), ...roots.remarks]) {
      log.warn({}, said);
    }
    const lacking = lackingOf(level, abilities);
    for (const ability of lacking) {
      if (!ability.able) log.warn(ability, `attempts have no wall "${ability.wall}" here`);
    }
    const isKept = abilities.some(({ wall, able }) => wall === 'account' && able);
    if (ground.uid === 0 && level !== 'bare' && !isKept) log.warn({}, 'jobs run as root here');
  }

  readonly #complainOf = (error: unknown): void => {
    this.#options.log.warn({ reason: messageOf(error) }, 'something about walls went wrong');
  };

  #complain(left: readonly NotUndone[]): void {
    for (const { operation, error } of left) {
      const facts = { operation, reason: messageOf(error), code: (error as WindrowError).code };
      this.#options.log.warn(facts, 'could not take a wall down; the next worker will try again');
    }
  }
}
