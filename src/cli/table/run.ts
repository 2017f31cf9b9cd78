import type { CommandAction, CommandSpec } from '../command.ts';
import { FIND_SERVER, json, log, whichServer } from './shared-options.ts';

export const run = {
  name: 'run',
  summary: 'Run a program once for each row of a parameter table.',
  arguments: [
    {
      usage: '[sweep]',
      doc: 'A sweep file (TOML) or a submit description of HTCondor, instead of `-- COMMAND`.',
    },
  ],
  takesCommand: true,
  options: {
    parameters: {
      kind: 'axis',
      flags: '--parameters <file>',
      doc: 'Rows from a file: cells separated by |, or .csv, .tsv, .jsonl; - is stdin.',
    },
    range: {
      kind: 'axis',
      flags: '--range <name=from..to[..step]>',
      doc: 'A column of numbers, both ends included.',
    },
    set: { kind: 'axis', flags: '--set <name=a,b,…>', doc: 'A column of the given values.' },
    eachLine: {
      kind: 'axis',
      flags: '--each-line <file>',
      doc: 'One row for each line, in the column `line`; - is stdin.',
    },
    result: {
      kind: 'list',
      flags: '--result <name=source>',
      doc: 'A result: stdout, stderr, a file or a glob. May be repeated.',
    },
    input: {
      kind: 'list',
      flags: '--input <name=file|url>',
      doc: 'What each attempt finds under this name. May be repeated.',
    },
    env: {
      kind: 'list',
      flags: '--env <name=value>',
      doc: 'A variable of the environment of every attempt. May be repeated.',
    },
    collect: {
      kind: 'text',
      flags: '--collect <how>',
      doc: 'concat, blockwise, table, none, or a module of yours.',
    },
    validate: {
      kind: 'text',
      flags: '--validate <file>',
      doc: 'A module or executable that checks the results of each attempt.',
    },
    validateExpression: {
      kind: 'text',
      flags: '--validate-expression <text>',
      doc: 'An expression over parameters and results that is true when they are good.',
    },
    retries: {
      kind: 'whole',
      flags: '--retries <n>',
      doc: 'How often a task is tried again after the program failed.',
    },
    timeout: {
      kind: 'duration',
      flags: '--timeout <duration>',
      doc: 'Longest time of one attempt, like "10 min"; none: no limit.',
    },
    name: { kind: 'text', flags: '--name <text>', doc: 'Name of the job.' },
    directory: {
      kind: 'choice',
      flags: '--directory <where>',
      choices: ['scratch', 'submit'],
      doc: 'Where attempts run: in a directory of their own, or in the current one.',
    },
    order: {
      kind: 'choice',
      flags: '--order <order>',
      choices: ['table', 'completion'],
      doc: 'Order of the collected results.',
    },
    keep: {
      kind: 'choice',
      flags: '--keep <form>',
      choices: ['packed', 'files'],
      doc: 'Keep results in a few files, or in one folder per task.',
    },
    cpus: { kind: 'number', flags: '--cpus <n>', doc: 'CPUs that one attempt needs.' },
    memory: { kind: 'bytes', flags: '--memory <size>', doc: 'Memory that one attempt may use.' },
    disk: { kind: 'bytes', flags: '--disk <size>', doc: 'Disk that one attempt may use.' },
    processes: {
      kind: 'whole',
      flags: '--processes <n>',
      doc: 'Processes and threads that one attempt may have at once.',
    },
    gpus: { kind: 'whole', flags: '--gpus <n>', doc: 'GPUs that one attempt needs, whole ones.' },
    time: {
      kind: 'duration',
      flags: '--time <duration>',
      doc: 'How long one attempt takes at most: workers that end too soon do not start it.',
    },
    walls: {
      kind: 'text',
      flags: '--walls <level>',
      doc: 'What keeps attempts apart: bare, tracked, private, full, or walls by name.',
    },
    network: {
      kind: 'choice',
      flags: '--network <kind>',
      choices: ['host', 'none', 'accounted'],
      doc: 'The network of attempts: of the machine, none, or their own, counted by the byte.',
    },
    root: {
      kind: 'text',
      flags: '--root <name>',
      doc: 'Root of the machine that attempts run in.',
    },
    priority: {
      kind: 'whole',
      flags: '--priority <n>',
      least: -1_000_000,
      doc: 'Of the jobs of one owner those with a larger one go first.',
    },
    requirements: {
      kind: 'text',
      flags: '--requirements <expr>',
      doc: "What must be true of a machine for attempts to run there, like 'TARGET.Memory > 4000'.",
    },
    rank: {
      kind: 'text',
      flags: '--rank <expr>',
      doc: 'Of the machines that will do, those with a larger value are taken first.',
    },
    attribute: {
      kind: 'list',
      flags: '--attribute <name=expr>',
      doc: 'An attribute of the job, for policies and constraints. May be repeated.',
    },
    concurrencyLimit: {
      kind: 'list',
      flags: '--concurrency-limit <name[:n]>',
      doc: "How much of one of the server's limits an attempt takes. May be repeated.",
    },
    accountingGroup: {
      kind: 'text',
      flags: '--accounting-group <name>',
      doc: 'Group that the use counts for in the fair share.',
    },
    output: { kind: 'text', flags: '--output <dir>', doc: 'Directory for the results.' },
    again: {
      kind: 'flag',
      flags: '--again',
      doc: 'Start afresh instead of going on with an earlier run.',
    },
    whyRerun: {
      kind: 'flag',
      flags: '--why-rerun',
      doc: 'Say which rows would run again and why; run nothing.',
    },
    dryRun: {
      kind: 'flag',
      flags: '--dry-run',
      doc: 'Check everything and show the first commands; run nothing.',
    },
    quiet: {
      kind: 'flag',
      flags: '-q, --quiet',
      doc: 'No progress, and a summary only of failures.',
    },
    json: { ...json, doc: 'Print progress and summary as lines of JSON.' },
    slots: { kind: 'setting', setting: 'slots' },
    workerStarter: { kind: 'setting', setting: 'workerStarter' },
    policyFile: { kind: 'setting', setting: 'policyFile' },
    policyMs: { kind: 'setting', setting: 'policyMs' },
    listen: {
      kind: 'setting',
      setting: 'listen',
      doc: 'Let workers of other machines connect here; only as an option, not from settings files.',
    },
    insecure: { kind: 'setting', setting: 'insecure' },
    tls: { kind: 'setting', setting: 'tls' },
    tlsCertificate: { kind: 'setting', setting: 'tlsCertificate' },
    tlsKey: { kind: 'setting', setting: 'tlsKey' },
    nodes: {
      kind: 'text',
      flags: '--nodes <file>',
      doc: 'List of machines that take part: workers are started on them, and end with the run.',
    },
    atLeast: {
      kind: 'whole',
      flags: '--at-least <n>',
      least: 0,
      doc: 'With --nodes: run nothing unless so many machines come up (default: 1).',
    },
    advertise: { kind: 'setting', setting: 'advertise' },
    parallel: { kind: 'setting', setting: 'parallel' },
    connectTimeout: { kind: 'setting', setting: 'connectTimeoutMs' },
    executables: { kind: 'setting', setting: 'executables' },
    sessionFile: { kind: 'setting', setting: 'sessionFile' },
    ...whichServer,
    server: {
      kind: 'setting',
      setting: 'server',
      doc: 'Submit to this server instead of starting one (or WINDROW_SERVER).',
    },
    state: {
      kind: 'setting',
      setting: 'stateDirectory',
      doc: 'State directory of this run (default: .windrow in the output directory).',
    },
    ...log,
  },
  details: [
    'The rows are the cross product of all --parameters, --range, --set and --each-line, in the ' +
      'order in which they are written; or, as with GNU parallel, the values after :::.',
    'In COMMAND, $name is the cell of the column `name`. One word is a shell command, in which ' +
      'each value becomes exactly one word whatever it contains; several words are executed as ' +
      'they are, without a shell. With ::: the places are {}, {.}, {/}, {1}, {2} and so on.',
    'Running the same again goes on where it stopped, and runs only rows that are new, failed or ' +
      'changed.',
  ],
  examples: [
    { line: "windrow run --range seed=1..100 -- './ising --seed $seed'", does: '100 seeds' },
    {
      line: "windrow run --parameters grid.csv --retries 2 --timeout '10 min' -- ./ising --beta '$beta'",
      does: 'one run for each line of a table',
    },
    { line: 'windrow run -- gzip -k {} ::: *.txt', does: 'one run for each file' },
    { line: 'windrow run sweep.toml --slots 4', does: 'what a sweep file says, four at a time' },
    {
      line: 'windrow run sweep.toml --nodes nodes.txt',
      does: 'the same on these machines too',
    },
    { line: 'windrow run job.sub', does: 'what a submit description of HTCondor says' },
    { line: 'windrow run sweep.toml --why-rerun', does: 'say what would run again, and why' },
  ],
  exitCodes: {
    0: 'all tasks succeeded',
    1: 'some tasks failed, or their results could not be collected',
    2: 'the sweep, the command line or the settings were refused; nothing ran',
    3: 'interrupted; the same command goes on',
  },
  load: async (): Promise<CommandAction> => (await import('../commands/run.ts')).run,
} as const satisfies CommandSpec;

export const submit = {
  name: 'submit',
  summary: 'Submit a file to a server, and do not wait for its end.',
  arguments: [
    {
      usage: '<file>',
      doc: 'A submit description of HTCondor, or a sweep file (TOML); - is a description on stdin.',
    },
  ],
  options: {
    dryRun: {
      kind: 'flag',
      flags: '--dry-run',
      doc: 'Check everything and print the ad of each task; submit nothing.',
    },
    again: {
      kind: 'flag',
      flags: '--again',
      doc: 'Start a sweep afresh instead of going on with an earlier one; a description always is.',
    },
    quiet: { kind: 'flag', flags: '-q, --quiet', doc: 'Do not say how to go on.' },
    json,
    ...whichServer,
  },
  details: [
    'A file is a submit description when its name ends in .sub, .submit, .jdl, .jds or .condor, ' +
      'or when one of its lines is a queue statement. Commands of descriptions that Windrow does ' +
      'not support are refused by name and line, all of them at once.',
    'Output files are put where the description says by `windrow results JOB --place`; ' +
      '`windrow run job.sub` does so by itself at the end.',
    FIND_SERVER,
  ],
  examples: [
    { line: 'windrow submit job.sub', does: 'as condor_submit' },
    { line: 'make-jobs | windrow submit -', does: 'what another program writes' },
    { line: 'windrow submit job.sub --dry-run', does: 'the ads that it would have' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/submit.ts')).submit,
} as const satisfies CommandSpec;
