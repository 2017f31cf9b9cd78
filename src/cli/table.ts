import type { CommandGroup, CommandSpec } from './command.ts';
import { completion, config, errors, man, version } from './table/about.ts';
import { pause, resume, retry, rm } from './table/change.ts';
import { classad } from './table/classad.ts';
import { logs, ls, results, show, stats, top, wait } from './table/look.ts';
import { exec, start } from './table/machines.ts';
import { run } from './table/run.ts';
import * as sandbox from './table/sandbox.ts';
import { serve, stop, worker, workers } from './table/serve.ts';
import * as traces from './table/traces.ts';

/** First words that several commands share. */
export const GROUPS: readonly CommandGroup[] = [
  { name: 'sandbox', summary: 'Run a command behind walls, without a server.' },
  { name: 'traces', summary: 'Bring home the files that programs leave on machines.' },
];

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandSpec[] = [
  run,
  serve,
  worker,
  start,
  exec,
  ls,
  show,
  stats,
  logs,
  results,
  top,
  wait,
  retry,
  pause,
  resume,
  rm,
  workers,
  stop,
  traces.collect,
  traces.ls,
  traces.show,
  traces.get,
  traces.verify,
  traces.rm,
  sandbox.doctor,
  sandbox.run,
  sandbox.plan,
  classad,
  config,
  errors,
  completion,
  man,
  version,
];
