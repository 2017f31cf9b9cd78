/**
 * Machines that a sweep brings with it: their workers are started beside the run and end with it.
 *
 *   begin ──enough came up──▶ ready, the others still on their way ──stop──▶ drained, gone
 */
import { printable } from '#base';
import {
  errorText,
  type MachineStarted,
  newsJson,
  processes,
  type RunOptions,
  startedText,
  tellMachine,
  type World,
} from '#cli';
import { type Machine, readMachines, type StopPlan } from '#pilots';
import type { PlannedCluster } from '#sweep';
import { sessionTag } from '#worker';
import { binErrors } from './errors.ts';
import { crowdOf, inDirectory, readNodes, startOnAll, stopOnAll } from './machines.ts';

export interface ClusterServer {
  readonly url: string;
  /** It serves this run alone: a worker of its session can be nobody else's. */
  readonly isOwn: boolean;
  /** Lets workers in. */
  readonly session: string;
}

const DEFAULT_AT_LEAST = 1;

/** @throws WindrowError NODES_UNREADABLE, PILOT_NODES_WRONG */
export function machinesOf({ nodes, directory }: PlannedCluster): Machine[] {
  const list =
    nodes.kind === 'lines' ? readMachines(nodes.lines, '[cluster]') : readNodes({ nodes });
  return inDirectory(list, directory);
}

/** Of a machine whose start came to nothing by these there is a worker all the same, perhaps. */
const UNSETTLED = new Set(['PILOT_INTERRUPTED', 'PILOT_WORKER_SILENT', 'PILOT_CONNECTION_LOST']);

/** What worked for another's server before goes on working for it. */
function isToStop({ state, error }: MachineStarted, isOwn: boolean): boolean {
  if (error) return isOwn && UNSETTLED.has(error.code);
  return isOwn || state === 'started';
}

export class Cluster {
  readonly #machines: readonly Machine[];
  readonly #plan: PlannedCluster;
  readonly #options: RunOptions;
  readonly #world: World;
  readonly #startable = new AbortController();
  #starting: Promise<MachineStarted[]> = Promise.resolve([]);
  /** Null until the workers begin. */
  #server: ClusterServer | null = null;

  /** @throws WindrowError NODES_UNREADABLE, PILOT_NODES_WRONG */
  constructor(plan: PlannedCluster, options: RunOptions, world: World) {
    this.#machines = machinesOf(plan);
    this.#plan = plan;
    this.#options = options;
    this.#world = world;
  }

  /**
   * Starts the workers. Resolves as soon as enough machines have one; the others come up meanwhile.
   * Rejects with CLUSTER_TOO_SMALL when they do not, PILOT_SERVER_LOCAL.
   */
  async begin(server: ClusterServer): Promise<void> {
    const { atLeast = DEFAULT_AT_LEAST } = this.#plan;
    const enough = Promise.withResolvers<void>();
    this.#server = server;
    let up = 0;
    const count = (news: MachineStarted) => {
      this.#tell(news);
      if (!news.error && ++up >= atLeast) enough.resolve();
    };
    this.#starting = this.#startAll(server, count);
    const all = this.#starting.then(() => {
      if (up >= atLeast || this.#world.ending.aborted) return;
      const facts = { up, count: this.#machines.length, expected: atLeast };
      throw binErrors.create('CLUSTER_TOO_SMALL', facts);
    });
    all.catch(() => {}); // enough came up, or it is told to who waits
    await (atLeast === 0 ? undefined : Promise.race([enough.promise, all]));
  }

  #startAll(
    server: ClusterServer,
    onNews: (news: MachineStarted) => void,
  ): Promise<MachineStarted[]> {
    const { parallel, connectTimeoutMs, executables, advertise } = this.#options;
    const { slots, directory } = this.#plan;
    const walls = this.#plan.walls ?? this.#options.workerWalls;
    const wish = { ...server, parallel, connectTimeoutMs, executables, slots, directory, walls };
    const place = { ...wish, advertise: advertise || this.#plan.advertise };
    const signal = AbortSignal.any([this.#world.ending, this.#startable.signal]);
    return startOnAll(this.#machines, place, this.#world, onNews, signal);
  }

  /**
   * Ends the workers of this run's server, of another's only those that were surely started here:
   * they finish what they run, unless `hurry` is or becomes aborted. Of those that cannot be reached
   * it tells; they end by themselves without their server. Never rejects.
   */
  async stop(hurry: AbortSignal): Promise<void> {
    this.#startable.abort(); // who is not up by now is not needed any more
    const news = await this.#starting.catch(() => []);
    if (this.#server === null) return;
    const { session, isOwn } = this.#server;
    const list = this.#machines.filter((_, at) => news[at] && isToStop(news[at], isOwn));
    const doubtful = isOwn ? [] : news.filter(({ error }) => error && UNSETTLED.has(error.code));
    for (const { machine } of doubtful) {
      this.#say(`${machine}: a worker may have been started; \`windrow stop ${machine}\` ends it`);
    }
    const tag = sessionTag(session);
    if (!hurry.aborted) await this.#stopThese(list, { mode: 'drain', sessionTag: tag }, hurry);
    const never = new AbortController().signal;
    if (hurry.aborted) await this.#stopThese(list, { mode: 'now', sessionTag: tag }, never);
  }

  async #stopThese(
    list: readonly Machine[],
    which: Pick<StopPlan, 'mode' | 'sessionTag'>,
    signal: AbortSignal,
  ): Promise<void> {
    await stopOnAll(crowdOf(list, this.#options, this.#world, signal), which, {
      onAsked: (machine, pids) => this.#say(`${machine}: ${processes(pids)} asked to end`),
      onNews: ({ error }) => {
        if (!error || error.code === 'PILOT_INTERRUPTED') return;
        this.#world.stderr.attempt(errorText(error, this.#options.json));
      },
    });
  }

  #tell(news: MachineStarted): void {
    const { json, quiet } = this.#options;
    if (news.error?.code === 'PILOT_INTERRUPTED') return;
    if (json) {
      const told = { kind: 'machine', ...newsJson(news) };
      this.#world.stdout.attempt(`${JSON.stringify(told)}\n`);
    } else if (news.error || !quiet) tellMachine(news, startedText(news), this.#world);
  }

  #say(text: string): void {
    if (this.#options.quiet || this.#options.json) return;
    this.#world.stderr.attempt(`windrow: ${printable(text)}\n`);
  }
}
