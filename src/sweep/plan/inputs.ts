import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { WindrowError } from '#base';
import type { Input } from '#model';
import { planErrors } from '../errors.ts';
import type { SweepDocument } from '../file/schema.ts';
import { describeOrigin } from '../template/origin.ts';
import type { PlannedBlob, SweepDraft } from './draft.ts';
import { readFileFacts } from './file-digests.ts';

/** A template is held in memory and filled in for each task. */
const MAX_TEMPLATE_BYTES = 16 * 2 ** 20;

export interface PlannedInputs {
  readonly inputs: readonly Input[];
  readonly blobs: readonly PlannedBlob[];
  readonly templates: ReadonlyMap<string, string>;
  readonly problems: readonly WindrowError[];
}

type InputDraft = NonNullable<SweepDocument['inputs']>[string];

/** Files and templates that attempts are given, by their digests. */
export async function planInputs(draft: SweepDraft): Promise<PlannedInputs> {
  const inputs: Input[] = [];
  const blobs: PlannedBlob[] = [];
  const templates = new Map<string, string>();
  const problems: WindrowError[] = [];
  for (const [name, from] of Object.entries(draft.document.inputs ?? {})) {
    if ('parameter' in from) {
      inputs.push({ name, from: { kind: 'parameter', column: from.parameter } });
      continue;
    }
    const written = pathOf(from);
    const path = resolve(draft.base, written);
    const facts = await readFileFacts(path);
    if ('trouble' in facts) {
      problems.push(unusable(draft, name, written, facts.trouble));
      continue;
    }
    const { sha256, bytes, executable } = facts;
    if ('template' in from) {
      const text = await readTemplate(path, bytes);
      if (text.trouble !== undefined) problems.push(unusable(draft, name, written, text.trouble));
      else templates.set(sha256, text.text);
    }
    const kind = 'template' in from ? 'template' : 'file';
    inputs.push({ name, from: { kind, blob: sha256, bytes } });
    blobs.push({ path, sha256, bytes, executable });
  }
  return { inputs, blobs, templates, problems };
}

function pathOf(from: Exclude<InputDraft, { parameter: string }>): string {
  return 'template' in from ? from.template : from.file;
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

function unusable(draft: SweepDraft, name: string, path: string, found: string): WindrowError {
  const where = describeOrigin(draft.findOrigin(['inputs', name]));
  return planErrors.create('SWEEP_FILE_MISSING', { where, path, found, base: draft.base });
}
