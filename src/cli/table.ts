import type { CommandGroup, CommandSpec } from './command.ts';
import { completion, config, errors, man, version } from './table/about.ts';
import { hold, pause, priority, release, resume, retry, rm } from './table/change.ts';
import { chirp } from './table/chirp.ts';
import { classad } from './table/classad.ts';
import * as data from './table/data.ts';
import { attach, events, history } from './table/events.ts';
import { logs, ls, results, show, stats, top, wait, why } from './table/look.ts';
import { exec, start } from './table/machines.ts';
import { policyTest } from './table/policy.ts';
import { procwatch } from './table/procwatch.ts';
import { run, submit } from './table/run.ts';
import * as sandbox from './table/sandbox.ts';
import { serve, server, stop, worker, workers } from './table/serve.ts';
import * as tls from './table/tls.ts';
import * as traces from './table/traces.ts';
import * as traps from './table/traps.ts';

/** First words that several commands share. */
export const GROUPS: readonly CommandGroup[] = [
  { name: 'data', summary: 'Files by key: fetched once, whole or not at all, and kept.' },
  { name: 'policy', summary: 'Try policies.' },
  { name: 'sandbox', summary: 'Run a command behind walls, without a server.' },
  { name: 'tls', summary: "Make and show the certificates of the site's server." },
  { name: 'traces', summary: 'Bring home the files that programs leave on machines.' },
  { name: 'traps', summary: 'Collect reports of faults, and see them.' },
];

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandSpec[] = [
  run,
  submit,
  serve,
  worker,
  start,
  exec,
  ls,
  show,
  why,
  stats,
  logs,
  results,
  top,
  wait,
  events,
  attach,
  history,
  retry,
  pause,
  resume,
  hold,
  release,
  priority,
  rm,
  workers,
  server,
  stop,
  data.ls,
  data.stat,
  data.fetch,
  data.put,
  data.get,
  data.pin,
  data.unpin,
  data.rm,
  data.purge,
  data.verify,
  data.du,
  tls.init,
  tls.renew,
  tls.show,
  traces.collect,
  traces.ls,
  traces.show,
  traces.get,
  traces.verify,
  traces.rm,
  sandbox.doctor,
  sandbox.run,
  sandbox.plan,
  procwatch,
  traps.serve,
  traps.watch,
  traps.ls,
  traps.send,
  traps.ack,
  traps.silence,
  policyTest,
  chirp,
  classad,
  config,
  errors,
  completion,
  man,
  version,
];
