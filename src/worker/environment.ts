/** What programs find in their environment (see docs/guide/worker.md). */
import { isMachineColumn } from '#model';
import { type CompiledText, compileText } from '#sweep';
import type { GrantedAttempt, JobDescription } from '#wire';

/** Larger cells do not fit an environment: Linux limits one string to 128 KiB. */
const LARGEST_CELL_BYTES = 100 * 1024;
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ'] as const;
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

type HostEnvironment = Readonly<Record<string, string | undefined>>;

export interface Places {
  readonly scratch: string;
  readonly directory: string;
}

export type EnvironmentMaker = (grant: GrantedAttempt, places: Places) => Record<string, string>;

/** `beta-1` → `WINDROW_PARAM_BETA_1`. Two columns may fall together; the later one stays. */
export function parameterVariable(column: string): string {
  return `WINDROW_PARAM_${column.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}

/** In a scratch directory a program sees little of the machine, so that machines are alike. */
function forScratch(host: HostEnvironment): Record<string, string> {
  const kept: Record<string, string> = { PATH: DEFAULT_PATH };
  for (const name of PASSED_ON) if (host[name] !== undefined) kept[name] = host[name];
  return kept;
}

/** Windrow's own, and what a service manager tells a service alone (sd_notify(3), CREDENTIALS). */
const KEPT_BACK =
  /^(WINDROW_|NODE_CHANNEL_|NODE_UNIQUE_ID$|NOTIFY_SOCKET$|WATCHDOG_|LISTEN_(PID|FDS|FDNAMES)$|CREDENTIALS_DIRECTORY$)/;

/** Where the user is, it is the user's own shell; Windrow's settings and secrets stay out. */
function forSubmit(host: HostEnvironment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(host)) {
    if (value === undefined || KEPT_BACK.test(name)) continue;
    kept[name] = value;
  }
  return kept;
}

/**
 * Prepares what is the same for all attempts of a job. Order, later ones winning: the host's part,
 * the job's `environment` (templates expanded), Windrow's own variables.
 * Throws what the template compiler throws.
 */
export function environmentMaker(job: JobDescription, host: HostEnvironment): EnvironmentMaker {
  const scratchKind = job.directory.kind === 'scratch';
  const base = scratchKind ? forScratch(host) : forSubmit(host);
  const perRow: [string, CompiledText][] = [];
  for (const [name, value] of Object.entries(job.environment)) {
    if (value.includes('$')) {
      const origin = { what: `environment variable ${name}` };
      perRow.push([name, compileText(value, job.columns, origin, job.id)]);
    } else base[name] = value;
  }
  const variables = job.columns.filter((column) => !isMachineColumn(column)).map(parameterVariable);
  return (grant, places) => {
    const environment: Record<string, string> = { ...base };
    if (scratchKind) environment.TMPDIR ??= places.scratch;
    environment.PWD = places.directory;
    for (const [name, template] of perRow)
      environment[name] = template.expand(grant.cells, grant.task);
    environment.WINDROW_JOB = String(grant.job);
    environment.WINDROW_TASK = String(grant.task);
    environment.WINDROW_TICKET = String(grant.ticket);
    environment.WINDROW_ATTEMPT = String(grant.number);
    environment.WINDROW_SCRATCH = places.scratch;
    addParameters(environment, variables, grant.cells);
    return environment;
  };
}

function addParameters(
  environment: Record<string, string>,
  variables: readonly string[],
  cells: readonly string[],
): void {
  for (let column = 0; column < variables.length; column++) {
    const cell = cells[column] ?? '';
    const isLarge =
      cell.length > LARGEST_CELL_BYTES / 3 && Buffer.byteLength(cell) > LARGEST_CELL_BYTES;
    if (!isLarge && !cell.includes('\0')) environment[variables[column]!] = cell;
  }
}
