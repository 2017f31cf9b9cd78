import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { printableLines, systemReasonOf } from '#base';
import { type ChirpClient, openChirp } from '../chirp-client.ts';
import type { CommandInput } from '../command.ts';
import { cliErrors } from '../errors.ts';
import type { chirp as spec } from '../table/chirp.ts';
import type { World } from '../world.ts';

type Input = CommandInput<typeof spec>;

interface Verb {
  /** Arguments behind it, for messages. */
  readonly usage: string;
  readonly least: number;
  readonly most: number;
  run(client: ChirpClient, args: readonly string[], input: Input, world: World): Promise<void>;
}

/** Verbs whose request has the same name and needs no more than an answer. */
function plain(usage: string, count: number, request?: string): Verb {
  return {
    usage,
    least: count,
    most: count,
    async run(client, args, input) {
      await client.ask([request ?? input.args[0]!, ...args]);
    },
  };
}

/** Verbs that print what the answer brings. */
function printing(usage: string, count: number, ...more: readonly string[]): Verb {
  return {
    usage,
    least: count,
    most: count,
    async run(client, args, input, world) {
      const bytes = await client.ask([input.args[0]!, ...args, ...more]);
      await printBytes(client, bytes, world);
    },
  };
}

const VERBS: Readonly<Record<string, Verb>> = {
  set_job_attr: plain('NAME EXPRESSION', 2),
  get_job_attr: printing('NAME', 1),
  set_job_attr_delayed: plain('NAME EXPRESSION', 2),
  get_job_attr_delayed: printing('NAME', 1),
  ulog: { ...plain('TEXT', 1), most: 100 },
  fetch: { usage: 'REMOTE LOCAL', least: 2, most: 2, run: fetchFile },
  put: { usage: 'LOCAL REMOTE', least: 2, most: 2, run: putFile },
  remove: plain('REMOTE', 1, 'unlink'),
  rmdir: {
    usage: 'REMOTE',
    least: 1,
    most: 1,
    async run(client, args, { options }) {
      await client.ask([options.recursive ? 'rmall' : 'rmdir', ...args]);
    },
  },
  getdir: {
    usage: 'REMOTE',
    least: 1,
    most: 1,
    async run(client, args, { options }, world) {
      const bytes = await client.ask([options.long ? 'getlongdir' : 'getdir', ...args]);
      await printBytes(client, bytes, world);
    },
  },
  whoami: printing('', 0, '5120'),
  readlink: printing('REMOTE', 1, '4096'),
  stat: { usage: 'REMOTE', least: 1, most: 1, run: printLine },
  lstat: { usage: 'REMOTE', least: 1, most: 1, run: printLine },
  statfs: { usage: 'REMOTE', least: 1, most: 1, run: printLine },
  access: {
    usage: 'REMOTE MODE',
    least: 2,
    most: 2,
    async run(client, [path, mode = '']) {
      const bits = [...mode].reduce((sum, letter) => sum | (ACCESS[letter] ?? 0), 0);
      await client.ask(['access', path!, String(bits)]);
    },
  },
  chmod: {
    usage: 'REMOTE OCTAL-MODE',
    least: 2,
    most: 2,
    async run(client, [path, mode = '']) {
      await client.ask(['chmod', path!, String(octal(mode))]);
    },
  },
  truncate: plain('REMOTE LENGTH', 2),
  utime: plain('REMOTE ACCESSED MODIFIED', 3),
};

const ACCESS: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1, f: 0 };

/** `windrow chirp` */
export async function chirp(input: Input, world: World): Promise<number> {
  const [name = '', ...args] = input.args;
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name]! : null;
  if (!verb) {
    const problem = name === '' ? 'nothing was asked for' : `there is no "${name}"`;
    const known = Object.keys(VERBS).join(', ');
    throw cliErrors.create('USAGE_WRONG', {
      problem: `${problem}; known are ${known}`,
      help: 'windrow chirp --help',
    });
  }
  if (args.length < verb.least || args.length > verb.most) {
    const problem = `expected: windrow chirp ${name} ${verb.usage}`;
    throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow chirp --help' });
  }
  const client = await openChirp(world.surroundings.environment);
  try {
    await verb.run(client, args, input, world);
    return 0;
  } finally {
    client.close();
  }
}

async function fetchFile(client: ChirpClient, args: readonly string[], _: Input, world: World) {
  const [remote = '', local = ''] = args;
  const bytes = await client.ask(['getfile', remote]);
  if (local === '-') {
    for await (const piece of client.bytes(bytes)) await world.stdout.write(piece);
    return;
  }
  // Remote and local may be one file: under its name there is always the whole of it.
  const draft = `${local}.${process.pid}.part`;
  try {
    await pipeline(client.bytes(bytes), createWriteStream(draft));
    await rename(draft, local);
  } catch (error) {
    await rm(draft, { force: true });
    const reason = systemReasonOf(error);
    throw cliErrors.create('OUTPUT_FAILED', { target: local, reason }, { cause: error });
  }
}

async function putFile(client: ChirpClient, args: readonly string[], input: Input, world: World) {
  const [local = '', remote = ''] = args;
  const mode = String(input.options.perm === undefined ? 0o644 : octal(input.options.perm));
  if (local === '-') {
    const pieces: Buffer[] = [];
    for await (const piece of world.stdin) pieces.push(piece as Buffer);
    const content = Buffer.concat(pieces);
    await client.ask(['putfile', remote, mode, String(content.length)], asPieces([content]));
    return;
  }
  const size = await stat(local).then(
    (found) => found.size,
    (error: unknown) => {
      const reason = systemReasonOf(error);
      throw cliErrors.create('PARAMETERS_UNREADABLE', { file: local, reason }, { cause: error });
    },
  );
  const body = size === 0 ? asPieces([]) : createReadStream(local, { end: size - 1 });
  await client.ask(['putfile', remote, mode, String(size)], body as AsyncIterable<Buffer>);
}

async function* asPieces(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}

async function printLine(client: ChirpClient, args: readonly string[], input: Input, world: World) {
  await client.ask([input.args[0]!, ...args]);
  await world.stdout.line(printableLines(await client.line()));
}

async function printBytes(client: ChirpClient, bytes: number, world: World): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of client.bytes(bytes)) pieces.push(piece);
  const text = Buffer.concat(pieces).toString('utf8');
  await world.stdout.line(printableLines(text.replace(/\n$/, '')));
}

function octal(text: string): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  const problem = `${text} is no mode, expected one like 644`;
  throw cliErrors.create('USAGE_WRONG', { problem, help: 'windrow chirp --help' });
}
