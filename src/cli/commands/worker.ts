import { resolve } from 'node:path';
import { parseDurationMs, parseMoment } from '#base';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { logChoice } from '../log-choice.ts';
import type { WorkerOptions } from '../port.ts';
import type { worker as spec } from '../table/serve.ts';
import { traceSourceOf } from '../trace-source.ts';
import type { World } from '../world.ts';

/** `windrow worker` */
export async function worker(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { values } = input.settings;
  const { sessionStdin, report, firstContact, logFile, clientFile } = input.options;
  const inDirectory = (path: string | undefined) =>
    path === undefined ? null : resolve(world.surroundings.directory, path);
  const options: WorkerOptions = {
    server: values.server,
    stateDirectory: values.stateDirectory,
    slots: values.slots,
    directory: values.workerDirectory,
    sessionFile: values.sessionFile,
    name: input.options.name,
    awayMs: values.awayMs,
    until: untilOf(input.options.until, world.clock.now()),
    // `--drain` alone, as `--drain none`, is what happens anyway.
    drainMs: input.options.drain || null,
    waitForLine: input.options.waitForLine,
    sessionFromInput: sessionStdin,
    clientFile: inDirectory(clientFile),
    report: inDirectory(report),
    firstContactMs: firstContact,
    logFile: inDirectory(logFile),
    starter: values.workerStarter as WorkerOptions['starter'],
    policyFile: values.policyFile,
    policyMs: values.policyMs,
    walls: values,
    staging: values,
    offerGpus: values.offerGpus,
    policy: {
      start: values.workerStart,
      rank: values.workerRank,
      file: values.workerAd,
      attributes: input.options.attribute,
    },
    traces: traceSourceOf(values),
    log: logChoice(input.settings, world),
  };
  return await input.composition.worker(options, world);
}

function untilOf(text: string | undefined, nowMs: number): WorkerOptions['until'] {
  if (text === undefined) return null;
  const afterMs = parseDurationMs(text);
  if (afterMs !== undefined) return { afterMs };
  const atMs = parseMoment(text, nowMs);
  if (atMs === undefined)
    throw wrongUntil(text, 'is neither a time like 18:00 nor a duration like "4 h"');
  if (atMs <= nowMs) throw wrongUntil(text, 'is over already');
  return { atMs };
}

function wrongUntil(text: string, why: string): Error {
  const problem = `--until ${JSON.stringify(text)} ${why}`;
  return cliErrors.create('USAGE_WRONG', { problem, help: 'windrow worker --help' });
}
