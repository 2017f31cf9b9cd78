import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '#base';
import type { RememberedTraps } from '#model';
import { event, NOW_MS, rememberedFrom } from '../testing/collector.ts';
import { Collector } from './collector.ts';

const LIMITS = { maxTraps: 1000, maxNodes: 10, foldMs: 0 };

/** A collector that is killed and comes back, and monitors that pass back what marks they got. */
class World {
  readonly clock = new ManualClock(NOW_MS);
  readonly #hasHistory: boolean;
  readonly #monitors = [0, 1].map(() => ({ mark: 0, seen: [] as string[] }));
  #disk: RememberedTraps | null = null;
  #onDisk: string[] = [];
  #sent = 0;
  #collector: Collector;
  /** Messages of this life. */
  #young: string[] = [];
  /** Messages that went with a life before they were on disk. */
  readonly lost = new Set<string>();

  constructor(hasHistory: boolean) {
    this.#hasHistory = hasHistory;
    this.#collector = this.#open();
  }

  #open(): Collector {
    const { clock } = this;
    const collector = new Collector({
      ...{ clock, ...LIMITS, hasHistory: this.#hasHistory, remembered: this.#disk },
    });
    this.#collector = collector;
    // As the service does, before it serves.
    this.keep();
    return collector;
  }

  trap(): void {
    const message = `trap ${this.#sent++}`;
    this.#young.push(message);
    this.#collector.accept(event(message));
  }

  ask(which: number): void {
    const monitor = this.#monitors[which]!;
    const { traps, mark } = this.#collector.since(monitor.mark);
    monitor.seen.push(...traps.map(({ message }) => message));
    monitor.mark = mark;
  }

  /** Everything that changed is on disk, and the collector knows. */
  keep(): void {
    if (!this.#hasHistory) return;
    this.#disk = rememberedFrom(this.#collector, this.#disk);
    this.#collector.marksAreKept(this.#disk.mark);
    this.#onDisk.push(...this.#young);
    this.#young = [];
  }

  kill(): void {
    for (const message of this.#young) this.lost.add(message);
    this.#young = [];
    if (!this.#hasHistory) for (const message of this.#onDisk) this.lost.add(message);
    this.#open();
  }

  check(): void {
    // What could not be given out yet is when the clock has come to it.
    this.clock.advance(1000);
    for (const which of [0, 1]) this.ask(which);
    for (const { seen } of this.#monitors) {
      assert.equal(new Set(seen).size, seen.length, `twice: ${seen}`);
      for (let number = 0; number < this.#sent; number++) {
        const message = `trap ${number}`;
        if (!this.lost.has(message)) assert.ok(seen.includes(message), `${message} was missed`);
      }
    }
  }
}

const STEPS = ['trap', 'ask 0', 'ask 1', 'wait', 'keep', 'kill'] as const;

function live(world: World, steps: readonly (typeof STEPS)[number][]): void {
  for (const step of steps) {
    if (step === 'trap') world.trap();
    else if (step === 'wait') world.clock.advance(300);
    else if (step === 'keep') world.keep();
    else if (step === 'kill') world.kill();
    else world.ask(Number(step.at(-1)));
  }
  world.check();
}

describe('a monitor of a collector that is killed and comes back', () => {
  for (const hasHistory of [true, false]) {
    it(`misses nothing that is left and sees nothing twice, ${hasHistory ? 'with' : 'without'} a history`, () => {
      const steps = fc.array(fc.constantFrom(...STEPS), { maxLength: 300 });
      fc.assert(
        fc.property(steps, (some) => live(new World(hasHistory), some)),
        { numRuns: 300 },
      );
    });
  }

  it('that asked far more often than once a second misses nothing of the next life', () => {
    for (const hasHistory of [true, false]) {
      const world = new World(hasHistory);
      for (let i = 0; i < 300; i++) {
        world.trap();
        world.ask(0);
        if (i % 10 === 0) world.keep();
      }
      world.kill();
      world.clock.advance(1000);
      for (let i = 0; i < 400; i++) {
        world.trap();
        world.ask(1);
        if (i % 10 === 0) world.keep();
      }
      world.check();
    }
  });

  it('with a mark is told at once what comes, as long as marks are kept', () => {
    const clock = new ManualClock(NOW_MS);
    const collector = new Collector({ ...LIMITS, clock, hasHistory: true, remembered: null });
    let onDisk = rememberedFrom(collector);
    let mark = 0;
    for (let i = 0; i < 200; i++) {
      collector.marksAreKept(onDisk.mark);
      collector.accept(event(`trap ${i}`));
      const told = collector.since(mark);
      assert.equal(told.traps.length, 1);
      mark = told.mark;
      onDisk = rememberedFrom(collector, onDisk);
    }
  });

  it('is told what comes within a second when the clock was set back', () => {
    const clock = new ManualClock(NOW_MS);
    const collector = new Collector({ ...LIMITS, clock, hasHistory: false, remembered: null });
    const { mark } = collector.since(0);
    clock.advance(-3_600_000);
    collector.accept(event('after'));
    assert.equal(collector.since(mark).traps.length, 0);
    clock.advance(1000);
    assert.equal(collector.since(mark).traps.length, 1);
  });
});
