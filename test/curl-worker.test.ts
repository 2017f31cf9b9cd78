import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, it } from 'node:test';
import { environmentIn, type Installation, installForTest } from './installed-program.ts';

let place: Installation;
const children: ChildProcess[] = [];
before(() => {
  place = installForTest();
});
after(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
  place.remove();
});

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** Resolves with the first line of stderr that matches; rejects when the program ends first. */
  saying(pattern: RegExp): Promise<RegExpMatchArray>;
}

function start(...[file, ...args]: string[]): Running {
  const env = { ...environmentIn(place.directory), WINDROW_GIVE_UP: '20' };
  const child = spawn(file!, args, {
    cwd: place.directory,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  const lines: string[] = [];
  const reader = createInterface(child.stderr!);
  reader.on('line', (line) => lines.push(line));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const saying = async (pattern: RegExp): Promise<RegExpMatchArray> => {
    for (let at = 0; ; at++) {
      while (at >= lines.length) {
        const more = await Promise.race([once(reader, 'line'), ended.then(() => null)]);
        if (more === null)
          assert.fail(`${file} ended without saying ${pattern}:\n${lines.join('\n')}`);
      }
      const found = pattern.exec(lines[at]!);
      if (found) return found;
    }
  };
  return { child, ended, saying };
}

it('a sweep without slots of its own is computed by a worker of curl and sh', async () => {
  writeFileSync(
    join(place.directory, 'sweep.toml'),
    `
command = "./count.sh $word < deck.txt && printf '%s' $word >&2"
collect = "table"
output = "out"
[parameters]
set = { word = ["a b", "it's", "$(reboot)", "-n"] }
[programs]
any = "count.sh"
[inputs]
"deck.txt" = { template = "deck.in" }
[results]
words = "stdout"
said = "stderr"
`,
  );
  writeFileSync(join(place.directory, 'deck.in'), 'one two $word\n');
  const program = '#!/bin/sh\nprintf "%s:%s\\n" "$1" "$(wc -w | tr -d " ")"\n';
  writeFileSync(join(place.directory, 'count.sh'), program, { mode: 0o755 });

  const run = start('bin/windrow', 'run', 'sweep.toml', '--slots', '0', '--listen', '127.0.0.1:0');
  const [, url] = await run.saying(/serving (http:\S+)/);
  const session = join(place.directory, 'out', '.windrow', 'session');
  const job = run.saying(/results are in/);
  const worker = start('sh', 'examples/curl-worker/worker.sh', url!, session, 'scratch');
  await job;
  assert.equal(await run.ended, 0);
  const table = readFileSync(join(place.directory, 'out', 'results.csv'), 'utf8');
  assert.equal(
    table,
    "word,words,said\na b,a b:4,a b\nit's,it's:3,it's\n$(reboot),$(reboot):3,$(reboot)\n-n,-n:3,-n\n",
  );
  assert.equal(await worker.ended, 0);
  const left = readdirSync(join(place.directory, 'scratch'));
  assert.deepEqual(
    left.filter((name) => name !== 'windrow-programs'),
    [],
  );
});
