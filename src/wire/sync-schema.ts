/**
 * The check at both ends of `POST /sync`. Written by hand, because the server reads one for every
 * few attempts: 200 ended attempts take well under 100 µs, where a general schema takes
 * milliseconds. What was read is copied field by field; unknown fields of newer versions are
 * dropped.
 */
import {
  areSources,
  CAUSES,
  type Cause,
  FIGURES,
  type Hold,
  type InputWay,
  type MachineOffer,
  NETWORK_LIMITS,
  type NetworkBytes,
  NO_OFFER,
  type Usage,
} from '#model';
import {
  checked,
  flag,
  inner,
  innerPath,
  type JsonObject,
  label,
  list,
  mismatch,
  object,
  oneOf,
  quantity,
  sha256Hex,
  text,
  whole,
} from './checked.ts';
import { wireErrors } from './errors.ts';
import { readOffer } from './offer-schema.ts';
import { readPeerDoor } from './peers.ts';
import { cleanText } from './problem.ts';
import { isRun, readRun } from './runs-of-ends.ts';
import type {
  DamageNews,
  DataNews,
  EndedAttempt,
  MachineFigures,
  PolicyRuling,
  RenewRequest,
  SentPart,
  StoreReport,
  SyncRequest,
} from './sync.ts';
import { PROTOCOL_VERSION } from './sync.ts';
import { readMachineWalls, readWallsHad } from './walls-schema.ts';

/** Limits of one sync, either way. */
export const SYNC_LIMITS = {
  ended: 10_000,
  attempts: 10_000,
  holding: 100_000,
  jobs: 10_000,
  errands: 1000,
  /** Files that jobs need before they start. */
  wishes: 100_000,
  /** Stored files that a worker found damaged, in one sync. */
  damages: 100,
  /** Inputs of one attempt of which it is told how they came. */
  inputs: 1000,
  /** A glob brings at most 10,000 files; the logs and a few more results come beside them. */
  parts: 10_200,
  slots: 65_536,
  gpus: 1024,
  /** Of one attempt. */
  remarks: 20,
  /** A month: what a lost worker held waits no longer. */
  awayMs: 30 * 86_400_000,
  /** Characters of one inline part; larger ones are uploaded. */
  inline: 1 << 20,
} as const;

const CAUSE_SET: ReadonlySet<Cause> = new Set(CAUSES);
const PART_KINDS = new Set(['result', 'log'] as const);

/**
 * Reads a worker's sync, for a server of `serverVersion`. Throws `PROTOCOL_MISMATCH` (before it looks at anything else) or
 * `MESSAGE_MALFORMED` with the path of the first wrong field.
 */
export function parseSyncRequest(json: unknown, serverVersion: string): SyncRequest {
  return checked(() => {
    const fields = object(json, '');
    return {
      protocol: checkWorkersProtocol(fields, serverVersion),
      worker: label(fields.worker, 'worker', 200),
      replaces: fields.replaces == null ? null : label(fields.replaces, 'replaces', 200),
      name: label(fields.name, 'name', 255),
      version: label(fields.version, 'version', 100),
      platform: label(fields.platform, 'platform', 100),
      sequence: whole(fields.sequence, 'sequence'),
      slots: whole(fields.slots, 'slots', 0, SYNC_LIMITS.slots),
      freeSlots: whole(fields.freeSlots, 'freeSlots', 0, SYNC_LIMITS.attempts),
      memoryBytes: whole(fields.memoryBytes, 'memoryBytes'),
      diskFreeBytes: whole(fields.diskFreeBytes, 'diskFreeBytes'),
      walls: fields.walls == null ? null : inner(fields.walls, 'walls', readMachineWalls),
      // Workers of versions that had no offers do not speak of them.
      offer: fields.offer === undefined ? NO_OFFER : maybeOffer(fields.offer),
      gpus: whole(fields.gpus, 'gpus', 0, SYNC_LIMITS.gpus),
      machine: inner(fields.machine, 'machine', readMachine),
      awayMs: whole(fields.awayMs, 'awayMs', 0, SYNC_LIMITS.awayMs),
      remainingMs: measured(fields.remainingMs, 'remainingMs'),
      atMs: quantity(fields.atMs, 'atMs'),
      waitMs: whole(fields.waitMs, 'waitMs', 0, 3_600_000),
      draining: flag(fields.draining, 'draining'),
      holding: list(fields.holding, 'holding', SYNC_LIMITS.holding, readTicket),
      ended: readEnds(fields.ended),
      policyVersion:
        fields.policyVersion == null ? '' : text(fields.policyVersion, 'policyVersion', 100),
      // Workers of earlier versions let in whatever they are given.
      declined:
        fields.declined == null
          ? []
          : list(fields.declined, 'declined', SYNC_LIMITS.jobs, readTicket),
      knownJobs: list(fields.knownJobs, 'knownJobs', SYNC_LIMITS.jobs, readTicket),
      dataVersion: text(fields.dataVersion, 'dataVersion', 1000),
      data: list(fields.data, 'data', SYNC_LIMITS.wishes, readDataNews),
      peer: fields.peer == null ? null : inner(fields.peer, 'peer', readPeerDoor),
      stager:
        fields.stager == null || fields.stager === '' ? '' : label(fields.stager, 'stager', 255),
      store: fields.store == null ? null : inner(fields.store, 'store', readStoreReport),
    };
  });
}

/** Reads `POST /renew`. Throws `MESSAGE_MALFORMED`. */
export function parseRenewRequest(json: unknown): RenewRequest {
  return checked(() => ({ worker: label(object(json, '').worker, 'worker', 200) }));
}

/** Whoever sent it: other fields of another protocol mean nothing here, but for the version. */
function checkWorkersProtocol(fields: JsonObject, serverVersion: string): number {
  const found = whole(fields.protocol, 'protocol');
  if (found === PROTOCOL_VERSION) return found;
  const { version } = fields;
  throw wireErrors.create('PROTOCOL_MISMATCH', {
    workerVersion: typeof version === 'string' ? cleanText(version, 100) : 'of unknown version',
    workerProtocol: found,
    serverVersion,
    serverProtocol: PROTOCOL_VERSION,
  });
}

function readMachine(fields: JsonObject): MachineFigures {
  return {
    cpus: whole(fields.cpus, 'cpus'),
    loadAverage: quantity(fields.loadAverage, 'loadAverage'),
    memoryFreeBytes: whole(fields.memoryFreeBytes, 'memoryFreeBytes'),
    roundTripMs: measured(fields.roundTripMs, 'roundTripMs'),
    unkillable: fields.unkillable == null ? 0 : whole(fields.unkillable, 'unkillable'),
  };
}

const DATA_STATES = new Set(['here', 'absent', 'tried'] as const);

function readDataNews(value: unknown): DataNews {
  const fields = object(value, '');
  return {
    blob: sha256Hex(fields.blob, 'blob'),
    state: oneOf(fields.state, 'state', DATA_STATES),
  };
}

function readStoreReport(fields: JsonObject): StoreReport {
  return {
    hits: whole(fields.hits, 'hits'),
    misses: whole(fields.misses, 'misses'),
    fetchedBytes: whole(fields.fetchedBytes, 'fetchedBytes'),
    damaged: whole(fields.damaged, 'damaged'),
    damages: list(fields.damages, 'damages', SYNC_LIMITS.damages, readDamage),
  };
}

function readDamage(value: unknown): DamageNews {
  const fields = object(value, '');
  return {
    number: whole(fields.number, 'number', 1),
    key: cleanText(text(fields.key, 'key', 1000)),
    reason: cleanText(text(fields.reason, 'reason', 1000)),
  };
}

function maybeOffer(offer: unknown): MachineOffer | null {
  return offer === null ? null : inner(offer, 'offer', readOffer);
}

function readTicket(value: unknown): number {
  return whole(value, '', 1);
}

/** Ends one by one, and runs of them. */
function readEnds(value: unknown): EndedAttempt[] {
  const ended: EndedAttempt[] = [];
  list(value, 'ended', SYNC_LIMITS.ended, (entry) => {
    const fields = object(entry, '');
    if (isRun(fields)) readRun(fields, ended, SYNC_LIMITS);
    else ended.push(readEnded(fields));
    if (ended.length > SYNC_LIMITS.ended) {
      throw mismatch('', `one of at most ${SYNC_LIMITS.ended} ends`, ended);
    }
  });
  return ended;
}

/** As `briefSync` writes it, or with everything said. */
function readEnded(fields: JsonObject): EndedAttempt {
  return {
    ticket: whole(fields.ticket, 'ticket', 1),
    cause: oneOf(fields.cause, 'cause', CAUSE_SET),
    exitCode: readExitCode(fields.exitCode),
    signal: fields.signal == null ? null : label(fields.signal, 'signal', 32),
    reason: orEmpty(fields.reason, 'reason', 4000),
    startedAtMs: quantity(fields.startedAtMs, 'startedAtMs'),
    endedAtMs: quantity(fields.endedAtMs, 'endedAtMs'),
    usage: inner(fields.usage, 'usage', readUsage),
    walls: fields.walls == null ? null : inner(fields.walls, 'walls', readWallsHad),
    inputs: fields.inputs == null ? [] : list(fields.inputs, 'inputs', SYNC_LIMITS.inputs, readWay),
    parts: fields.parts == null ? [] : list(fields.parts, 'parts', SYNC_LIMITS.parts, readPart),
    // 500 characters may be 1,000 UTF-16 units.
    lastErrorLine: orEmpty(fields.lastErrorLine, 'lastErrorLine', 1000),
    ruling: fields.ruling == null ? null : inner(fields.ruling, 'ruling', readRuling),
    remarks:
      fields.remarks == null
        ? []
        : list(fields.remarks, 'remarks', SYNC_LIMITS.remarks, (remark) => text(remark, '', 1000)),
  };
}

const RULED = new Set(['held', 'removed', 'waiting'] as const);

function readRuling(fields: JsonObject): PolicyRuling {
  return {
    to: oneOf(fields.to, 'to', RULED),
    hold: fields.hold == null ? null : inner(fields.hold, 'hold', readHold),
  };
}

export function readHold(fields: JsonObject): Hold {
  const { subcode } = fields;
  if (!Number.isSafeInteger(subcode)) throw mismatch('subcode', 'a whole number', subcode);
  return { code: whole(fields.code, 'code', 0, 10_000), subcode: subcode as number };
}

/** What is left out is 0. */
function readExitCode(value: unknown): number | null {
  if (value === undefined) return 0;
  return value === null ? null : whole(value, 'exitCode', 0, 0xffff_ffff);
}

const HOWS = new Set(['hit', 'fetched', 'joined', 'plugin'] as const);
const INTOS = new Set(['reflink', 'link', 'mount', 'copy', 'file'] as const);

function readWay(value: unknown): InputWay {
  const fields = object(value, '');
  return {
    name: text(fields.name, 'name', 4096),
    how: oneOf(fields.how, 'how', HOWS),
    via: text(fields.via, 'via', 1000),
    source: '',
    into: oneOf(fields.into, 'into', INTOS),
    bytes: whole(fields.bytes, 'bytes'),
  };
}

function readUsage(fields: JsonObject): Usage {
  return {
    wallMs: quantity(fields.wallMs, 'wallMs'),
    cpuUserMs: figure(fields.cpuUserMs, 'cpuUserMs'),
    cpuSystemMs: figure(fields.cpuSystemMs, 'cpuSystemMs'),
    memoryPeakBytes: figure(fields.memoryPeakBytes, 'memoryPeakBytes'),
    ioReadBytes: figure(fields.ioReadBytes, 'ioReadBytes'),
    ioWriteBytes: figure(fields.ioWriteBytes, 'ioWriteBytes'),
    contextSwitches: figure(fields.contextSwitches, 'contextSwitches'),
    tasksPeak: figure(fields.tasksPeak, 'tasksPeak'),
    diskBytes: figure(fields.diskBytes, 'diskBytes'),
    sources: readSources(fields.sources),
    network: fields.network == null ? null : inner(fields.network, 'network', readNetwork),
  };
}

/** As `NETWORK_LIMITS` has it. */
const NETWORK_FIGURE = /^[A-Za-z0-9]\w{0,63}$/;

function readNetwork(fields: JsonObject): NetworkBytes {
  const names = Object.keys(fields);
  if (names.length > NETWORK_LIMITS.figures || !names.every((name) => NETWORK_FIGURE.test(name))) {
    const expected = `at most ${NETWORK_LIMITS.figures} names of letters, digits and _`;
    throw mismatch('', expected, fields);
  }
  const network: Record<string, number> = {};
  for (const name of names) network[name] = whole(fields[name], name);
  return network;
}

function readSources(value: unknown): string {
  const sources = text(value, 'sources', FIGURES.length);
  if (areSources(sources)) return sources;
  throw mismatch('sources', 'a letter for the source of each figure', sources);
}

function measured(value: unknown, key: string): number | null {
  return value === null ? null : quantity(value, key);
}

/** What is left out was not measured. */
function figure(value: unknown, key: string): number | null {
  return value === undefined ? null : measured(value, key);
}

/** What is left out is empty. */
function orEmpty(value: unknown, key: string, most: number): string {
  return value == null ? '' : text(value, key, most);
}

function readPart(value: unknown): SentPart {
  const fields = object(value, '');
  const name = label(fields.name, 'name', 255);
  const kind = oneOf(fields.kind, 'kind', PART_KINDS);
  const file = innerPath(fields.file, 'file', 4096);
  const cutBytes = fields.cutBytes === undefined ? 0 : whole(fields.cutBytes, 'cutBytes');
  if (fields.text !== undefined) {
    return { name, kind, file, cutBytes, text: text(fields.text, 'text', SYNC_LIMITS.inline) };
  }
  if (fields.base64 !== undefined) {
    return { name, kind, file, cutBytes, base64: readBase64(fields.base64) };
  }
  return {
    name,
    kind,
    file,
    cutBytes,
    uploaded: whole(fields.uploaded, 'uploaded', 0, SYNC_LIMITS.parts),
    bytes: whole(fields.bytes, 'bytes'),
    sha256: sha256Hex(fields.sha256, 'sha256'),
  };
}

function readBase64(value: unknown): string {
  const encoded = text(value, 'base64', SYNC_LIMITS.inline);
  if (encoded.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return encoded;
  throw mismatch('base64', 'base64 with padding (RFC 4648)', encoded);
}
