/** The worker's check of what the server answers to a sync. */
import {
  type Asked,
  CHIRP_LIMITS,
  type Command,
  type Hold,
  type Input,
  type ProgramBuild,
  type RemoteInput,
  type ResourceRequest,
  type ResultSource,
  type StagedFile,
} from '#model';
import { readAttribute } from './attributes.ts';
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
import { readClientOffer } from './client-offer.ts';
import { readErrand } from './errand.ts';
import { wireErrors } from './errors.ts';
import { isRunOfGrants, readRunOfGrants } from './runs-of-grants.ts';
import {
  type DataWish,
  type GrantedAttempt,
  type JobDescription,
  PROTOCOL_VERSION,
  type SyncResponse,
  type TaskPast,
} from './sync.ts';
import { readHold, SYNC_LIMITS } from './sync-schema.ts';
import { readIsolation } from './walls-schema.ts';

const COLUMNS = 100_000;
const NAMES = 100_000;
/** Characters of one cell, command or environment value. */
const VALUE = 1 << 24;
const PATH = 4096;
const MODES = new Set(['immutable', 'pin'] as const);
const PLACES = new Set(['server', 'origin'] as const);
const CANCEL_CAUSES = new Set(['superseded', 'cancelled', 'recalled'] as const);

/** Reads the answer to a sync. Throws `PROTOCOL_MISMATCH` or `MESSAGE_MALFORMED`. */
export function parseSyncResponse(json: unknown, workerVersion: string): SyncResponse {
  return checked(() => {
    const fields = object(json, '');
    return {
      protocol: checkServersProtocol(fields, workerVersion),
      jobs: list(fields.jobs, 'jobs', SYNC_LIMITS.jobs, readJob),
      attempts: readGrants(fields.attempts),
      cancel: list(fields.cancel, 'cancel', SYNC_LIMITS.holding, readCancel),
      errands: list(fields.errands, 'errands', SYNC_LIMITS.errands, readErrand),
      data: fields.data === null ? null : inner(fields.data, 'data', readWishes),
      settings: inner(fields.settings, 'settings', readSettings),
    };
  });
}

/** A server of another protocol refuses the request; this is for one that does not. */
function checkServersProtocol(fields: JsonObject, workerVersion: string): number {
  const found = whole(fields.protocol, 'protocol');
  if (found === PROTOCOL_VERSION) return found;
  throw wireErrors.create('PROTOCOL_MISMATCH', {
    workerVersion,
    workerProtocol: PROTOCOL_VERSION,
    serverVersion: 'of unknown version',
    serverProtocol: found,
  });
}

function readSettings(fields: JsonObject): SyncResponse['settings'] {
  return {
    leaseMs: whole(fields.leaseMs, 'leaseMs', 1),
    slots: fields.slots === null ? null : whole(fields.slots, 'slots', 0, SYNC_LIMITS.slots),
    drain: flag(fields.drain, 'drain'),
    stop: flag(fields.stop, 'stop'),
    client: fields.client == null ? null : inner(fields.client, 'client', readClientOffer),
    policy: fields.policy == null ? null : inner(fields.policy, 'policy', readPolicy),
    tellWalls: flag(fields.tellWalls, 'tellWalls'),
    // Servers of versions that knew no offers do not ask for them.
    tellOffer: fields.tellOffer === true,
  };
}

function readWishes(fields: JsonObject): SyncResponse['data'] {
  return {
    version: text(fields.version, 'version', 1000),
    wishes: list(fields.wishes, 'wishes', SYNC_LIMITS.wishes, readWish),
  };
}

function readWish(value: unknown): DataWish {
  const fields = object(value, '');
  return {
    ...readBlob(fields),
    origin: fields.origin === null ? null : text(fields.origin, 'origin', 8192),
    fetch: flag(fields.fetch, 'fetch'),
  };
}

const POLICY_TEXT = 2 << 20;

function readPolicy(fields: JsonObject): { version: string; text: string } {
  return {
    version: text(fields.version, 'version', 100),
    text: text(fields.text, 'text', POLICY_TEXT),
  };
}

function readAsked(fields: JsonObject): Asked {
  return {
    memoryBytes: whole(fields.memoryBytes, 'memoryBytes'),
    diskBytes: whole(fields.diskBytes, 'diskBytes'),
    timeoutMs: whole(fields.timeoutMs, 'timeoutMs'),
  };
}

function readPast(fields: JsonObject): TaskPast {
  return {
    holds: whole(fields.holds, 'holds'),
    completions: whole(fields.completions, 'completions'),
    lastHold: fields.lastHold == null ? null : inner(fields.lastHold, 'lastHold', readLastHold),
    // Servers of earlier versions say nothing of these.
    attributes:
      fields.attributes == null
        ? []
        : list(fields.attributes, 'attributes', CHIRP_LIMITS.attributes, (one) =>
            readAttribute(object(one, '')),
          ),
  };
}

function readLastHold(fields: JsonObject): Hold & { reason: string } {
  return { ...readHold(fields), reason: text(fields.reason, 'reason', 4000) };
}

function readCancel(value: unknown): SyncResponse['cancel'][number] {
  const fields = object(value, '');
  return {
    ticket: whole(fields.ticket, 'ticket', 1),
    cause: oneOf(fields.cause, 'cause', CANCEL_CAUSES),
  };
}

/** Attempts one by one, and runs of them. */
function readGrants(value: unknown): GrantedAttempt[] {
  const attempts: GrantedAttempt[] = [];
  list(value, 'attempts', SYNC_LIMITS.attempts, (entry) => {
    const fields = object(entry, '');
    const left = SYNC_LIMITS.attempts - attempts.length;
    const limits = { attempts: left, columns: COLUMNS, readCell: readValue };
    const read = isRunOfGrants(fields) ? readRunOfGrants(fields, limits) : [readGrant(fields)];
    if (read.length > left) throw mismatch('', `one of ${SYNC_LIMITS.attempts} attempts`, entry);
    attempts.push(...read);
  });
  return attempts;
}

function readGrant(fields: JsonObject): GrantedAttempt {
  return {
    ticket: whole(fields.ticket, 'ticket', 1),
    job: whole(fields.job, 'job', 1),
    task: whole(fields.task, 'task'),
    number: whole(fields.number, 'number', 1),
    cells: list(fields.cells, 'cells', COLUMNS, readValue),
    past: fields.past == null ? null : inner(fields.past, 'past', readPast),
    asked: fields.asked == null ? null : inner(fields.asked, 'asked', readAsked),
  };
}

function readJob(value: unknown): JobDescription {
  const fields = object(value, '');
  return {
    id: whole(fields.id, 'id', 1),
    name: text(fields.name, 'name', PATH),
    columns: list(fields.columns, 'columns', COLUMNS, readValue),
    command: inner(fields.command, 'command', readCommand),
    inputs: list(fields.inputs, 'inputs', NAMES, readInput),
    results: list(fields.results, 'results', NAMES, readResult),
    programName: readProgramName(fields.programName),
    programs: list(fields.programs, 'programs', 1000, readProgram),
    environment: inner(fields.environment, 'environment', readEnvironment),
    directory: inner(fields.directory, 'directory', readDirectory),
    timeoutMs: whole(fields.timeoutMs, 'timeoutMs'),
    killGraceMs: whole(fields.killGraceMs, 'killGraceMs'),
    request: inner(fields.request, 'request', readRequest),
    isolation: inner(fields.isolation, 'isolation', readIsolation),
    logBytes: whole(fields.logBytes, 'logBytes'),
    resultBytes: whole(fields.resultBytes, 'resultBytes'),
    deleteWorker: flag(fields.deleteWorker, 'deleteWorker'),
    deleteClient: flag(fields.deleteClient, 'deleteClient'),
    chirp: inner(fields.chirp, 'chirp', readChirp),
    // Servers of earlier versions say nothing of these.
    owner: fields.owner == null ? '' : text(fields.owner, 'owner', VALUE),
    successExitCode: fields.successExitCode == null ? 0 : readExitCode(fields.successExitCode),
    ad: fields.ad == null ? '' : text(fields.ad, 'ad', VALUE),
  };
}

function readExitCode(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw mismatch('successExitCode', 'a whole number', value);
}

function readCommand(fields: JsonObject): Command {
  if (fields.kind === 'shell') {
    return { kind: 'shell', template: text(fields.template, 'template', VALUE) };
  }
  if (fields.kind === 'argv') {
    return { kind: 'argv', template: list(fields.template, 'template', NAMES, readValue) };
  }
  throw mismatch('kind', 'shell | argv', fields.kind);
}

function readChirp(fields: JsonObject): JobDescription['chirp'] {
  return { io: flag(fields.io, 'io'), delayed: flag(fields.delayed, 'delayed') };
}

function readInput(value: unknown): Input {
  const fields = object(value, '');
  return { name: fileName(fields.name, 'name'), from: inner(fields.from, 'from', readInputSource) };
}

function readInputSource(fields: JsonObject): Input['from'] {
  const { kind } = fields;
  if (kind === 'parameter') return { kind, column: text(fields.column, 'column', PATH) };
  if (kind === 'template') return { kind, ...readBlob(fields) };
  if (kind === 'file') {
    // Jobs of earlier versions say nothing of these.
    const { writable, executable } = fields;
    const rights = { writable: writable === true, executable: executable === true };
    return { kind, ...readBlob(fields), ...rights };
  }
  if (kind === 'url') return readRemoteInput(fields);
  if (kind === 'plugin') {
    const plugin = inner(fields.plugin, 'plugin', (one) => {
      return { name: readProgramName(one.name), ...readBlob(one) };
    });
    return { kind, ...readSource(fields), plugin };
  }
  if (kind === 'files') {
    const column = text(fields.column, 'column', PATH);
    return { kind, column, files: inner(fields.files, 'files', readStagedFiles) };
  }
  throw mismatch('kind', 'template | file | parameter | files | url | plugin', kind);
}

function readRemoteInput(fields: JsonObject): RemoteInput {
  return {
    kind: 'url',
    ...readSource(fields),
    mode: oneOf(fields.mode, 'mode', MODES),
    from: oneOf(fields.from, 'from', PLACES),
    writable: flag(fields.writable, 'writable'),
    version: fields.version === null ? null : inner(fields.version, 'version', readVersion),
  };
}

/** Where the server got it is of no use to workers. */
function readVersion(fields: JsonObject): { blob: string; bytes: number; source: string } {
  return { ...readBlob(fields), source: '' };
}

function readBlob(fields: JsonObject): { blob: string; bytes: number } {
  return { blob: sha256Hex(fields.blob, 'blob'), bytes: whole(fields.bytes, 'bytes') };
}

function readSource(fields: JsonObject): { url: string; sha256: string; md5: string } {
  return {
    url: text(fields.url, 'url', 8192),
    sha256: fields.sha256 === '' ? '' : sha256Hex(fields.sha256, 'sha256'),
    md5: fields.md5 === '' ? '' : readMd5(fields.md5),
  };
}

function readStagedFiles(fields: JsonObject): Record<string, readonly StagedFile[]> {
  const entries = Object.entries(fields);
  if (entries.length > NAMES) throw mismatch('', `at most ${NAMES} lists of files`, fields);
  return Object.fromEntries(
    entries.map(([cell, value]) => [cell, list(value, cell, NAMES, readStagedFile)]),
  );
}

function readStagedFile(value: unknown): StagedFile {
  const fields = object(value, '');
  return {
    name: fileName(fields.name, 'name'),
    blob: sha256Hex(fields.blob, 'blob'),
    bytes: whole(fields.bytes, 'bytes'),
    executable: flag(fields.executable, 'executable'),
  };
}

function readResult(value: unknown): ResultSource {
  const fields = object(value, '');
  return {
    name: label(fields.name, 'name', 255),
    from: inner(fields.from, 'from', readResultSource),
    required: flag(fields.required, 'required'),
  };
}

function readResultSource(fields: JsonObject): ResultSource['from'] {
  const { kind } = fields;
  if (kind === 'stdout' || kind === 'stderr') return { kind };
  if (kind === 'file') return { kind, path: fileName(fields.path, 'path') };
  if (kind === 'glob') return { kind, pattern: fileName(fields.pattern, 'pattern') };
  if (kind === 'tree') return { kind, path: fileName(fields.path, 'path') };
  if (kind === 'changed') return { kind };
  throw mismatch('kind', 'stdout | stderr | file | glob | tree | changed', kind);
}

function readProgram(value: unknown): ProgramBuild {
  const fields = object(value, '');
  return {
    platform: label(fields.platform, 'platform', 100),
    sha256: sha256Hex(fields.sha256, 'sha256'),
    md5: readMd5(fields.md5),
    bytes: whole(fields.bytes, 'bytes'),
  };
}

function readMd5(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)) return value;
  throw mismatch('md5', '32 lower-case hex digits', value);
}

/** A file name without any directory, or `''`. */
function readProgramName(value: unknown): string {
  const name = text(value, 'programName', 255);
  if (!/[/\x00-\x1f]/.test(name) && name !== '.' && name !== '..') return name;
  throw mismatch('programName', 'a file name without a directory', value);
}

function readEnvironment(fields: JsonObject): Record<string, string> {
  const entries = Object.entries(fields);
  if (entries.length > NAMES) throw mismatch('', `at most ${NAMES} variables`, fields);
  return Object.fromEntries(entries.map(([name, value]) => readVariable(name, value)));
}

function readVariable(name: string, value: unknown): [string, string] {
  if (name === '' || /[=\0]/.test(name)) throw mismatch(name, 'a name without "="', name);
  const content = text(value, name, VALUE);
  if (content.includes('\0')) throw mismatch(name, 'a value without NUL', content);
  return [name, content];
}

function readDirectory(fields: JsonObject): JobDescription['directory'] {
  if (fields.kind === 'scratch') return { kind: 'scratch' };
  if (fields.kind === 'submit') return { kind: 'submit', path: absolutePath(fields.path) };
  throw mismatch('kind', 'scratch | submit', fields.kind);
}

function absolutePath(value: unknown): string {
  const path = text(value, 'path', PATH);
  if (path.startsWith('/') && !path.includes('\0')) return path;
  throw mismatch('path', 'an absolute path', value);
}

function readRequest(fields: JsonObject): ResourceRequest {
  return {
    cpus: quantity(fields.cpus, 'cpus'),
    memoryBytes: whole(fields.memoryBytes, 'memoryBytes'),
    diskBytes: whole(fields.diskBytes, 'diskBytes'),
    processes: whole(fields.processes, 'processes'),
    gpus: whole(fields.gpus, 'gpus'),
    timeMs: whole(fields.timeMs, 'timeMs'),
  };
}

function fileName(value: unknown, key: string): string {
  const path = innerPath(value, key, PATH);
  if (path !== '') return path;
  throw mismatch(key, 'a relative path', value);
}

function readValue(value: unknown): string {
  return text(value, '', VALUE);
}
