import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '#base';
import { event, openCollector } from '../testing/collector.ts';
import { Fragment } from './method.ts';
import { SharedAnswers } from './shared-answers.ts';
import { trapMethods } from './trap-methods.ts';
import { int } from './value.ts';

describe('answers that are shared', () => {
  it('are made once for each state, however many ask', () => {
    const answers = new SharedAnswers();
    let made = 0;
    const make = () => new Fragment(`answer ${made++}`);
    for (const state of [1, 1, 2, 2, 1]) {
      for (const key of ['a', 'b', 'a']) answers.of(state, key, make);
    }
    assert.equal(made, 6);
  });

  it('are bounded in number and in size; what was asked for last stays', () => {
    const answers = new SharedAnswers();
    let made = 0;
    const large = () => new Fragment(`${made++}`.padEnd(4 << 20, 'x'));
    for (const key of ['a', 'b', 'c', 'd', 'e', 'e', 'f', 'e']) answers.of(1, key, large);
    assert.equal(made, 6);
    answers.of(1, 'a', large);
    assert.equal(made, 7, 'the oldest had to go');
    const huge = () => new Fragment(`${made++}`.padEnd(32 << 20, 'x'));
    answers.of(1, 'g', huge);
    answers.of(1, 'g', huge);
    assert.equal(made, 9, 'what is larger than all that may be held is held by nobody');
    const small = () => new Fragment(String(made++));
    for (let i = 0; i < 1000; i++) answers.of(1, `key ${i}`, small);
    const before = made;
    answers.of(1, 'key 999', small);
    answers.of(1, 'key 0', small);
    assert.equal(made, before + 1);
  });
});

describe('details of traps', () => {
  it('are made once for each change, for whatever mark or id monitors ask', () => {
    const { collector } = openCollector();
    const methods = new Map(trapMethods(collector, systemClock).map((one) => [one.name, one]));
    const call = (name: string, mark: number) => methods.get(name)!.call([int(mark)]) as Fragment;
    for (let i = 0; i < 10; i++) collector.accept(event(`trap ${i}`));
    for (const name of ['getTraps', 'getTrapDetails']) {
      const first = call(name, 0);
      assert.equal(call(name, 1), first);
      assert.equal(call(name, -5), first);
      const [mark] = [collector.lastMark()];
      collector.accept(event('trap 3'));
      const later = call(name, mark);
      assert.ok(!later.value.includes('trap'));
    }
    assert.match(call('getTrapDetails', 0).value, /<name>count<\/name><value><int>3</);
    const [trap] = collector.all();
    collector.acknowledge(trap!.id, 'ada', '');
    assert.match(call('getTrapDetails', 0).value, /<name>acknowledged<\/name><value><boolean>1</);
  });
});
