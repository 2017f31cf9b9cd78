import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { NO_DEALINGS, NO_ISOLATION, NO_LIFE, NO_MATCHING } from '#model';
import type { SweepOptions } from '../arguments/options.ts';
import { elf, folder, md5, read, script, sha256, write } from './sweep-world.ts';

test('the sweep file of the guide becomes a complete job', async () => {
  const plan = await read(`
name       = "ising"
command    = "./ising --beta $beta --seed $seed"
parameters = "grid.csv"
retries    = 2
timeout    = "10 min"
validate   = "./validate.ts"
collect    = "blockwise"
output     = "results"

[programs]
"linux-x64" = "build/ising-x64"
"linux-arm64" = "build/ising-arm64"

[inputs]
"model.ini" = { template = "model.ini.in" }
"lattice.dat" = { parameter = "lattice" }
"table.bin" = { file = "table.bin" }
"stdin" = { parameter = "deck" }

[results]
energy = "stdout"
field  = "out.dat"

[request]
cpus = 1
memory = "512 MB"
disk = "1 GB"
time = "20 min"
`);
  const program = (platform: string, machine: number) => {
    const content = elf(machine);
    return { platform, sha256: sha256(content), md5: md5(content), bytes: 64 };
  };
  assert.deepEqual(plan.spec, {
    name: 'ising',
    command: { kind: 'shell', template: './ising --beta $beta --seed $seed' },
    axes: [{ kind: 'file', table: 'local:0' }],
    inputs: [
      { name: 'model.ini', from: { kind: 'template', blob: sha256('beta = $beta\n'), bytes: 13 } },
      { name: 'lattice.dat', from: { kind: 'parameter', column: 'lattice' } },
      {
        name: 'table.bin',
        from: {
          kind: 'file',
          blob: sha256(Buffer.from([0, 1, 2])),
          bytes: 3,
          writable: false,
          executable: false,
        },
      },
      { name: 'stdin', from: { kind: 'parameter', column: 'deck' } },
    ],
    results: [
      { name: 'energy', from: { kind: 'stdout' }, required: true },
      { name: 'field', from: { kind: 'file', path: 'out.dat' }, required: true },
    ],
    programName: 'ising',
    programs: [program('linux-x64', 62), program('linux-arm64', 183)],
    references: [],
    environment: {},
    directory: { kind: 'scratch' },
    retries: 2,
    retryByCause: {},
    timeoutMs: 600_000,
    killGraceMs: 5000,
    idempotent: true,
    isolation: NO_ISOLATION,
    request: {
      cpus: 1,
      memoryBytes: 512e6,
      diskBytes: 1e9,
      processes: 0,
      gpus: 0,
      timeMs: 1_200_000,
    },
    validate: {
      kind: 'module',
      path: join(folder, 'validate.ts'),
      sha256: sha256('export default () => true;\n'),
    },
    validateTimeoutMs: 60_000,
    collect: { kind: 'blockwise' },
    order: 'table',
    keep: 'packed',
    output: join(folder, 'results'),
    logBytes: 2 ** 20,
    resultBytes: 2 ** 30,
    deleteWorker: false,
    deleteClient: false,
    priority: 0,
    ...NO_MATCHING,
    ...NO_DEALINGS,
    ...NO_LIFE,
  });
  assert.deepEqual(plan.tables, [
    { path: join(folder, 'grid.csv'), file: 'grid.csv', format: 'csv' },
  ]);
  assert.deepEqual(plan.columns, ['beta', 'seed', 'lattice', 'deck']);
  assert.deepEqual(
    plan.blobs.map(({ path, executable }) => [path, executable]),
    [
      [join(folder, 'build/ising-x64'), true],
      [join(folder, 'build/ising-arm64'), true],
      [join(folder, 'model.ini.in'), false],
      [join(folder, 'table.bin'), false],
      [join(folder, 'validate.ts'), false],
    ],
  );
  assert.deepEqual(plan.warnings, []);
});

test('every other key has its place in the job', async () => {
  const plan = await read(`
command = ["./ising", "$beta"]
kill-grace = "1 s"
validate = { expression = "ExitCode == 0" }
validate-timeout = "5 s"
collect = { formats = ["csv", "parquet"] }
order = "completion"
keep = "files"
idempotent = false
delete-worker = true
delete-client = true
log-size = "2 MiB"
result-size = "3 MiB"
priority = 7
timeout = "none"
[retry]
timeout = 0
memory = 3
[parameters.range]
beta = { from = 1, to = "2", step = 0.5 }
[parameters.set]
seed = [1, "two", 3.5, true, 9223372036854775807]
[environment]
MODE = "fast-$seed"
N = 3
[results]
logs = { glob = "*.log", required = false }
out = { from = "\${seed}.dat" }
more = "part-[0-9]"
`);
  const { spec } = plan;
  assert.deepEqual(spec.command, { kind: 'argv', template: ['./ising', '$beta'] });
  assert.deepEqual(spec.axes, [
    { kind: 'range', column: 'beta', from: '1', to: '2', step: '0.5' },
    {
      kind: 'values',
      columns: ['seed'],
      rows: [['1'], ['two'], ['3.5'], ['true'], ['9223372036854775807']],
    },
  ]);
  assert.deepEqual(spec.validate, { kind: 'expression', text: 'ExitCode == 0' });
  assert.deepEqual(spec.collect, { kind: 'table', formats: ['csv', 'parquet'] });
  assert.deepEqual(spec.retryByCause, { timeout: 0, memory: 3 });
  assert.deepEqual(spec.environment, { MODE: 'fast-$seed', N: '3' });
  assert.deepEqual(spec.results, [
    { name: 'logs', from: { kind: 'glob', pattern: '*.log' }, required: false },
    { name: 'out', from: { kind: 'file', path: '${seed}.dat' }, required: true },
    { name: 'more', from: { kind: 'glob', pattern: 'part-[0-9]' }, required: true },
  ]);
  const { killGraceMs, validateTimeoutMs, logBytes, resultBytes, timeoutMs, priority } = spec;
  assert.deepEqual(
    [killGraceMs, validateTimeoutMs, logBytes, resultBytes, timeoutMs, priority],
    [1000, 5000, 2 * 2 ** 20, 3 * 2 ** 20, 0, 7],
  );
  const { order, keep, idempotent, deleteWorker, deleteClient } = spec;
  assert.deepEqual(
    [order, keep, idempotent, deleteWorker, deleteClient],
    ['completion', 'files', false, true, true],
  );
});

test('axes keep the order in which they are written', async () => {
  const plan = await read(`
command = "echo $seed $beta $line \${2}"
[parameters]
lines = "model.ini.in"
[parameters.set]
seed = [1]
2 = [5]
[parameters.range]
beta = "1..2"
`);
  assert.deepEqual(plan.columns, ['line', 'seed', '2', 'beta']);
});

test('[cluster] names a list of machines beside the sweep, or is the list itself', async () => {
  const head = 'command = "true"\nparameters = "grid.csv"\n[cluster]\n';
  const usual = { atLeast: undefined, advertise: '', slots: 0, directory: '', walls: undefined };
  assert.deepEqual((await read(`${head}nodes = "rack/nodes.txt"\n`)).cluster, {
    ...usual,
    nodes: { kind: 'file', path: join(folder, 'rack/nodes.txt'), name: 'rack/nodes.txt' },
  });
  const more = 'at-least = 2\nadvertise = "head:1"\nslots = 4\ndir = "/scratch"\nwalls = "full"\n';
  assert.deepEqual((await read(`${head}nodes = [\n"n1",\n"n2 slots=2"]\n${more}`)).cluster, {
    nodes: {
      kind: 'lines',
      lines: [
        { text: 'n1', where: 'sweep.toml:4 ([cluster] "nodes" item 1)' },
        { text: 'n2 slots=2', where: 'sweep.toml:4 ([cluster] "nodes" item 2)' },
      ],
    },
    atLeast: 2,
    advertise: 'head:1',
    slots: 4,
    directory: '/scratch',
    walls: 'full',
  });
  assert.equal((await read('command = "true"\nparameters = "grid.csv"\n')).cluster, null);
});

test('options of the command line replace keys and are named in messages', async () => {
  write('below/ising', script, 0o755);
  const toml = `command = "./ising $beta"
parameters = "grid.csv"
retries = 1
[request]
cpus = 2
memory = "1 GB"
[environment]
A = "1"
[results]
a = "out"
`;
  const options: SweepOptions = {
    axes: [{ kind: 'range', text: 'beta=1..3' }],
    retries: '5',
    cpus: '0.5',
    environment: ['B=x=y'],
    results: ['b=stderr'],
    output: 'elsewhere',
  };
  const { spec } = await read(toml, options, 'below/sweep.toml').catch((error: unknown) => {
    throw error;
  });
  assert.equal(spec.retries, 5);
  assert.deepEqual(spec.request, {
    cpus: 0.5,
    memoryBytes: 1e9,
    diskBytes: 0,
    processes: 0,
    gpus: 0,
    timeMs: 0,
  });
  assert.deepEqual(spec.environment, { A: '1', B: 'x=y' });
  assert.deepEqual(spec.results, [{ name: 'b', from: { kind: 'stderr' }, required: true }]);
  assert.equal(spec.output, join(folder, 'elsewhere'));
  assert.deepEqual(spec.axes, [{ kind: 'range', column: 'beta', from: '1', to: '3', step: '1' }]);
  assert.equal(spec.name, 'sweep');
  await assert.rejects(read('command = "x"\n', { retries: 'many' }), {
    message: '--retries: found "many", expected a whole number from 0 to 1000000',
  });
  await assert.rejects(read('command = "x"\n', { results: ['oops'] }), {
    message: '--result: found "oops", expected NAME=VALUE',
  });
});

test('paths are relative to the sweep file, and a program is shipped by its own name', async () => {
  write('deep/tools/prog', script, 0o755);
  const plan = await read('command = "A=1 tools/prog x"\n', {}, 'deep/sweep.toml');
  assert.deepEqual(plan.spec.command, { kind: 'shell', template: 'A=1 ./prog x' });
  assert.equal(plan.spec.programName, 'prog');
  assert.deepEqual(
    plan.spec.programs.map(({ platform }) => platform),
    ['any'],
  );
  const binary = await read('command = ["build/ising-x64", "$$1"]\n');
  assert.deepEqual(binary.spec.command, { kind: 'argv', template: ['./ising-x64', '$$1'] });
  assert.equal(binary.spec.programs[0]?.platform, 'linux-x64');
});

test('the builds of [programs] stand for the word that the command begins with', async () => {
  const name = async (command: string, programs: string) => {
    const { spec } = await read(`command = "${command}"\n[programs]\n${programs}\n`);
    return [spec.programName, spec.command.template];
  };
  const builds = 'linux-x64 = "build/ising-x64"\nlinux-arm64 = "build/ising-arm64"';
  assert.deepEqual(await name('ising --fast', builds), ['ising', './ising --fast']);
  assert.deepEqual(await name('bin/ising', builds), ['ising', './ising']);
  assert.deepEqual(await name('python3 ising', 'any = "ising"'), ['ising', 'python3 ising']);
  assert.deepEqual(await name('ising 1', 'any = "ising"'), ['ising', './ising 1']);
});

test('files the command names key re-runs, and a missing one in scratch is warned about', async () => {
  write('bin/tool', script, 0o755);
  write('sim.py', 'print(1)\n');
  const plan = await read('command = "tool sim.py $beta"\nparameters = "grid.csv"\n');
  assert.deepEqual(plan.spec.references, [
    { path: 'tool', sha256: sha256(script) },
    { path: 'sim.py', sha256: sha256('print(1)\n') },
  ]);
  assert.deepEqual(plan.warnings, [
    'the command names sim.py, which will not be in the directory of the attempts: ' +
      'add it to [inputs], e.g. "sim.py" = { file = "sim.py" }',
    ...['seed', 'lattice', 'deck'].map(
      (column) => `the column "${column}" of the parameters is used by no placeholder`,
    ),
  ]);
  for (const name of ['log', 'err', 'all']) write(name, 'of the last time\n');
  const written = await read('command = "tool <sim.py >> log 2>err &>all"\n');
  assert.deepEqual(
    written.spec.references.map(({ path }) => path),
    ['tool', 'sim.py'],
  );
  const submit = await read('command = "tool sim.py"\ndirectory = "submit"\n');
  assert.deepEqual(submit.warnings, []);
  assert.deepEqual(submit.spec.directory, { kind: 'submit', path: folder });
});

test('a command that gives values to another shell is warned about', async () => {
  const warnings = async (command: string) =>
    (await read(`command = '''${command}'''\n[parameters.set]\nx = [1]\n`)).warnings;
  assert.match((await warnings("sh -c 'echo $x'")).join(), /"sh -c", which reads them once more/);
  assert.match((await warnings('eval $x')).join(), /"eval"/);
  assert.match((await warnings('ssh host ls $x')).join(), /"ssh"/);
  assert.match((await warnings('trap "rm $x" EXIT; ls')).join(), /"trap"/);
  for (const safe of ['echo $x', 'sh -c "echo \\"$$1\\"" sh $x', 'sh run.sh -c $x']) {
    assert.deepEqual(await warnings(safe), [], safe);
  }
  // Words without a shell are not quoted for one.
  const ofWords = async (...words: string[]) =>
    (await read(`command = ${JSON.stringify(words)}\n[parameters.set]\nx = [1]\n`)).warnings;
  assert.match((await ofWords('env', '/bin/bash', '-ec', 'echo $x')).join(), /"bash -ec"/);
  assert.match((await ofWords('ssh', 'host', 'ls $x')).join(), /"ssh"/);
  assert.deepEqual(await ofWords('sh', '-c', 'echo "$$1"', 'sh', '$x'), []);
  assert.deepEqual(await ofWords('ssh', '$x', 'uptime'), []);
});
