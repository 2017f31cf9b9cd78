import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { WindrowError } from '#base';
import type { Input, PluginInput } from '#model';
import { planErrors } from '../errors.ts';
import type { SweepDocument } from '../file/schema.ts';
import { describeOrigin } from '../template/origin.ts';
import type { PlannedBlob, SweepDraft } from './draft.ts';
import { type FileFacts, readFileFacts } from './file-digests.ts';
import {
  localPathOf,
  pluginInput,
  type RemoteDraft,
  readUrl,
  remoteInput,
  spelledOut,
} from './remote.ts';

/** A template is held in memory and filled in for each task. */
const MAX_TEMPLATE_BYTES = 16 * 2 ** 20;

export interface PlannedInputs {
  readonly inputs: readonly Input[];
  readonly blobs: readonly PlannedBlob[];
  readonly templates: ReadonlyMap<string, string>;
  readonly problems: readonly WindrowError[];
}

type InputDraft = NonNullable<SweepDocument['inputs']>[string];
type LocalDraft = Extract<InputDraft, { file: string }>;
/** Every way to write an input, once its name in `[data]` has been looked up. */
type Resolved = LocalDraft | RemoteDraft | { template: string } | { parameter: string };

/** What is known of a sweep's inputs so far. */
interface Planning {
  readonly draft: SweepDraft;
  readonly plugins: ReadonlyMap<string, PluginInput['plugin']>;
  readonly inputs: Input[];
  readonly blobs: PlannedBlob[];
  readonly templates: Map<string, string>;
  readonly problems: WindrowError[];
}

/** Files, templates and URLs that attempts are given, files by their digests. */
export async function planInputs(draft: SweepDraft): Promise<PlannedInputs> {
  const known = { draft, inputs: [], blobs: [], templates: new Map(), problems: [] };
  const plugins = await planPlugins(draft, known.blobs, known.problems);
  const planning: Planning = { ...known, plugins };
  const { inputs = {}, data = {} } = draft.document;
  const used = new Set<string>();
  for (const [name, written] of Object.entries(inputs)) {
    const place = ['inputs', name];
    if (typeof written === 'string' || !('data' in written)) {
      await planOne(planning, name, spelledOut(written), place);
      continue;
    }
    const { data: source, writable } = written;
    used.add(source);
    const shared = data[source];
    if (shared === undefined) {
      planning.problems.push(unknownData(draft, place, source));
      continue;
    }
    const from = spelledOut(shared);
    await planOne(planning, name, writable === undefined ? from : { ...from, writable }, [
      'data',
      source,
    ]);
  }
  for (const [name, written] of Object.entries(data)) {
    if (!used.has(name)) await planOne(planning, name, spelledOut(written), ['data', name]);
  }
  return planning;
}

async function planOne(
  planning: Planning,
  name: string,
  from: Resolved,
  place: readonly string[],
): Promise<void> {
  if ('parameter' in from) {
    planning.inputs.push({ name, from: { kind: 'parameter', column: from.parameter } });
    return;
  }
  if ('url' in from) {
    const path = localPathOf(from.url);
    const { sha256, md5, writable } = from;
    if (path === null) planRemote(planning, name, from, place);
    else await planFile(planning, name, { file: path, sha256, md5, writable }, place);
    return;
  }
  await planFile(planning, name, from, place);
}

function planRemote(
  { draft, plugins, inputs, problems }: Planning,
  name: string,
  from: RemoteDraft,
  place: readonly string[],
): void {
  const read = readUrl(from.url);
  if ('fault' in read) {
    const facts = { where: describeOrigin(draft.findOrigin(place)), why: read.fault };
    problems.push(planErrors.create('SWEEP_BAD_URL', facts));
    return;
  }
  const plugin = plugins.get(read.scheme);
  const source = plugin ? pluginInput(read, from, plugin) : remoteInput(read, from);
  inputs.push({ name, from: source });
}

async function planFile(
  planning: Planning,
  name: string,
  from: LocalDraft | { template: string },
  place: readonly string[],
): Promise<void> {
  const { draft, inputs, blobs, templates, problems } = planning;
  const written = 'template' in from ? from.template : from.file;
  const path = resolve(draft.base, written);
  const facts = await readFileFacts(path);
  const trouble = 'trouble' in facts ? facts.trouble : digestTrouble(facts, from);
  if (trouble !== null || 'trouble' in facts) {
    problems.push(unusable(draft, place, written, trouble ?? ''));
    return;
  }
  const { sha256, bytes, executable } = facts;
  if ('template' in from) {
    const text = await readTemplate(path, bytes);
    if (text.trouble !== undefined) problems.push(unusable(draft, place, written, text.trouble));
    else templates.set(sha256, text.text);
    inputs.push({ name, from: { kind: 'template', blob: sha256, bytes } });
  } else {
    const writable = from.writable ?? false;
    inputs.push({ name, from: { kind: 'file', blob: sha256, bytes, writable, executable } });
  }
  blobs.push({ path, sha256, bytes, executable });
}

function digestTrouble(facts: FileFacts, from: LocalDraft | { template: string }): string | null {
  if ('template' in from) return null;
  if (from.sha256 !== undefined && from.sha256 !== facts.sha256) {
    return `its SHA-256 is ${facts.sha256}, not what is written beside it`;
  }
  if (from.md5 === undefined || from.md5 === facts.md5) return null;
  return `its MD5 is ${facts.md5}, not what is written beside it`;
}

/** `"gsiftp,osdf" = "./plugin"`: by scheme. */
async function planPlugins(
  draft: SweepDraft,
  blobs: PlannedBlob[],
  problems: WindrowError[],
): Promise<Map<string, PluginInput['plugin']>> {
  const plugins = new Map<string, PluginInput['plugin']>();
  for (const [schemes, written] of Object.entries(draft.document['transfer-plugins'] ?? {})) {
    const path = resolve(draft.base, written);
    const facts = await readFileFacts(path);
    const place = ['transfer-plugins', schemes];
    if ('trouble' in facts) problems.push(unusable(draft, place, written, facts.trouble));
    else if (!facts.executable) {
      problems.push(unusable(draft, place, written, 'it may not be executed'));
    } else {
      const { sha256, bytes } = facts;
      const plugin = { name: basename(path), blob: sha256, bytes };
      for (const scheme of schemes.split(',')) plugins.set(scheme.trim().toLowerCase(), plugin);
      blobs.push({ path, sha256, bytes, executable: true });
    }
  }
  return plugins;
}

async function readTemplate(
  path: string,
  bytes: number,
): Promise<{ text: string; trouble?: string }> {
  if (bytes > MAX_TEMPLATE_BYTES) return { text: '', trouble: 'a template has at most 16 MiB' };
  const content = await readFile(path);
  return isUtf8(content)
    ? { text: content.toString('utf8') }
    : { text: '', trouble: 'a template must be UTF-8 text' };
}

function unusable(
  draft: SweepDraft,
  place: readonly string[],
  path: string,
  found: string,
): WindrowError {
  const where = describeOrigin(draft.findOrigin(place));
  return planErrors.create('SWEEP_FILE_MISSING', { where, path, found, base: draft.base });
}

function unknownData(draft: SweepDraft, place: readonly string[], found: string): WindrowError {
  const where = describeOrigin(draft.findOrigin(place));
  const known =
    Object.keys(draft.document.data ?? {})
      .slice(0, 8)
      .join(', ') || 'none';
  return planErrors.create('SWEEP_UNKNOWN_DATA', { where, found, known });
}
