/** `windrow data put/get/pin/unpin/rm/purge/verify` */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { formatBytes, printable, printableLines, systemReasonOf } from '#base';
import type { Verdict } from '#datastore';
import type { CommandInput } from '../command.ts';
import type { DataDesk, ReadEntry } from '../data-desk.ts';
import { withData } from '../data-session.ts';
import { cliErrors } from '../errors.ts';
import { formatCount } from '../format.ts';
import { receiveFile } from '../receive-file.ts';
import { codedError, errorText } from '../report-error.ts';
import type * as specs from '../table/data.ts';
import { openTransferBar } from '../transfer-bar.ts';
import type { World } from '../world.ts';

const USER_PIN = 'user';

export async function dataPut(
  input: CommandInput<typeof specs.put>,
  world: World,
): Promise<number> {
  const [file = '', key = ''] = input.args;
  const { sha256 } = input.options;
  const path = file === '-' ? null : resolve(world.surroundings.directory, file);
  const found = path === null ? null : await look(path);
  return withData(input, world, async (desk) => {
    const bar = await openTransferBar(input.options.json || path === null, world.stderr);
    const view = await desk
      .put(path ?? (world.stdin as Readable), {
        key,
        signal: world.ending,
        onProgress: (sentBytes) => bar.update(file, sentBytes, found ?? sentBytes),
        ...(sha256 === undefined ? {} : { digests: { sha256 } }),
        ...(found === null ? {} : { bytes: found }),
      })
      .finally(() => bar.end());
    if (input.options.json) await world.stdout.json(view);
    else await world.stdout.line(view.path);
    return 0;
  });
}

/** Its length. Throws DATA_FILE_UNREADABLE. */
async function look(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isFile()) return found.size;
  } catch (error) {
    throw cliErrors.create('DATA_FILE_FAILED', { path, reason: systemReasonOf(error) });
  }
  throw cliErrors.create('DATA_FILE_FAILED', { path, reason: 'it is no plain file' });
}

export async function dataGet(
  input: CommandInput<typeof specs.get>,
  world: World,
): Promise<number> {
  const key = input.args[0]!;
  const { to } = input.options;
  return withData(input, world, async (desk) => {
    const done = await desk.read(key, async (entry) => {
      if (to === undefined) await printBytes(key, entry, world);
      else await receive(key, resolve(world.surroundings.directory, to), entry, world);
      return true;
    });
    if (done === null) throw cliErrors.create('DATA_NOT_HERE', { key });
    return 0;
  });
}

/** Whoever reads it to the end has the right bytes, or an error. */
async function printBytes(key: string, entry: ReadEntry, world: World): Promise<void> {
  const hash = createHash('sha256');
  for await (const block of entry.open(0)) {
    hash.update(block);
    await world.stdout.write(block as Buffer);
  }
  if (hash.digest('hex') !== entry.sha256) throw cliErrors.create('DATA_GOT_DAMAGED', { key });
}

async function receive(key: string, path: string, entry: ReadEntry, world: World): Promise<void> {
  const bar = await openTransferBar(false, world.stderr);
  const left: string[] = [];
  try {
    await receiveFile(entry, {
      ...{ key, path },
      onBytes: (bytes) => bar.update(path, bytes, entry.bytes),
      onLeft: (part) => void left.push(part),
    });
  } finally {
    bar.end();
    for (const part of left) {
      const told = `what came is kept in ${part}; the same command goes on from there`;
      world.stderr.attempt(printableLines(`windrow: ${told}\n`));
    }
  }
}

export async function dataPin(
  input: CommandInput<typeof specs.pin>,
  world: World,
): Promise<number> {
  const { name = USER_PIN } = input.options;
  return forEachKey(input, world, async (desk, key) => {
    const view = await desk.pin(key, name);
    if (input.options.json) await world.stdout.json(view);
  });
}

export async function dataUnpin(
  input: CommandInput<typeof specs.unpin>,
  world: World,
): Promise<number> {
  const { name = USER_PIN } = input.options;
  return withData(input, world, async (desk) => {
    let unpinned = 0;
    if (input.args.length === 0) unpinned = await desk.unpin(name);
    for (const key of input.args) unpinned += await desk.unpin(name, key);
    if (input.options.json) await world.stdout.json({ unpinned });
    else await world.stdout.line(`${formatCount(unpinned)} unpinned`);
    return 0;
  });
}

export async function dataRm(input: CommandInput<typeof specs.rm>, world: World): Promise<number> {
  return forEachKey(input, world, async (desk, key) => {
    if (!(await desk.remove(key))) throw cliErrors.create('DATA_NOT_HERE', { key });
    if (input.options.json) await world.stdout.json({ key, removed: true });
  });
}

/** One that cannot be done is told of, and the others are done. */
async function forEachKey(
  input: CommandInput<typeof specs.rm>,
  world: World,
  act: (desk: DataDesk, key: string) => Promise<void>,
): Promise<number> {
  return withData(input, world, async (desk) => {
    let failed = 0;
    for (const key of input.args) {
      try {
        await act(desk, key);
      } catch (error) {
        failed++;
        const coded = codedError(error, world.surroundings, world.clock.now());
        world.stderr.attempt(errorText(coded, input.options.json));
      }
    }
    return failed === 0 ? 0 : 1;
  });
}

export async function dataPurge(
  input: CommandInput<typeof specs.purge>,
  world: World,
): Promise<number> {
  const { olderThan, to } = input.options;
  return withData(input, world, async (desk) => {
    const aged = await desk.purge({
      ...(olderThan === undefined ? {} : { unusedMs: olderThan }),
      ...(to === undefined ? {} : { toBytes: to }),
    });
    const { removed, freedBytes, kept } = aged;
    if (input.options.json) await world.stdout.json(aged);
    else {
      const stays = kept === 0 ? '' : `; ${formatCount(kept)} are pinned or in use and stay`;
      const gone = `${formatCount(removed)} removed, ${formatBytes(freedBytes)} freed`;
      await world.stdout.line(`${gone}${stays}`);
    }
    return 0;
  });
}

export async function dataVerify(
  input: CommandInput<typeof specs.verify>,
  world: World,
): Promise<number> {
  const { share, json } = input.options;
  const keys = input.args;
  return withData(input, world, async (desk, place) => {
    const onBad = (key: string, verdict: Verdict) => {
      // A store that is here tells of damage by itself, and why.
      if (verdict === 'changed' || (verdict === 'corrupt' && place === 'here')) return;
      const what = verdict === 'missing' ? 'is not in the datastore' : 'was damaged and set aside';
      world.stderr.attempt(printableLines(`windrow: ${printable(key)} ${what}\n`));
    };
    const verified = await desk.verify({
      keys,
      share: share === undefined ? undefined : Math.min(1, share),
      signal: world.ending,
      onBad,
    });
    const { good, corrupt, missing, bytes } = verified;
    if (json) await world.stdout.json(verified);
    else {
      const facts = `${formatCount(good)} good (${formatBytes(bytes)}), ${formatCount(corrupt)} damaged`;
      await world.stdout.line(missing === 0 ? facts : `${facts}, ${formatCount(missing)} missing`);
    }
    return corrupt + missing === 0 ? 0 : 1;
  });
}
