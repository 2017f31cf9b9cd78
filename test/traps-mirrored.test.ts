import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Running, SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const COLLECTOR = fileURLToPath(new URL('./field/skewed-collector.ts', import.meta.url));

describe('two mirrored collectors whose clocks are thirty seconds apart', () => {
  const field = new SweepField();
  const collectors: ChildProcess[] = [];
  const urls: string[] = [];
  let watch: Running;

  /** @param which 0 or 1; it gets the port that it had before */
  async function start(which: number): Promise<void> {
    const directory = field.path(`collector-${which}`);
    mkdirSync(directory, { recursive: true });
    const port = urls[which] === undefined ? '0' : new URL(urls[which]).port;
    const argv = [COLLECTOR, String(which * 30_000), port, directory];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    collectors[which] = child;
    const [line] = await once(child.stdout!.setEncoding('utf8'), 'data');
    urls[which] = line.trim();
  }

  async function kill(which: number): Promise<void> {
    collectors[which]!.kill('SIGKILL');
    await once(collectors[which]!, 'exit');
  }

  /** As a good sender does it: to every collector, with numbers of its own; one that is away is passed over. */
  async function send(...numbers: number[]): Promise<void> {
    const traps = numbers.map((number) => ({
      ...{ node: `node${number % 7}`, message: `trap ${number}`, category: number % 4 },
      ...{ boot: 'b', sequence: number, time: 1_795_280_000_000 + number },
    }));
    await Promise.allSettled(
      urls.map((url) =>
        fetch(`${url}/v1/traps`, {
          method: 'POST',
          body: JSON.stringify(traps),
          headers: { 'content-type': 'application/json' },
        }),
      ),
    );
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test looks at what was printed
  const events = (): any[] =>
    watch
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const seen = () =>
    events()
      .filter(({ event }) => event === 'trap')
      .map(({ message }) => message);
  const awaySeen = () => events().filter(({ event, away }) => event === 'collector' && away).length;

  before(async () => {
    await Promise.all([start(0), start(1)]);
    watch = field.start(['traps', 'watch', ...urls, '--json']);
  });
  after(async () => {
    watch.kill();
    for (const collector of collectors) collector.kill('SIGKILL');
    await watch.ended;
    field.remove();
  });

  it('are one list to who watches both: nothing twice and nothing lost, whichever is killed', async () => {
    await send(1, 2, 3);
    await watch.until('the first traps are seen', () => seen().length === 3);
    await send(2, 3, 4);
    await kill(0);
    await watch.until('it is missed', () => awaySeen() >= 1);
    await send(5, 6);
    await watch.until('the other goes on', () => seen().length === 6);
    await start(0);
    await send(7);
    await kill(1);
    await watch.until('the other is missed', () => awaySeen() >= 2);
    await send(8, 9);
    await watch.until('the first is back', () => seen().length === 9);
    await start(1);
    await send(9, 10);
    // Both follow one file, too, and read it again after their deaths.
    appendFileSync(field.path('traps'), '1 1795280000 2 fs1 oss1 from the file\n');
    await watch.until('all are seen', () => seen().length === 11);
    const expected = Array.from({ length: 10 }, (_, i) => `trap ${i + 1}`);
    assert.deepEqual(seen().sort(), ['from the file', ...expected].sort());
  });

  it('give each trap the same id, and know after a restart what they had', async () => {
    const list = async (url: string) => {
      const answer = await fetch(`${url}/v1/traps/view`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      const view = (await answer.json()) as { traps: { id: string; message: string }[] };
      return new Map(view.traps.map(({ id, message }) => [message, id]));
    };
    const [first, second] = await until('both have the file', async () => {
      const lists = await Promise.all(urls.map(list));
      return lists.every((one) => one.has('from the file')) ? lists : null;
    });
    const both = [...first!].filter(([message]) => second!.has(message));
    assert.ok(both.length >= 6);
    for (const [message, id] of both) assert.equal(second!.get(message), id, message);
    for (const message of ['trap 1', 'trap 2', 'trap 3']) assert.ok(first!.has(message), message);
  });
});
