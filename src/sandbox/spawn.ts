/**
 * The starter that needs nothing but Node.js. It starts a quarter as many programs a second
 * as the launcher and sees less: usage is sampled, and a descendant that left its parent, its session
 * and its environment is not found (docs/guide/launcher.md has the whole list).
 */
import { closeSync, constants, openSync, statSync } from 'node:fs';
import { systemClock, systemCodeOf } from '#base';
import { COOKIE_VARIABLE, createCookies } from './cookie.ts';
import type { RunningProgram, Starter, StartFailure, StartRequest } from './port.ts';
import { createTreeFinder, type FindTree } from './process-tree.ts';
import { SpawnedProgram } from './spawned-program.ts';
import { BEGUN } from './stage-report.ts';
import {
  failedStart,
  findProgram,
  notStarted,
  ownFailure,
  readBeginning,
  unfitRequest,
} from './start-failure.ts';
import { findBy } from './tracking/strategies.ts';
import type { WayAlone } from './tracking/ways.ts';
import { withPrefix } from './walls/launch.ts';

/** Starts programs with `child_process.spawn`. */
export class SpawnStarter implements Starter {
  readonly kind = 'spawn';
  readonly ahead = 0;
  readonly #nextCookie = createCookies();
  readonly #findAny = createTreeFinder(systemClock.monotonic);
  readonly #alone: WayAlone | null;
  #running: SpawnedProgram | null = null;
  #closed = false;

  /** `alone`: the only way by which a program's processes are known; null: by all together. */
  constructor(alone: WayAlone | null = null) {
    this.#alone = alone;
  }

  prepare(): void {}

  start(request: StartRequest): RunningProgram {
    const refusal = this.#refuse(request) ?? unstartable(request);
    if (refusal !== null) return notStarted(refusal);
    const program = this.#spawn(withoutEmptyWalls(request));
    if (!(program instanceof SpawnedProgram)) return notStarted(program);
    this.#running = program;
    const ended = program.ended.then((outcome) => {
      this.#running = null;
      return outcome;
    });
    return {
      ended,
      kill: (graceMs) => program.kill(graceMs),
      withdraw: () => {},
      processes: () => program.processes(),
    };
  }

  #finderFor({ walls }: StartRequest): FindTree {
    const alone = this.#alone;
    if (alone === null) return this.#findAny;
    const group = walls?.mark === undefined ? {} : { groupId: walls.mark };
    return ({ leader, cookie }) =>
      findBy(alone, { cookie, ...group, ...(leader !== null && { leader }) });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#running?.kill(0);
    await this.#running?.ended;
  }

  #refuse(request: StartRequest): StartFailure | null {
    if (this.#closed) return ownFailure('STARTER_CLOSED', { program: request.file });
    if (this.#running) return ownFailure('STARTER_BUSY', { program: request.file });
    return unfitRequest(request);
  }

  #spawn(request: StartRequest): SpawnedProgram | StartFailure {
    const cookie = this.#nextCookie();
    const environment = { ...request.environment, [COOKIE_VARIABLE]: cookie };
    let input: number | null = null;
    try {
      if (request.stdin !== null) input = openInput(request.stdin);
    } catch (error) {
      return failedStart(request, 'stdin', systemCodeOf(error) ?? 'EIO');
    }
    const files: number[] = [];
    try {
      for (const path of request.walls?.files ?? []) files.push(openSync(path, 'r'));
      const what = withEntrance(request);
      const parts = {
        ...what,
        environment,
        cookie,
        input,
        files,
        find: this.#finderFor(request),
        clock: systemClock,
      };
      return new SpawnedProgram(request, parts);
    } catch (error) {
      // spawn throws what it does not emit, E2BIG among them.
      return failedStart(request, 'exec', systemCodeOf(error) ?? 'EIO');
    } finally {
      for (const fd of input === null ? files : [input, ...files]) closeSync(fd);
    }
  }
}

/** Where a machine can put up nothing of what was wished, nobody would report that it stands. */
function withoutEmptyWalls(request: StartRequest): StartRequest {
  const { walls, ...bare } = request;
  const isEmpty =
    walls && walls.prefix.length + walls.cgroups.length + walls.namespaces.length === 0;
  return isEmpty ? bare : request;
}

/**
 * Joins cgroups, then executes what follows; where no last stage follows, it reports in its place.
 * Every write is checked: nothing is executed outside of a cgroup that it should be in.
 */
const ENTRANCE = `while [ "$1" != -- ]; do echo 0 > "$1" || exit 71; shift; done
shift; [ "$1" ] || { printf '${BEGUN}' >&3; exec 3>&-; }
shift; exec "$@"`;

/** The program with what puts its walls up; the launcher does the same between fork and exec. */
function withEntrance(request: StartRequest): { file: string; argv: readonly string[] } {
  const { walls } = request;
  const { file, argv } = withPrefix(request);
  if (!walls || walls.cgroups.length + walls.namespaces.length === 0) return { file, argv };
  const hasStage = walls.prefix.length > 0 ? 'stage' : '';
  const enter = walls.namespaces.map((path) => `--net=${path}`);
  // exec of sh takes the name as argv[0]; only a program without a stage can be told from it.
  const inner = [file, ...argv.slice(1)];
  const outer = enter.length > 0 ? ['nsenter', ...enter, '--', ...inner] : inner;
  return {
    file: '/bin/sh',
    argv: ['sh', '-c', ENTRANCE, 'sh', ...walls.cgroups, '--', hasStage, ...outer],
  };
}

/** O_NONBLOCK so that a FIFO without a writer opens; Node.js makes it blocking for the program. */
function openInput(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
}

/**
 * What spawn would not tell: it gives ENOENT for a missing directory too, and hands a text file
 * without #! to a shell where the system call refuses it.
 */
function unstartable(request: StartRequest): StartFailure | null {
  // Behind walls there may be other files; the last stage tells what it found.
  if (request.walls?.prefix.length) return null;
  const directory = statSync(request.directory, { throwIfNoEntry: false });
  if (!directory?.isDirectory()) {
    return failedStart(request, 'directory', directory ? 'ENOTDIR' : 'ENOENT');
  }
  const file = findProgram(request);
  const beginning = file === null ? null : readBeginning(file);
  if (beginning === null || beginning.includes(0) || beginning.toString('latin1', 0, 2) === '#!') {
    return null;
  }
  const executable = statSync(file!, { throwIfNoEntry: false });
  return executable && (executable.mode & 0o111) !== 0
    ? failedStart(request, 'exec', 'ENOEXEC')
    : null;
}
