/**
 * What was told of a node's Lustre, and what is news in the next look at it. Pure. Reports carry
 * the node's own times and names for what happened where it has them; elsewhere the number of the
 * look since the node was started, which is the same for all collectors on the node.
 */
import type { TrapRecord } from '#model';
import { type NodeReport, type TrapReport, trapReport } from '../../report.ts';
import { type Condition, type Findings, findingsOf } from './conditions.ts';
import { type ImportNews, ImportWatch } from './imports.ts';
import {
  type ImportState,
  parseConnection,
  parseImportState,
  parseNumber,
  parseTarget,
} from './parse.ts';
import { RecoveryWatch } from './recoveries.ts';
import { type DeviceName, hasSaid, type Said, type TreeLook } from './tree.ts';

export interface LustreNews {
  readonly traps: readonly TrapReport[];
  readonly nodes: readonly NodeReport[];
}

export interface LustreMemoryOptions {
  readonly node: string;
  readonly boot: string;
  /** What an earlier life of the collector holds of this node; it is ended when it is over. */
  readonly holding: readonly TrapRecord[];
}

const SOURCE = 'lustre';
const PREFIX = 'lustre ';
/** The condition of a node whose Lustre is gone. */
const UNLOADED = { fileSystem: '', name: 'module' };
/** obd_timeout where the node does not tell it. */
const TIMEOUT_SECONDS = 100;

type Held = Pick<Condition, 'name' | 'fileSystem' | 'device' | 'category' | 'message' | 'ending'>;

interface Latest {
  readonly look: TreeLook;
  readonly findings: Findings;
  /** What it tells whenever it is seen again; null while that is not known, or depends on the time. */
  restNews: LustreNews | null;
}

interface KnownImport {
  readonly watch: ImportWatch;
  text: string;
  state: ImportState | null;
}

export class LustreMemory {
  readonly #options: LustreMemoryOptions;
  readonly #held = new Map<string, Held>();
  readonly #imports = new Map<string, KnownImport>();
  readonly #recoveries = new RecoveryWatch();
  /** Addresses of the servers that imports speak to. */
  readonly #nids = new Map<string, string>();
  readonly #toldNodes = new Map<string, string>();
  /** The latest look; mostly the next one is the same. */
  #latest: Latest | null = null;
  #wasThere = false;

  constructor(options: LustreMemoryOptions) {
    this.#options = options;
    for (const { condition, fileSystem, category, message } of options.holding) {
      const name = condition.slice(PREFIX.length);
      const ending = `not any more: ${message}`;
      const held = { name, fileSystem, device: null, category, message, ending };
      this.#held.set(keyOf(held), held);
    }
    this.#wasThere = options.holding.length > 0;
  }

  /** Imports that changed, whose `import` file therefore says something new. */
  importsChanged(look: TreeLook): DeviceName[] {
    if (look === this.#latest?.look) return [];
    return importsOf(look).filter(({ name, text }) => this.#imports.get(name)?.text !== text);
  }

  /** @param found the `import` files of such imports, by `kind name` */
  learnConnections(found: ReadonlyMap<string, Said>): void {
    for (const [device, said] of found) {
      const nid = said.kind === 'said' ? parseConnection(said.text) : null;
      if (nid !== null) this.#nids.set(device.slice(device.indexOf(' ') + 1), nid);
    }
  }

  digest(look: TreeLook, tick: number, nowMs: number): LustreNews {
    const before = this.#latest?.look === look ? this.#latest : null;
    if (before?.restNews) return before.restNews;
    const latest = before ?? { look, findings: findingsOf(look), restNews: null };
    const { findings } = latest;
    const { isThere } = findings;
    this.#latest = latest;
    const traps: TrapReport[] = [];
    this.#digestImports(look, Math.floor(nowMs / 1000), traps);
    this.#digestRecoveries(look, traps);
    this.#settle(isThere ? findings.conditions : this.#gone(), findings, look, tick, traps);
    const nodes = isThere ? this.#nodes(findings, look) : [];
    this.#wasThere ||= isThere;
    if (look.unlisted.length === 0) this.#forgetImports(look);
    const isAtRest = before !== null && traps.length === 0 && !this.#awaitsTime;
    if (isAtRest) latest.restNews = { traps, nodes: nodes.slice(0, 1) };
    return { traps, nodes };
  }

  get #awaitsTime(): boolean {
    return [...this.#imports.values()].some(({ watch }) => watch.awaitsTime);
  }

  /** Lustre was unloaded: everything else that held is over with it. */
  #gone(): Condition[] {
    if (!this.#wasThere) return [];
    const message = 'Lustre is not there any more: its modules were unloaded';
    const ending = 'Lustre is there again';
    const none = { device: null, atMs: null, sequence: null };
    return [{ ...UNLOADED, ...none, category: 1, message, ending }];
  }

  #digestImports(look: TreeLook, nowSeconds: number, traps: TrapReport[]): void {
    const timeout = look.node.timeout.kind === 'said' ? parseNumber(look.node.timeout.text) : null;
    for (const { name, text } of importsOf(look)) {
      const before = this.#imports.get(name);
      const state = before?.text === text ? before.state : parseImportState(text);
      const known = before ?? { watch: new ImportWatch(), text, state };
      this.#imports.set(name, Object.assign(known, { text, state }));
      if (!state) continue;
      const news = known.watch.look(state, nowSeconds, timeout || TIMEOUT_SECONDS);
      traps.push(...news.map((one) => this.#importReport(name, one)));
      this.#hold(name, known.watch, news);
    }
  }

  /** Every mount has names of its own. */
  #forgetImports({ devices }: TreeLook): void {
    const names = new Set(devices.map(({ name }) => name));
    for (const known of [this.#imports, this.#nids]) {
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    }
  }

  #importReport(name: string, { what, ...news }: ImportNews): TrapReport {
    const nid = this.#nids.get(name);
    const message = `${name}${nid === undefined ? '' : ` (${nid})`}: ${what}`;
    return this.#report({
      ...news,
      name: `import ${name}`,
      fileSystem: fileSystemOf(name),
      message,
    });
  }

  /** Imports end by their own history; they are held so that they are not forgotten when they vanish. */
  #hold(name: string, watch: ImportWatch, news: readonly ImportNews[]): void {
    const fileSystem = fileSystemOf(name);
    const key = keyOf({ fileSystem, name: `import ${name}` });
    const raised = news.findLast(({ kind }) => kind === 'raise');
    if (watch.isUp) {
      // An earlier life told of it, and its end was missed.
      if (news.length > 0) this.#held.delete(key);
    } else if (raised) {
      const ending = `${name}: not any more`;
      const { category } = raised;
      const about = { name: `import ${name}`, fileSystem, device: name };
      this.#held.set(key, { ...about, category, message: '', ending });
    }
  }

  #digestRecoveries({ devices }: TreeLook, traps: TrapReport[]): void {
    const isKnown = (target: string) =>
      this.#held.has(keyOf({ fileSystem: fileSystemOf(target), name: `recovery ${target}` }));
    for (const { target, startSeconds, endSeconds } of this.#recoveries.look(devices, isKnown)) {
      const about = { name: `recovery ${target}`, fileSystem: fileSystemOf(target) };
      const sequence = `${startSeconds} RECOVERING`;
      const began = { kind: 'raise', category: 1, message: `${target} was in recovery` } as const;
      const ended = { kind: 'clear', category: 0, message: `${target} has recovered` } as const;
      traps.push(this.#report({ ...about, ...began, atMs: startSeconds * 1000, sequence }));
      traps.push(this.#report({ ...about, ...ended, atMs: endSeconds * 1000, sequence }));
    }
  }

  /** What is new begins, what is gone ends, and what could not be looked at stays. */
  #settle(
    conditions: readonly Condition[],
    { unknown }: Findings,
    look: TreeLook,
    tick: number,
    traps: TrapReport[],
  ): void {
    const present = new Map(conditions.map((condition) => [keyOf(condition), condition]));
    const isDown = (name: string) =>
      this.#imports.get(name.replace(/^import /, ''))?.watch.isUp === false;
    const listed = new Set(look.devices.filter(hasSaid).map(({ name }) => name));
    for (const [key, held] of this.#held) {
      const stays =
        present.has(key) ||
        unknown.has(held.name) ||
        unknown.has(held.name.split(' ', 1)[0]!) ||
        (look.unlisted.length > 0 && isOfDevice(held.name)) ||
        (held.name.startsWith('import ') && isDown(held.name) && listed.has(held.name.slice(7)));
      if (stays) continue;
      this.#held.delete(key);
      const { name, fileSystem } = held;
      const message = endingOf(held, present.has(keyOf(UNLOADED)), listed);
      const end = {
        kind: 'clear',
        category: 0,
        message,
        atMs: null,
        sequence: `look ${tick}`,
      } as const;
      traps.push(this.#report({ name, fileSystem, ...end }));
    }
    for (const [key, condition] of present) {
      const held = this.#held.get(key);
      this.#held.set(key, condition);
      if (held?.category === condition.category && held.message === condition.message) continue;
      const sequence = condition.sequence ?? `look ${tick}`;
      traps.push(this.#report({ ...condition, kind: 'raise', sequence }));
    }
  }

  #report(parts: {
    name: string;
    fileSystem: string;
    kind: TrapReport['kind'];
    category: TrapReport['category'];
    message: string;
    atMs: number | null;
    sequence: string;
  }): TrapReport {
    const { node, boot } = this.#options;
    const { name, fileSystem, kind, category, message, atMs, sequence } = parts;
    const about = { node, boot, fileSystem, condition: PREFIX + name, source: SOURCE };
    return trapReport({ ...about, kind, category, message, atMs, sequence });
  }

  /** This node always, the servers that it speaks to when something about them changed. */
  #nodes(findings: Findings, look: TreeLook): NodeReport[] {
    const { fileSystems, health, disk } = findings;
    const own: NodeReport = {
      node: this.#options.node,
      fileSystems,
      state: 'up',
      ...(health === null ? {} : { health }),
      ...disk,
    };
    return [own, ...this.#servers(findings, look).filter((server) => this.#isNews(server))];
  }

  #servers({ peers }: Findings, look: TreeLook): NodeReport[] {
    const servers = new Map<string, { fileSystems: Set<string>; isUp: boolean }>();
    const server = (nid: string) => {
      const known = servers.get(nid) ?? { fileSystems: new Set<string>(), isUp: true };
      servers.set(nid, known);
      return known;
    };
    for (const { name } of importsOf(look)) {
      const nid = this.#nids.get(name);
      if (nid === undefined) continue;
      const one = server(nid);
      const fileSystem = fileSystemOf(name);
      if (fileSystem !== '') one.fileSystems.add(fileSystem);
      one.isUp &&= this.#imports.get(name)?.watch.isUp ?? true;
    }
    for (const { nid, isDown } of peers)
      if (isDown || servers.has(nid)) server(nid).isUp &&= !isDown;
    return [...servers].map(([node, { fileSystems, isUp }]) => ({
      node,
      fileSystems: [...fileSystems],
      state: isUp ? 'connected' : 'not connected',
      responding: isUp,
    }));
  }

  #isNews(report: NodeReport): boolean {
    const text = JSON.stringify(report);
    if (this.#toldNodes.get(report.node) === text) return false;
    this.#toldNodes.set(report.node, text);
    return true;
  }
}

function keyOf({ fileSystem, name }: { fileSystem: string; name: string }): string {
  return `${fileSystem}\0${name}`;
}

function fileSystemOf(name: string): string {
  return parseTarget(name)?.fileSystem ?? '';
}

/** What is gone did not get well: only what is there tells that of itself. */
function endingOf(
  { device, ending, message }: Held,
  isUnloaded: boolean,
  listed: ReadonlySet<string>,
): string {
  if (device !== null && !listed.has(device)) return `${device} is not here any more`;
  return isUnloaded ? `not any more, as Lustre was unloaded: ${message}` : ending;
}

function isOfDevice(name: string): boolean {
  return !/^(?:health|catastrophe|module|peer|unread)\b/.test(name);
}

function importsOf({ devices }: TreeLook): (DeviceName & { readonly text: string })[] {
  return devices.flatMap(({ kind, name, files }) => {
    const state = files.get('state');
    return state?.kind === 'said' ? [{ kind, name, text: state.text }] : [];
  });
}
