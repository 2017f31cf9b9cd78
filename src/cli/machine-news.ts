/** How it goes with machines, in words: a line for each as it comes, a table at the end. */
import { printable } from '#base';
import { lookOf } from './format.ts';
import type {
  MachineExecuted,
  MachineNews,
  MachineStarted,
  MachineStopped,
} from './machines-port.ts';
import { errorText } from './report-error.ts';
import { formatTable } from './text-table.ts';
import type { World } from './world.ts';

/** One line on stderr; of a failure, the message with what to do. */
export function tellMachine(news: MachineNews, done: string, world: World): void {
  const text = news.error ? errorText(news.error, false) : `windrow: ${news.machine}: ${done}\n`;
  world.stderr.attempt(news.error ? text : `${printable(text.trimEnd())}\n`);
}

const PROGRAM_WORDS = {
  present: '',
  copied: ', executable copied',
  shared: ', executable shared with another machine',
  '': '',
};

export function startedText(news: MachineStarted): string {
  if (news.state === 'running') return `has a worker already (process ${news.pid})`;
  if (news.state === 'told') {
    return `has a worker already (process ${news.pid}), told where the server is now`;
  }
  const program = PROGRAM_WORDS[news.program];
  return `worker started (process ${news.pid}${program}), ${secondsText(news.tookMs)}`;
}

export function stoppedText({ state, pids, tookMs }: MachineStopped): string {
  if (state === 'none') return 'no worker ran there';
  return `worker ended (${processes(pids)}), ${secondsText(tookMs)}`;
}

export function processes(pids: readonly number[]): string {
  return `process${pids.length === 1 ? '' : 'es'} ${pids.join(', ')}`;
}

export function startTable(all: readonly MachineStarted[], world: World): string {
  const columns = [
    { title: 'MACHINE' },
    { title: 'STATE' },
    { title: 'PLATFORM' },
    { title: 'EXECUTABLE' },
    { title: 'PROCESS', align: 'right' },
    { title: 'TIME', align: 'right' },
    { title: 'DIRECTORY OR REASON' },
  ] as const;
  const rows = all.map((one) => [
    one.machine,
    one.state,
    one.platform,
    one.program,
    one.pid > 0 ? String(one.pid) : '',
    secondsText(one.tookMs),
    one.error ? one.error.code : one.directory,
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}

export function stopTable(all: readonly MachineStopped[], world: World): string {
  const columns = [
    { title: 'MACHINE' },
    { title: 'STATE' },
    { title: 'PROCESS', align: 'right' },
    { title: 'TIME', align: 'right' },
    { title: 'REASON' },
  ] as const;
  const rows = all.map((one) => [
    one.machine,
    one.state,
    one.pids.join(', '),
    secondsText(one.tookMs),
    one.error?.code ?? '',
  ]);
  return formatTable(columns, rows, lookOf(world.stdout));
}

/** What of the news goes into JSON. */
export function newsJson(news: MachineStarted | MachineStopped | MachineExecuted): object {
  const { error, tookMs, ...facts } = news;
  const told = error && { code: error.code, message: error.message, todo: error.todo };
  return { ...facts, tookMs: Math.round(tookMs), error: told };
}

function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
