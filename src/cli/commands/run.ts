import { join, resolve } from 'node:path';
import { sharingOf } from '#base';
import type { Level } from '#model';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { SESSION_FILE, TOKEN_FILE } from '../find-server.ts';
import { logChoice } from '../log-choice.ts';
import { machineWish } from '../machine-wish.ts';
import type { RunOptions } from '../port.ts';
import type { run as spec } from '../table/run.ts';
import { tlsWishOf } from '../tls-wish.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

/** `windrow run` */
export async function run(input: Input, world: World): Promise<number> {
  checkWhatToRun(input);
  return await input.composition.run(runOptions(input, world), world);
}

function checkWhatToRun({ args, words, options }: Input): void {
  const wrong = (problem: string) =>
    cliErrors.create('USAGE_WRONG', { problem, help: 'windrow run --help' });
  if (args.length === 0 && words.length === 0) {
    throw wrong('nothing to run: give a sweep file, or a command after --');
  }
  if (args.length > 0 && words.length > 0) {
    throw wrong(`both a sweep file (${args[0]}) and a command after -- were given`);
  }
  if (options.validate !== undefined && options.validateExpression !== undefined) {
    throw wrong('both --validate and --validate-expression were given; a job has one validator');
  }
}

function runOptions(input: Input, world: World): RunOptions {
  const { options, settings, words, axes } = input;
  const { values, origins } = settings;
  // Made for servers of their own, these hold for a run only where its own command line says so.
  const own = (key: 'listen' | 'stateDirectory') => origins[key].kind === 'command line';
  return {
    sweepFile: input.args[0] ?? null,
    words,
    axes,
    results: options.result,
    inputs: options.input,
    environment: options.env,
    name: options.name,
    collect: options.collect,
    validate: options.validate,
    validateExpression: options.validateExpression,
    retries: options.retries,
    timeoutMs: options.timeout,
    directory: options.directory as RunOptions['directory'],
    order: options.order as RunOptions['order'],
    keep: options.keep as RunOptions['keep'],
    cpus: options.cpus,
    memoryBytes: options.memory,
    diskBytes: options.disk,
    processes: options.processes,
    gpus: options.gpus,
    timeMs: options.time,
    walls: options.walls,
    network: options.network,
    root: options.root,
    priority: options.priority,
    requirements: options.requirements,
    rank: options.rank,
    attributes: options.attribute,
    concurrencyLimits: options.concurrencyLimit,
    accountingGroup: options.accountingGroup,
    output:
      options.output === undefined
        ? undefined
        : resolve(world.surroundings.directory, options.output),
    again: options.again,
    whyRerun: options.whyRerun,
    dryRun: options.dryRun,
    json: options.json,
    quiet: options.quiet,
    nodes:
      options.nodes === undefined ? undefined : machineWish(options.nodes, settings, world).nodes,
    atLeast: options.atLeast,
    advertise: values.advertise,
    parallel: values.parallel,
    connectTimeoutMs: values.connectTimeoutMs,
    executables: values.executables,
    sessionFile: values.sessionFile || join(values.stateDirectory, SESSION_FILE),
    server: values.server === '' ? null : values.server,
    tokenFile: values.tokenFile || join(values.stateDirectory, TOKEN_FILE),
    token: values.token,
    stateDirectory: own('stateDirectory') ? values.stateDirectory : null,
    listen: own('listen') ? values.listen : null,
    insecure: values.insecure,
    tls: tlsWishOf(values),
    slots: values.slots,
    workerStarter: values.workerStarter as RunOptions['workerStarter'],
    // Whoever runs a sweep here runs it as anything else: as himself, even as root.
    workerWalls: values.walls === 'auto' ? 'bare' : (values.walls as Level),
    accounts: values,
    leaseMs: values.leaseMs,
    pingMs: values.pingMs,
    diskReserveBytes: values.diskReserveBytes,
    staging: values,
    policyFile: values.policyFile,
    policyMs: values.policyMs,
    sharing: sharingOf(values),
    log: logChoice(settings, world),
  };
}
