/**
 * Each file in descriptions/ begins with what is to come of it, a line each: `#= tasks 4`, `#= first` and
 * `#= last` command line, `#= refused LINE WORDS` …
 */
import assert from 'node:assert/strict';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WindrowError } from '#base';
import { cellsShown, columnsGiven, type JobSpec, stagedFiles } from '#model';
import type { SweepPlan } from '../plan/draft.ts';
import { openRows } from '../rows/source.ts';
import { compileCommand } from '../template/command.ts';
import { logPathOf } from '../template/log-path.ts';
import { compileText } from '../template/text.ts';
import { adTexts } from './dry-run.ts';
import { readSubmitFile } from './submit-file.ts';

const source = join(import.meta.dirname, 'descriptions');
const folder = mkdtempSync(join(tmpdir(), 'windrow-descriptions-'));
after(() => rmSync(folder, { recursive: true }));
cpSync(source, folder, { recursive: true });
const write = (name: string, content: string, mode = 0o644) => {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), content, { mode });
};
for (const name of ['hello.sh', 'tool.sh', 'bin/solver', 'sim.LINUX.X86_64', 'sim.LINUX.aarch64'])
  write(name, '#!/bin/sh\necho "$@"\n', 0o755);
for (const n of [1, 2, 3]) write(`data/${n}.dat`, `data ${n}\n`);
write('items.txt', '# name number\na 1\nb 2\nc 3\n');
write('table.txt', 'beta seed\n0.4 11\n0.5 12\n');
write('train.py', 'print(1)\n');
write('run_a/input.txt', 'a\n');
write('run_b/input.txt', 'b\n');
write('common.inc', 'word = included\nexecutable = hello.sh\n');

const COMMANDS: Readonly<Record<string, string>> = {
  'ls data/*.dat': 'data/1.dat\ndata/2.dat\ndata/3.dat\n',
  'echo "said = printed"': 'said = printed\n',
};

function plan(file: string): Promise<readonly SweepPlan[]> {
  return readSubmitFile(file, {
    cwd: folder,
    platform: 'linux-x64',
    searchPath: '/usr/bin:/bin',
    environment: { HOME: '/home/ada', PATH: '/usr/bin' },
    now: () => 1_700_000_000_000,
    salt: '',
    runCommand: async (line) => COMMANDS[line] ?? assert.fail(`nobody knows ${line}`),
  });
}

interface Tasks {
  readonly spec: JobSpec;
  readonly commands: readonly string[];
  readonly rows: ReturnType<typeof openRows>;
  readonly warnings: readonly string[];
}

function tasksOf({ spec, warnings }: SweepPlan): Tasks {
  const rows = openRows(spec.axes, () => assert.fail('no table was expected'));
  const command = compileCommand(spec.command, columnsGiven(spec, rows.columns), undefined, 1);
  const commands = rows
    .rows(0, rows.count)
    .map((cells, task) => command.expand(cellsShown(spec, cells), task).argv.map(plain).join(' '));
  return { spec, commands, rows, warnings };
}

/** Words that a reader could take for several stand in quotes of JSON. */
function shown(word: string): string {
  return /^[\w./:=,@%+$\\-]+$/.test(word) ? word : JSON.stringify(word);
}

/** Values of the machine are told as they are written. */
function plain(word: string): string {
  return word.startsWith('$$(') ? word : shown(word);
}

function pathsOf({ spec, rows }: Tasks, result: string): string[] {
  const place = spec.place!.files.find((one) => one.result === result);
  const text = compileText(place!.to, rows.columns, undefined, 1);
  return rows.rows(0, rows.count).map((cells, task) => text.expand(cells, task));
}

type Check = (words: string, jobs: readonly Tasks[]) => void;

const CHECKS: Readonly<Record<string, Check>> = {
  tasks: (words, jobs) =>
    assert.equal(jobs.flatMap(({ commands }) => commands).length, Number(words)),
  jobs: (words, jobs) => assert.equal(jobs.length, Number(words)),
  first: (words, [job]) => assert.equal(job!.commands[0], words),
  last: (words, jobs) => assert.equal(jobs.at(-1)!.commands.at(-1), words),
  name: (words, [job]) => assert.equal(job!.spec.name, words),
  memory: (words, [job]) => assert.equal(job!.spec.request.memoryBytes, Number(words)),
  directory: (words, [job]) => assert.equal(job!.spec.directory.kind, words),
  policy(words, [job]) {
    const [name = '', ...rest] = words.split(' ');
    assert.equal(job!.spec.policy.rules[name as 'periodicHold']?.when, rest.join(' '));
  },
  log(words, [job]) {
    const { spec, rows } = job!;
    const last = rows.count - 1;
    const path = logPathOf(spec.eventLog!, rows.columns, 1)(rows.row(last), last);
    assert.equal(path, join(folder, words));
  },
  grows(words, [job]) {
    const [cause = '', ...steps] = words.split(' ');
    assert.deepEqual(job!.spec.growth[cause as 'memory'], { steps: steps.map(Number) });
    assert.equal(job!.spec.retryByCause[cause as 'memory'], steps.length);
  },
  warns(words, jobs) {
    const [line = '', name = ''] = words.split(' ');
    const told = jobs.flatMap(({ warnings }) => warnings);
    assert.ok(
      told.some((one) => one.includes(`:${line}: ${name} `)),
      told.join('\n'),
    );
  },
  chirp: (words, [job]) => assert.equal(job!.spec.chirp.io, words === 'io'),
  env(words, [job]) {
    const [name = ''] = words.split('=');
    assert.equal(`${name}=${job!.spec.environment[name]}`, words);
  },
  attribute(words, [job]) {
    const [name = '', ...value] = words.split(' ');
    assert.equal(job!.spec.attributes[name], value.join(' '));
  },
  place(words, [job]) {
    const [result = '', path = ''] = words.split(' ');
    assert.equal(pathsOf(job!, result).at(-1), join(folder, path));
  },
  results(words, [job]) {
    const files = job!.spec.results.flatMap(({ from }) =>
      from.kind === 'tree' ? [from.path] : [],
    );
    const last = job!.rows.row(job!.rows.count - 1);
    const found = files.map((path) => compileText(path, job!.rows.columns).expand(last, 0));
    assert.deepEqual(found, words === '' ? [] : words.split(' '));
    assert.ok(!job!.spec.results.some(({ from }) => from.kind === 'changed'));
  },
  url(words, [job]) {
    const [name = '', url = ''] = words.split(' ');
    const found = job!.spec.inputs.find((one) => one.name === name)?.from;
    assert.equal(found?.kind === 'url' && found.url, url);
  },
  plugin(words, [job]) {
    const [name = '', plugin = ''] = words.split(' ');
    const found = job!.spec.inputs.find((one) => one.name === name)?.from;
    assert.equal(found?.kind === 'plugin' && found.plugin.name, plugin);
  },
  builds(words, [job]) {
    assert.deepEqual(
      job!.spec.programs.map(({ platform }) => platform),
      words.split(' '),
    );
  },
  files(words, [job]) {
    const [input, cell = '', name = ''] = words.split(' ');
    const found = job!.spec.inputs.find((one) => one.name === input)?.from;
    assert.ok(found?.kind === 'files');
    assert.deepEqual(
      found.files[cell]?.map((file) => file.name),
      [name],
    );
    for (const cells of job!.rows.rows(0, job!.rows.count)) {
      assert.equal(stagedFiles(found, job!.rows.columns, cells).length, 1);
    }
  },
};

const expectations = readdirSync(source).map((file) => {
  const lines = readFileSync(join(source, file), 'utf8').match(/^#= .*$/gm) ?? [];
  const expected = lines.map((line) => line.slice(3).split(/ (.*)/s) as [string, string?]);
  return { file, expected };
});

for (const { file, expected } of expectations) {
  const refused = expected.filter(([what]) => what === 'refused').map(([, words]) => words!);
  if (refused.length > 0) {
    test(`${file} is refused by line and name, for all that is wrong at once`, async () => {
      const error = await plan(file).then(
        () => assert.fail('it was taken'),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof WindrowError, String(error));
      for (const words of refused) {
        const [line, ...rest] = words.split(' ');
        const told: string[] = error.message
          .split('\n')
          .filter((one) => one.includes(`${file}:${line}`));
        assert.ok(
          told.some((one) => one.includes(rest.join(' '))),
          `${words}\n${error.message}`,
        );
      }
      const count = error.facts.count ?? 1;
      assert.equal(count, refused.length, error.message);
    });
    continue;
  }
  test(`${file} makes the tasks that its writer meant`, async () => {
    assert.ok(expected.length > 0, 'it says nothing of what is expected');
    const plans = await plan(file);
    const jobs = plans.map(tasksOf);
    for (const [what, words = ''] of expected) CHECKS[what]!(words, jobs);
    const warnings = plans.flatMap((one) => one.warnings);
    assert.equal(warnings.length, expected.filter(([what]) => what === 'warns').length);
    for (const { spec } of plans)
      assert.ok([...adTexts(spec, 0)].every((ad) => /^ProcId = /m.test(ad)));
  });
}

test('random numbers are others for each task, and the same when the same text is read again', async () => {
  const lines = async () =>
    (await plan('random-seeds.sub')).flatMap((one) => tasksOf(one).commands);
  const first = await lines();
  assert.ok(new Set(first).size > 1);
  for (const line of first) assert.match(line, /^\.\/hello\.sh --seed [1-9]\d{3} --mode [abc]$/);
  assert.deepEqual(await lines(), first);
});

test('an executable among the input files stays one', async () => {
  const [planned] = await plan('executable-input.sub');
  const [input] = planned!.spec.inputs;
  assert.ok(input?.from.kind === 'files');
  const files = input.from.files[''] ?? [];
  assert.deepEqual(
    files.map(({ name, executable }) => [name, executable]),
    [
      ['tool.sh', true],
      ['items.txt', false],
    ],
  );
});

test('a thousand tasks that only count are a range, not a thousand rows', async () => {
  write('many.sub', 'executable = hello.sh\narguments = $(Process)\nqueue 1000\n');
  const [planned] = await plan('many.sub');
  assert.deepEqual(planned!.spec.axes, [
    { kind: 'range', column: 'Process', from: '0', to: '999', step: '1' },
  ]);
});

/** Words, variables, places and results of one task. */
function at({ spec }: SweepPlan, task: number): string[] {
  const { columns, ...rows } = openRows(spec.axes, () => assert.fail('no table was expected'));
  const cells = cellsShown(spec, rows.row(task));
  const text = (template: string) =>
    compileText(template, columnsGiven(spec, columns), undefined, 1).expand(cells, task);
  const command = compileCommand(spec.command, columnsGiven(spec, columns), undefined, 1);
  return [
    ...command.expand(cells, task).argv,
    ...Object.values(spec.environment).map(text),
    ...spec.place!.files.flatMap(({ from, to }) => [text(from), text(to)]),
    ...spec.results.flatMap(({ from }) => ('path' in from ? [text(from.path)] : [])),
  ];
}

test('a million tasks that differ in their number are told by one of them', async () => {
  const description = (count: number, name: string, more = '') => {
    const lines = [
      'executable = hello.sh',
      'step = st$(Process)ep',
      'arguments = --n $(Process) "$$([TARGET.Cpus])" --of $(step) $(Cluster).$(ProcId)',
      'environment = "A=$(Process) B=\'$$x $(Process)\'"',
      'output = out/$(Process).txt',
      'transfer_output_files = res_$(Process).dat',
      'transfer_output_remaps = "res_$(Process).dat = all/$(Process)"',
      more,
      `queue ${count}`,
    ].map((line) => line.replace('"$$([TARGET.Cpus])"', '$$(Cpus)'));
    write(`${name}.sub`, lines.join('\n'));
    return plan(`${name}.sub`);
  };
  const before = process.memoryUsage().rss;
  const [million] = await description(1_000_000, 'million');
  assert.ok(process.memoryUsage().rss - before < 300 * 2 ** 20);
  const [few] = await description(20, 'few');
  for (const task of [0, 7, 19]) assert.deepEqual(at(million!, task), at(few!, task));
  assert.equal(at(million!, 999_999)[2], '999999');
  // What is computed of the number is looked at one by one.
  const [padded] = await description(10_000, 'padded', 'arguments = $INT(Process,%05d)');
  assert.equal(at(padded!, 42)[1], '00042');
});

test('tasks of many items are told by one of them, and as each by itself where items are no plain words', async () => {
  const description = (name: string, rows: readonly string[], more = '') => {
    write(`${name}.txt`, `${rows.join('\n')}\n`);
    const lines = [
      'executable = hello.sh',
      'arguments = "-x=$(x)$(n) \'$(Process) of $(Row)\' $(Step)"',
      'environment = "X=$(x) N=$$(Memory)$(n)"',
      'output = out/$(x).$(n).txt',
      more,
      `queue x,unused,n from ${name}.txt`,
    ];
    write(`${name}.sub`, lines.join('\n'));
    return plan(`${name}.sub`);
  };
  const rows = Array.from({ length: 10_000 }, (_, n) => `x${n} some ${n % 7}.5`);
  const [many] = await description('items', rows);
  const [few] = await description('few-items', rows.slice(0, 20));
  for (const task of [0, 7, 19]) assert.deepEqual(at(many!, task), at(few!, task));
  const [axis] = many!.spec.axes;
  assert.deepEqual(axis?.kind === 'values' && axis.columns, ['Process', 'x', 'n']);
  assert.ok(at(many!, 9_999).includes('-x=x99993.5'));
  // Words in quotes, and paths, are looked at one by one.
  const odd = rows.with(5, `"" some 3`).with(6, 'a/../b some 4');
  const [quotes] = await description('quotes', odd);
  assert.ok(at(quotes!, 5).includes('-x="3'));
  assert.ok(at(quotes!, 6).includes(join(folder, 'out/b.4.txt')));
});
