/** The collector at work: its parts joined, its sources running, and its end in the right order. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { existsSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { bootId, type Clock, messageOf } from '#base';
import type { TrapRecord } from '#model';
import { secretMatcher } from '#wire';
import { Collector } from './collector/collector.ts';
import { SafeFiles } from './files/safe-files.ts';
import { Access, type AccessRules } from './http/access.ts';
import { TrapFace } from './http/face.ts';
import { JsonDesk } from './http/json-desk.ts';
import { Keeping, type TrapHistory } from './keeping.ts';
import { Lustre } from './sources/lustre/lustre.ts';
import { OwnTroubles } from './sources/own-troubles.ts';
import type { RunningSource } from './sources/port.ts';
import { SyslogDesk } from './sources/syslog/desk.ts';
import { SyslogTcp } from './sources/syslog/tcp.ts';
import { SyslogUdp } from './sources/syslog/udp.ts';
import { TrapFile } from './sources/trap-file/trap-file.ts';
import { conformanceMethods } from './xmlrpc/conformance-methods.ts';
import { XmlRpcDesk } from './xmlrpc/desk.ts';
import { trapMethods } from './xmlrpc/trap-methods.ts';

export interface TrapServiceOptions {
  readonly clock: Clock;
  /** What this machine is called in traps. */
  readonly node: string;
  readonly version: string;
  readonly maxTraps: number;
  readonly maxNodes: number;
  readonly foldMs: number;
  readonly access: AccessRules;
  readonly conformance: boolean;
  /** Null: nothing is remembered after the end. Closed with the service. */
  readonly history: TrapHistory | null;
  /** For acknowledgements and silences; null: none are taken. */
  readonly token: string | null;
  readonly trapFile: { readonly path: string; readonly pollMs: number } | null;
  /** `whenThere`: only on a machine that has one. */
  readonly lustre: {
    readonly root: string;
    readonly pollMs: number;
    readonly whenThere: boolean;
  } | null;
  /** Bound sockets; closed with the service. */
  readonly syslog: {
    readonly udp: Socket | null;
    readonly tcp: Server | null;
    readonly severityMost: number;
  };
  readonly onTold: (trap: TrapRecord) => void;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
}

const TICK_MS = 1000;
/** Where time alone changes nothing. A timer that fires takes 0.3 ms on a machine at rest. */
const REST_TICK_MS = 5000;
/** Lustre's modules may be loaded at any time. */
const LUSTRE_LOOK_MS = 30_000;
const READ_TIMEOUT_MS = 2000;
/** Problems with lines come by the thousand; one in this time is logged. */
const PROBLEM_MS = 10_000;

/** Since the machine's start. */
const bootMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

export class TrapService {
  readonly collector: Collector;
  readonly keeping: Keeping;
  readonly face: TrapFace;
  readonly #options: TrapServiceOptions;
  readonly #json: JsonDesk;
  readonly #access: Access;
  readonly #files = new SafeFiles({ timeoutMs: READ_TIMEOUT_MS });
  readonly #sources: RunningSource[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #own: OwnTroubles;
  #ticking: NodeJS.Timeout | undefined;
  #problemsAtMs = 0;
  #problems = 0;

  private constructor(options: TrapServiceOptions, collector: Collector) {
    this.#options = options;
    this.collector = collector;
    const { clock, history, log, node, version, token, conformance } = options;
    const life = randomBytes(9).toString('base64url');
    this.#own = new OwnTroubles(collector, node, life);
    this.keeping = new Keeping(collector, history, (why) => this.#historyTrouble(why));
    this.#access = new Access(options.access);
    const isToken = token === null ? null : secretMatcher(token);
    this.#json = new JsonDesk({
      ...{ collector, version, isToken, name: node },
      now: () => clock.now(),
      durable: () => this.keeping.durable(),
      history: async (most) => (await history?.latest(most)) ?? [],
      life,
    });
    const onFault = (error: unknown): void =>
      log('error', 'a request failed', { error: messageOf(error), stack: (error as Error)?.stack });
    const more = conformance ? conformanceMethods(version) : [];
    this.face = new TrapFace({
      access: this.#access,
      xmlRpc: new XmlRpcDesk([...trapMethods(collector, clock), ...more], onFault),
      json: this.#json,
      isToken,
      refuse: (fate) => collector.refuse(fate),
      onFault,
    });
  }

  /** Reads the history and starts the sources. @throws WindrowError of the history */
  static async open(options: TrapServiceOptions): Promise<TrapService> {
    const { clock, maxTraps, maxNodes, foldMs, history, onTold } = options;
    const remembered = (await history?.remembered()) ?? null;
    const hasHistory = history !== null;
    const limits = { maxTraps, maxNodes, foldMs };
    const onTimely = (): void => service.#tickAfter(TICK_MS);
    const collector = new Collector({ clock, ...limits, hasHistory, remembered, onTold, onTimely });
    const service = new TrapService(options, collector);
    service.#own.endEarlier(collector.holding());
    // Before the first mark is given out: what of them is reserved.
    await service.keeping.durable();
    service.#start(remembered?.cursors ?? new Map());
    return service;
  }

  /** Files whose reading hangs in the kernel: while there are some, the process cannot end by itself. */
  get stuck(): string[] {
    return this.#files.stuck;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#json.close();
    await Promise.all(this.#sources.map((source) => source.close()));
    clearTimeout(this.#ticking);
    await this.#files.close();
    await this.keeping.close();
  }

  #start(cursors: ReadonlyMap<string, string>): void {
    const { trapFile, lustre, syslog } = this.#options;
    if (trapFile) this.#startTrapFile(trapFile, cursors);
    if (syslog.udp || syslog.tcp) this.#startSyslog();
    if (lustre) this.#startLustre(lustre);
    this.#tickAfter(TICK_MS);
  }

  /** At whole multiples since the machine's start, as the looks at Lustre: one waking does for both. */
  #tickAfter(restMs: number): void {
    clearTimeout(this.#ticking);
    this.#ticking = setTimeout(
      () => {
        this.#tickAfter(this.collector.tick() ? TICK_MS : REST_TICK_MS);
        this.keeping.touch();
      },
      restMs - (bootMs() % restMs),
    );
  }

  #startTrapFile(
    { path, pollMs }: { path: string; pollMs: number },
    cursors: ReadonlyMap<string, string>,
  ): void {
    const name = `trap-file ${path}`;
    this.#sources.push(
      new TrapFile({
        ...{ path, pollMs, files: this.#files, sink: this.collector, own: this.#own },
        cursor: cursors.get(name) ?? null,
        setCursor: (cursor) => this.keeping.setCursor(name, cursor),
        onTaken: () => this.keeping.touch(),
        onProblem: (problem) => this.#logProblem(problem),
      }),
    );
  }

  #startSyslog(): void {
    const { clock, syslog } = this.#options;
    const sink = this.collector;
    const onTaken = (): void => this.keeping.touch();
    const { severityMost } = syslog;
    const desk = new SyslogDesk({ sink, severityMost, nowMs: () => clock.now(), onTaken });
    const listening = { desk, access: this.#access, sink, own: this.#own, onTaken };
    if (syslog.udp) this.#sources.push(new SyslogUdp(syslog.udp, listening));
    if (syslog.tcp) this.#sources.push(new SyslogTcp(syslog.tcp, listening));
  }

  #startLustre(lustre: NonNullable<TrapServiceOptions['lustre']>): void {
    const root = lustre.root === '/' ? '' : lustre.root;
    const isThere = () =>
      ['sys', 'proc'].some((one) => existsSync(join(lustre.root, one, 'fs', 'lustre')));
    const start = (): void => {
      const { node, clock, log } = this.#options;
      const holding = this.collector
        .holding()
        .filter((trap) => trap.source === 'lustre' && trap.node === node);
      this.#sources.push(
        new Lustre({
          ...{
            root,
            pollMs: lustre.pollMs,
            files: this.#files,
            sink: this.collector,
            node,
            holding,
          },
          boot: bootId(),
          nowMs: () => clock.now(),
          bootMs,
          onTaken: () => this.keeping.touch(),
          onFault: (problem) => log('error', 'looking at Lustre failed', { error: problem }),
          onNone: () =>
            log('warn', 'there is no Lustre; it is looked for all the same', {
              below: lustre.root,
            }),
        }),
      );
    };
    if (!lustre.whenThere || isThere()) return start();
    const timer = setInterval(() => {
      if (!isThere()) return;
      clearInterval(timer);
      start();
    }, LUSTRE_LOOK_MS);
    this.#timers.push(timer);
  }

  #logProblem(problem: string): void {
    this.#problems++;
    const nowMs = this.#options.clock.monotonic();
    if (this.#problemsAtMs > 0 && nowMs - this.#problemsAtMs < PROBLEM_MS) return;
    this.#options.log('warn', problem, { problemsSoFar: this.#problems });
    this.#problemsAtMs = nowMs;
  }

  #historyTrouble(why: string | null): void {
    const { log } = this.#options;
    if (why === null) log('info', 'the history can be written again');
    else log('error', 'the history cannot be written', { why });
    const message =
      why === null
        ? 'the history of traps can be written again'
        : `traps are not remembered: ${why}`;
    this.#own.tell(why === null ? 0 : 2, 'history', message);
  }
}
