/** Parts that processes left which are gone. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, removeFile, unlessGone } from '../disk/files.ts';
import type { Layout } from '../disk/layout.ts';
import type { Sharer } from '../disk/sharer.ts';
import { partOwner, stateOf } from './part-state.ts';

/** Those of one key, this process's own from an earlier transfer among them; the longest first. */
export async function leftParts(layout: Layout, sharer: Sharer, hash: string): Promise<string[]> {
  const found: { readonly path: string; readonly bytes: number }[] = [];
  for await (const { path, owner } of partsIn(layout)) {
    if (owner.hash !== hash) continue;
    if (owner.sharer !== sharer.id && !(await sharer.isGone(owner.sharer))) continue;
    found.push({ path, bytes: (await unlessGone(stat(path)))?.size ?? 0 });
  }
  return found.sort((a, b) => b.bytes - a.bytes).map(({ path }) => path);
}

/** Removes those without a state: nobody can go on with them, or may. */
export async function clearUselessParts(layout: Layout, sharer: Sharer): Promise<void> {
  for await (const { path, owner } of partsIn(layout)) {
    if ((await unlessGone(stat(stateOf(path)))) !== null) continue;
    if (await sharer.isGone(owner.sharer)) await removeFile(path);
  }
}

export async function discardPart(path: string): Promise<void> {
  await removeFile(stateOf(path));
  await removeFile(path);
}

async function* partsIn(layout: Layout) {
  const folder = layout.folder('parts');
  for (const name of await namesIn(folder)) {
    const owner = partOwner(name);
    if (owner !== null) yield { path: join(folder, name), owner };
  }
}
