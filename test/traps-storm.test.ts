import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { pause } from '#base';
import { inField, type Running, type SweepField } from './field/sweep-field.ts';

const NODES = 100_000;
const BATCH = 1000;
/** `WINDROW_STORM_SECONDS=60`: that long, 10,000 a second; without it, two of each node at once. */
const STORM_SECONDS = Number(process.env.WINDROW_STORM_SECONDS ?? 0);
const PER_SECOND = 10_000;
const MOST_GROWN_BYTES = 48 << 20;
const never = new AbortController();

const ask = (method: string, params = '') =>
  `<methodCall><methodName>${method}</methodName><params>${params}</params></methodCall>`;

async function startCollector(field: SweepField): Promise<{ running: Running; url: string }> {
  const argv = ['traps', 'serve', '-p', '0', '--user', 'root', '--state', field.path('state')];
  const running = field.start(argv);
  const found = await running.until('it serves', () => /http:\S+/.exec(running.stdout()));
  return { running, url: found[0].replace('localhost', '127.0.0.1') };
}

async function post(url: string, body: string, type: string): Promise<string> {
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
  assert.equal(response.status, 200);
  return await response.text();
}

function residentBytes(pid: number): number {
  return (
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
  );
}

function batchFrom(first: number): string {
  const traps = Array.from({ length: BATCH }, (_, index) => {
    const number = first + index;
    return {
      ...{ node: `node${number % NODES}`, fileSystem: `fs${number % 5}`, category: number % 3 },
      ...{ message: `trap ${number}`, boot: 'b', sequence: number },
    };
  });
  return JSON.stringify(traps);
}

describe('a storm of traps from a hundred thousand nodes', () => {
  it('is counted to the last one, keeps the Fatal, leaves memory as it is, and monitors are answered', () =>
    inField(async (field) => {
      const { running, url } = await startCollector(field);
      const json = 'application/json';
      const fatal = { node: 'node0', message: 'the end', category: 'fatal', fileSystem: 'fs0' };
      await post(`${url}/v1/traps`, JSON.stringify(fatal), json);
      const state = { isOver: false, answers: 0, mark: 0 };
      const monitor = (async () => {
        const traps: string[] = [];
        while (!state.isOver) {
          const param = `<param><value><int>${state.mark}</int></value></param>`;
          const text = await post(url, ask('getTraps', param), 'text/xml');
          assert.match(text, /<\/methodResponse>\n$/);
          for (const [, message] of text.matchAll(/<string>(trap \d+|the end)<\/string>/g))
            traps.push(message!);
          const mark = Number(
            /<int>(\d+)<\/int><\/value><\/data><\/array><\/value><\/param>/.exec(text)?.[1],
          );
          assert.ok(mark >= state.mark);
          state.mark = mark;
          state.answers++;
          await post(url, ask('getNodeNames', '<param><value>fs1</value></param>'), 'text/xml');
        }
        return traps;
      })();
      const sent = STORM_SECONDS > 0 ? Math.max(2 * NODES, STORM_SECONDS * PER_SECOND) : 4 * NODES;
      const beganMs = performance.now();
      let settledBytes = 0;
      for (let first = 0; first < sent; first += 4 * BATCH) {
        const batches = [0, 1, 2, 3].map((index) => batchFrom(first + index * BATCH));
        await Promise.all(batches.map((batch) => post(`${url}/v1/traps`, batch, json)));
        const dueMs = STORM_SECONDS > 0 ? beganMs + (first / PER_SECOND) * 1000 : 0;
        await pause(Math.max(0, dueMs - performance.now()), never.signal);
        // By then every name was heard, and the garbage of the monitor has found its level.
        const settledAt =
          STORM_SECONDS > 0 ? Math.floor(sent / (8 * BATCH)) * 4 * BATCH : 320 * BATCH;
        if (first === settledAt) settledBytes = residentBytes(running.pid);
      }
      // What comes again is known again.
      await post(`${url}/v1/traps`, batchFrom(sent - BATCH), json);
      state.isOver = true;
      const seen = await monitor;
      assert.equal(new Set(seen).size, seen.length, 'a monitor saw something twice');
      assert.ok(seen.includes('the end'));
      assert.ok(state.answers >= 5, `${state.answers} answers`);
      const text = await post(url, ask('getCounters'), 'text/xml');
      const counters = Object.fromEntries(
        [...text.matchAll(/<name>(\w+)<\/name><value><double>([\d.]+)</g)].map(
          ([, name, value]) => [name, Number(value)],
        ),
      );
      const { received, stored, duplicate, suppressed, dropped, denied, malformed } = counters;
      assert.equal(received, 1 + sent + BATCH);
      assert.equal(stored! + duplicate! + suppressed! + dropped! + denied! + malformed!, received);
      assert.equal(duplicate, BATCH);
      assert.equal(stored! - counters.evicted!, counters.kept);
      assert.deepEqual([counters.kept, counters.nodes], [250, NODES]);
      // Garbage of the last batches may lie about for a while; what is kept for ever does not go.
      let grownBytes = Infinity;
      for (let look = 0; look < 50 && grownBytes >= MOST_GROWN_BYTES; look++) {
        if (look > 0) await pause(200, never.signal);
        grownBytes = residentBytes(running.pid) - settledBytes;
      }
      assert.ok(grownBytes < MOST_GROWN_BYTES, `it grew by ${grownBytes >> 20} MiB`);
      const kept = await post(
        url,
        ask('getTraps', '<param><value><int>0</int></value></param>'),
        'text/xml',
      );
      assert.match(kept, /the end/);
      process.kill(running.pid, 'SIGTERM');
      assert.equal((await running.ended).code, 0);
    }));
});
