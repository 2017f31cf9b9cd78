/** A program's side of the chirp protocol: to the worker that runs it, by its `.chirp.config`. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { messageOf, systemReasonOf } from '#base';
import { cliErrors } from './errors.ts';

const CONFIG_MOST_BYTES = 4096;
const ANSWER_MOST_BYTES = 2 ** 40;
const CONNECT_MS = 10_000;

/** What results below 0 mean, for people. */
const FAULTS: Readonly<Record<number, string>> = {
  [-1]: 'the cookie is not the one of this attempt',
  [-2]: 'that is not allowed: the job did not ask for it (want_io_proxy), the name is protected, or the path leads out of the scratch directory',
  [-3]: 'it does not exist',
  [-4]: 'it exists already',
  [-5]: 'it is too big, or there are too many',
  [-6]: 'there is no space left',
  [-8]: 'the request is malformed, or the value is no expression',
  [-9]: 'too many files are open',
  [-10]: 'too many requests in one second; try again',
  [-11]: 'try again',
  [-13]: 'it is a folder',
  [-14]: 'it is no folder',
  [-15]: 'the folder is not empty',
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Opens the conversation of the attempt that this process belongs to. Throws CHIRP_…. */
export async function openChirp(environment: Environment): Promise<ChirpClient> {
  const path =
    environment._CONDOR_CHIRP_CONFIG ??
    join(environment._CONDOR_SCRATCH_DIR ?? environment.WINDROW_SCRATCH ?? '.', '.chirp.config');
  const [host = '', port = '', cookie = ''] = readConfig(path).trim().split(/\s+/);
  const where = host.startsWith('unix:')
    ? { path: host.slice('unix:'.length) }
    : { host, port: Number(port) };
  const socket = await connected(where, host);
  const client = new ChirpClient(socket);
  await client.ask(['cookie', cookie]);
  return client;
}

function readConfig(path: string): string {
  try {
    return readFileSync(path).subarray(0, CONFIG_MOST_BYTES).toString('utf8');
  } catch (error) {
    const reason = systemReasonOf(error);
    throw cliErrors.create('CHIRP_NO_CONFIG', { path, reason }, { cause: error });
  }
}

function connected(where: { path: string } | { host: string; port: number }, host: string) {
  return new Promise<Socket>((resolve, reject) => {
    const refuse = (error: unknown) => {
      socket.destroy();
      reject(
        cliErrors.create('CHIRP_UNREACHABLE', { host, reason: messageOf(error) }, { cause: error }),
      );
    };
    const socket = connect(where, () => {
      socket.setTimeout(0);
      socket.off('error', refuse);
      resolve(socket);
    });
    socket.setTimeout(CONNECT_MS, () => refuse(new Error('it does not answer')));
    socket.once('error', refuse);
  });
}

export class ChirpClient {
  readonly #socket: Socket;
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#pieces = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** One request; its result. Throws CHIRP_REFUSED for one below 0. */
  async ask(words: readonly string[], body: AsyncIterable<Buffer> | null = null): Promise<number> {
    const what = words[0] === 'cookie' ? 'cookie' : words.join(' ');
    this.#socket.write(`${words.map(escaped).join(' ')}\n`);
    const result = await this.#result(what);
    if (body === null) return result;
    for await (const piece of body) {
      if (!this.#socket.write(piece)) await new Promise((go) => this.#socket.once('drain', go));
    }
    return await this.#result(what);
  }

  /** The bytes of an answer whose result is their number. */
  async *bytes(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#piece();
      const taken = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(taken.length);
      left -= taken.length;
      yield taken;
    }
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(0x0a);
      if (end !== -1) {
        const line = this.#rest.subarray(0, end).toString('utf8');
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      this.#rest = Buffer.concat([this.#rest, await this.#piece()]);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #result(what: string): Promise<number> {
    const result = Number(await this.line());
    if (Number.isInteger(result) && result >= 0 && result <= ANSWER_MOST_BYTES) return result;
    const reason = FAULTS[result] ?? `the worker answered ${result}`;
    throw cliErrors.create('CHIRP_REFUSED', { what, reason });
  }

  async #piece(): Promise<Buffer> {
    const piece = await this.#pieces.next().catch((error: unknown) => {
      throw cliErrors.create('CHIRP_UNREACHABLE', { host: 'the worker', reason: messageOf(error) });
    });
    if (!piece.done) return piece.value;
    throw cliErrors.create('CHIRP_UNREACHABLE', { host: 'the worker', reason: 'it hung up' });
  }
}

function escaped(word: string): string {
  return word.replace(/[\\ \t\r\n]/g, (char) => (char === '\n' ? ' ' : `\\${char}`));
}
