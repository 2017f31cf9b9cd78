import { delimiter, isAbsolute, resolve } from 'node:path';
import type { Command, JobSpec } from '#model';
import { fixedWords, programWord } from './command-words.ts';
import type { SweepDraft } from './draft.ts';
import { readFileFacts, sizeOf } from './file-digests.ts';

/** Larger files are not read: they would make every start of a sweep wait. */
const MAX_BYTES = 256 * 2 ** 20;

/**
 * Files that the command names but Windrow does not ship: the program as `PATH` finds it, scripts,
 * data. Their digests let a changed file lead to a re-run. `shipped` are names inside scratch.
 */
export async function planReferences(
  { base, searchPath, document }: SweepDraft,
  command: Command,
  shipped: ReadonlySet<string>,
  directory: 'scratch' | 'submit',
): Promise<{ references: JobSpec['references']; warnings: string[] }> {
  const references: { path: string; sha256: string }[] = [];
  const warnings: string[] = [];
  const program = programWord(command)?.text;
  const words = new Set(fixedWords(command).map(({ text }) => text));
  for (const word of words) {
    if (shipped.has(word.replace(/^\.\//, ''))) continue;
    const path = await findFile(word, word === program, base, searchPath);
    if (path === undefined) continue;
    const { size, trouble } = await sizeOf(path);
    if (trouble !== undefined) continue;
    if (size > MAX_BYTES) {
      warnings.push(`${word} is larger than 256 MiB: a change of it does not lead to re-runs`);
      continue;
    }
    const facts = await readFileFacts(path);
    if (!('trouble' in facts)) references.push({ path: word, sha256: facts.sha256 });
    const stays = directory === 'scratch' && !isAbsolute(word) && word !== program;
    if (stays && document.inputs?.[word] === undefined) warnings.push(notInScratch(word));
  }
  return { references, warnings };
}

async function findFile(
  word: string,
  isProgram: boolean,
  base: string,
  searchPath: string,
): Promise<string | undefined> {
  if (!isProgram || word.includes('/')) return resolve(base, word);
  for (const folder of searchPath.split(delimiter)) {
    const path = resolve(base, folder, word);
    if ((await sizeOf(path)).trouble === undefined) return path;
  }
  return undefined;
}

function notInScratch(word: string): string {
  return (
    `the command names ${word}, which will not be in the directory of the attempts: ` +
    `add it to [inputs], e.g. "${word}" = { file = "${word}" }`
  );
}
