/**
 * A worker on one machine:
 *
 *   connect ─▶ which platform? ─▶ directory fit? ─▶ executable in place ─▶ launch ─▶ connected
 *
 * Everything that is decided is decided here; `machine.sh` there only looks and does.
 */
import { type Clock, executableName, formatDuration, hostFolder, type WindrowError } from '#base';
import type { Level } from '#model';
import { pilotErrors } from '../errors.ts';
import type { Executable } from '../executables.ts';
import type { Machine } from '../node-file.ts';
import { parseStartReport, type StartReport } from '../start-report.ts';
import { enterSite } from './enter-site.ts';
import { type AnswerLine, type MachineShell, ShellEnded, textOf } from './machine-shell.ts';
import { isThere, type Placed, type Placing, placeProgram } from './place-program.ts';
import type { SharedPlaces } from './shared-places.ts';

/** What all machines of one start have in common. */
export interface StartPlan {
  /** One line that lets a worker in: the session and what belongs to it. Secret. */
  readonly document: string;
  /** By which a worker of this session is told from others. */
  readonly sessionTag: string;
  /**
   * The server's URL for a machine, given the address of this one as the machine sees it (`''` if it
   * does not tell).
   */
  readonly urlFor: (ownAddress: string) => string;
  /** For what `uname -sm` says. Rejects with a WindrowError where there is none. */
  readonly executableFor: (uname: string) => Promise<Executable>;
  /** Walls of attempts whose jobs ask for none. */
  readonly walls: Level;
  /** How long a worker may take to reach the server. */
  readonly contactMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Started {
  /**
   * `running`: this session's worker was there already; nothing was started. `told`: likewise, and it
   * looked for the server elsewhere; it was told where the server is.
   */
  readonly state: 'started' | 'running' | 'told';
  /** The worker's id at the server. */
  readonly worker: string;
  readonly pid: number;
  /** What `uname -sm` says. */
  readonly platform: string;
  readonly host: string;
  readonly directory: string;
  readonly placed: Placed;
  readonly url: string;
}

/** Beyond the time for reaching the server: loading, on a busy machine. */
const LOADING_MS = 40_000;

/** Rejects with PILOT_…, the worker's own error, or ShellEnded. */
export async function startOn(
  machine: Machine,
  shell: MachineShell,
  places: SharedPlaces,
  plan: StartPlan,
): Promise<Started> {
  const facts = await shell.call('facts');
  const platform = textOf(facts, 'platform') ?? '';
  const program = await plan.executableFor(platform);
  const site = await enterSite(machine, shell, facts);
  const url = plan.urlFor(textOf(facts, 'client') ?? '');
  const { sessionTag, clock, signal } = plan;
  const placing = { shell, site, places, sessionTag, clock, signal };
  const launch = { machine, program, placing, plan, url };
  const placed = await placeProgram(program, placing);
  const outcome = await launchAgain(launch, placed);
  return { ...outcome, platform, host: site.host, directory: site.directory, url };
}

interface Launch {
  readonly machine: Machine;
  readonly program: Executable;
  readonly placing: Placing;
  readonly plan: StartPlan;
  readonly url: string;
}

type Outcome = Pick<Started, 'state' | 'worker' | 'pid' | 'placed'>;

/**
 * An executable that was there before may have been damaged since, or removed in this very moment
 * by a worker that ended: it is looked at and brought again, once.
 */
async function launchAgain(launch: Launch, placed: Placed): Promise<Outcome> {
  try {
    return { ...(await launchOnce(launch)), placed };
  } catch (error) {
    const isCrash = (error as Partial<WindrowError>).code === 'PILOT_WORKER_CRASHED';
    const { program, placing } = launch;
    if (!isCrash || placed !== 'present' || (await isThere(program, placing, true))) throw error;
    await placing.shell.call('drop', [`bin/${executableName(program)}`]);
    const again = await placeProgram(program, placing);
    return { ...(await launchOnce(launch)), placed: again };
  }
}

async function launchOnce(launch: Launch): Promise<Omit<Outcome, 'placed'>> {
  const { site } = launch.placing;
  const log = `${hostFolder(site.host)}/worker.log`;
  const about = { machine: launch.machine.name, log: `${site.directory}/${log}` };
  const answer = await launchAndHear(launch, log, about);
  const report = parseStartReport(textOf(answer, 'report') ?? '');
  if (report) return outcomeOf(report, launch);
  const lines = answer.filter(({ word }) => word === 'line').map(({ text }) => `  ${text}`);
  throw pilotErrors.create('PILOT_WORKER_CRASHED', {
    ...about,
    how: howOf(textOf(answer, 'ended')),
    lines: lines.join('\n') || '  (no output)',
  });
}

/** The machine answers when the worker has reported or has ended. Rejects with PILOT_WORKER_SILENT. */
async function launchAndHear(
  launch: Launch,
  log: string,
  about: { readonly machine: string; readonly log: string },
): Promise<AnswerLine[]> {
  const { shell, site } = launch.placing;
  const { document, contactMs } = launch.plan;
  const report = `${hostFolder(site.host)}/report-${shell.nonce}`;
  const program = `bin/${executableName(launch.program)}`;
  const words = workerWords(launch, program, log, report);
  const lines = [program, log, report, document, String(words.length), ...words];
  const silenceMs = contactMs + LOADING_MS;
  try {
    return await shell.call('launch', lines, { silenceMs });
  } catch (error) {
    if (!(error instanceof ShellEnded) || error.end.givenUp !== 'silent') throw error;
    const facts = { ...about, waited: formatDuration(silenceMs) };
    throw pilotErrors.create('PILOT_WORKER_SILENT', facts, { cause: error });
  }
}

/** Nothing secret is among them: everybody on the machine can read them. */
function workerWords(
  { machine, placing, plan, url }: Launch,
  program: string,
  log: string,
  report: string,
): string[] {
  const isAddress = /^[\d.]+$|:/.test(machine.host);
  return [
    'worker',
    ...['--server', url],
    '--session-stdin',
    ...['--dir', placing.site.directory],
    ...['--client-file', program],
    ...['--log-file', log],
    ...['--report', report],
    ...['--first-contact', `${plan.contactMs} ms`],
    ...['--walls', plan.walls],
    ...(machine.slots > 0 ? ['--slots', String(machine.slots)] : []),
    ...(isAddress ? [] : ['--name', machine.name]),
  ];
}

function outcomeOf(report: StartReport, launch: Launch): Omit<Outcome, 'placed'> {
  if (report.state === 'connected') {
    return { state: 'started', worker: report.worker, pid: report.pid };
  }
  const { error } = report;
  const { machine, plan, url } = launch;
  const about = { machine: machine.name };
  if (error.code === 'WORKER_SERVER_GONE') {
    const reason = String(error.facts.reason ?? error.message);
    throw pilotErrors.create('PILOT_SERVER_OUT_OF_REACH', { ...about, url, reason });
  }
  if (error.code !== 'WORKER_DIRECTORY_BUSY') throw error;
  const { session, worker, pid, directory, server, isTold } = error.facts;
  if (session !== plan.sessionTag) {
    throw pilotErrors.create('PILOT_DIRECTORY_TAKEN', { ...about, pid, directory });
  }
  // Workers of versions that do not tell are taken to look at the right place.
  const isElsewhere = Boolean(server) && server !== url;
  if (isElsewhere && isTold !== true) {
    throw pilotErrors.create('PILOT_WORKER_ELSEWHERE', { ...about, pid, found: server, url });
  }
  return { state: isElsewhere ? 'told' : 'running', worker: String(worker), pid: Number(pid) };
}

/** Shells give 128 and the number of the signal; nothing where it could not be tried. */
function howOf(ended: string | undefined): string {
  if (ended === undefined) return 'it was not started';
  const code = Number(ended);
  return code > 128 ? `signal ${code - 128}` : `exit code ${code}`;
}
