/** The setting that says which directories are private: a list, or an expression that gives one. */
import { isAbsolute } from 'node:path';
import { messageOf, systemClock } from '#base';
import { adOfValues, compileExpression, evaluate, localAmbient, typeOf } from '#classad';
import type { JobDescription } from '#wire';
import { binErrors } from './errors.ts';

type Directories = (job: Pick<JobDescription, 'id' | 'name' | 'request'>) => readonly string[];

/** It is asked before each attempt: it may not last. */
const BUDGET = { steps: 10_000, characters: 1 << 16, ms: 20 };

/**
 * A text that begins with `/` is a list; any other is a ClassAd expression with the job's ad as `MY`
 * and `machine` as `TARGET`, whose string is one. What it gives that is no absolute path does not
 * count. Throws MOUNT_EXPRESSION_WRONG.
 */
export function mountUnderScratch(
  setting: string,
  machine: { readonly name: string; readonly cpus: number; readonly memoryBytes: number },
): Directories {
  const text = setting.trim();
  if (text === '' || text.startsWith('/')) {
    const fixed = pathsIn(text);
    return () => fixed;
  }
  const expression = compile(text);
  const target = adOfValues({
    Machine: machine.name,
    Cpus: machine.cpus,
    Memory: mebibytes(machine.memoryBytes),
  });
  const { now, monotonic } = systemClock;
  const ambient = localAmbient({ now, random: Math.random, elapsedMs: monotonic });
  return ({ id, name, request }) => {
    const my = adOfValues({
      ClusterId: id,
      JobName: name,
      RequestCpus: request.cpus,
      RequestMemory: mebibytes(request.memoryBytes),
      RequestDisk: Math.ceil(request.diskBytes / 1024),
    });
    const value = evaluate(expression, { my, target, ambient, budget: BUDGET });
    return typeOf(value) === 'string' ? pathsIn(value as string) : [];
  };
}

function compile(text: string): ReturnType<typeof compileExpression> {
  try {
    return compileExpression(text);
  } catch (error) {
    const facts = { expression: text, reason: messageOf(error) };
    throw binErrors.create('MOUNT_EXPRESSION_WRONG', facts, { cause: error });
  }
}

function pathsIn(list: string): string[] {
  return list
    .split(',')
    .map((path) => path.trim())
    .filter((path) => isAbsolute(path) && !path.includes('\0'));
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
