/**
 * Where running programs talk to their worker, as HTCondor's chirp protocol has it: one listener on
 * loopback for all attempts, which are told apart by their cookies; for an attempt without the
 * machine's network a socket in its scratch directory.
 */
import { randomInt } from 'node:crypto';
import { chmodSync, lchownSync, lstatSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { messageOf } from '#base';
import type { ChirpWish, SetAttribute, Ticket } from '#model';
import { secretMatcher } from '#wire';
import type { AgentLog, ServerLink } from '../port.ts';
import { type AttributesOptions, TaskAttributes } from './attributes.ts';
import { CODES, codeOf, wordsOf } from './codes.ts';
import { ChirpFiles } from './files.ts';
import type { Root } from './inside.ts';
import { LineReader } from './line-reader.ts';
import { answerTo, type ChirpAnswer, type ChirpSession } from './requests.ts';

export const CONFIG_NAME = '.chirp.config';
const SOCKET_NAME = '.chirp.sock';
const LINE_BYTES = 5120;
const COOKIE_LETTERS = 31;
/** Of one attempt, and of those that have not said who they are. */
const MOST_CONNECTIONS = 16;
const MOST_STRANGERS = 64;
const INTRODUCTION_MS = 10_000;
const WRONG_COOKIE_MS = 1000;
/** Attributes that are set later wait no longer for the server. */
const FLUSH_MS = 2000;
/** Of a socket's path, its end included (Linux, sun_path). */
const SOCKET_PATH_BYTES = 108;

export interface ChirpDeskOptions {
  readonly worker: string;
  readonly link: () => Promise<ServerLink>;
  readonly monotonic: () => number;
  readonly log: AgentLog;
}

export interface Admission {
  readonly ticket: Ticket;
  readonly wish: ChirpWish;
  readonly root: Root;
  /** False: only the socket in scratch can be reached. */
  readonly hasHostNetwork: boolean;
}

/** An attempt that may talk. */
export interface Admitted {
  /** What its program has set so far. */
  attributes(): readonly SetAttribute[];
  /** Nothing is taken any more; what was set last is on the server when it resolves. */
  dismiss(): Promise<void>;
}

interface Guest {
  readonly admission: Admission;
  readonly isCookie: (candidate: string) => boolean;
  readonly attributes: TaskAttributes;
  readonly sockets: Set<Socket>;
  readonly aborter: AbortController;
}

export class ChirpDesk {
  readonly #options: ChirpDeskOptions;
  readonly #guests = new Set<Guest>();
  readonly #strangers = new Set<Socket>();
  #listener: Promise<Server> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ChirpDeskOptions) {
    this.#options = options;
  }

  /** Puts the configuration into the scratch directory. Rejects when nothing can be listened on. */
  async admit(admission: Admission): Promise<Admitted> {
    const cookie = Array.from({ length: COOKIE_LETTERS }, () =>
      String.fromCharCode(97 + randomInt(26)),
    ).join('');
    const aborter = new AbortController();
    const guest: Guest = {
      admission,
      isCookie: secretMatcher(cookie),
      attributes: new TaskAttributes(this.#attributesOptions(admission, aborter.signal)),
      sockets: new Set(),
      aborter,
    };
    const { hasHostNetwork, root } = admission;
    const own = hasHostNetwork
      ? null
      : await listenIn(root, (socket) => this.#greet(socket, guest));
    const where = hasHostNetwork
      ? `127.0.0.1 ${portOf(await this.#listen())}`
      : `unix:${root.seen}/${SOCKET_NAME} 0`;
    writeFileSync(`${root.path}/${CONFIG_NAME}`, `${where} ${cookie}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
    this.#guests.add(guest);
    this.#timer ??= setInterval(() => this.#flushAll(), FLUSH_MS);
    return {
      attributes: () => guest.attributes.current(),
      dismiss: () => this.#dismiss(guest, own),
    };
  }

  async close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    for (const socket of this.#strangers) socket.destroy();
    for (const { sockets, aborter } of this.#guests) {
      aborter.abort();
      for (const socket of sockets) socket.destroy();
    }
    this.#guests.clear();
    const listener = await this.#listener?.catch(() => null);
    if (listener) await new Promise((resolve) => listener.close(resolve));
  }

  #attributesOptions({ ticket, wish }: Admission, signal: AbortSignal): AttributesOptions {
    const { worker, link, monotonic } = this.#options;
    return { worker, ticket, wish, link, monotonic, signal };
  }

  #listen(): Promise<Server> {
    this.#listener ??= listening(
      createServer((socket) => this.#greet(socket, null)),
      {
        host: '127.0.0.1',
        port: 0,
      },
    );
    return this.#listener;
  }

  async #dismiss(guest: Guest, own: Server | null): Promise<void> {
    this.#guests.delete(guest);
    for (const socket of guest.sockets) socket.destroy();
    if (own) await new Promise((resolve) => own.close(resolve));
    if (this.#guests.size === 0 && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    // A server that is away is not waited for: what a task said last is worth less than its slot.
    const giveUp = setTimeout(() => guest.aborter.abort(), FLUSH_MS);
    await this.#flush(guest);
    clearTimeout(giveUp);
    guest.aborter.abort();
  }

  #flushAll(): void {
    for (const guest of this.#guests) void this.#flush(guest);
  }

  async #flush(guest: Guest): Promise<void> {
    try {
      await guest.attributes.flush();
    } catch (error) {
      const facts = { ticket: guest.admission.ticket, reason: messageOf(error) };
      this.#options.log.debug(facts, 'attributes of an attempt could not be told yet');
    }
  }

  /** @param expected the one that may talk here; null: whose cookie it is */
  #greet(socket: Socket, expected: Guest | null): void {
    socket.on('error', () => {}); // whoever hangs up has said what he had to say
    if (this.#strangers.size >= MOST_STRANGERS) {
      socket.destroy();
      return;
    }
    this.#strangers.add(socket);
    const timer = setTimeout(() => socket.destroy(), INTRODUCTION_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#strangers.delete(socket);
    });
    const reader = new LineReader(socket, LINE_BYTES);
    void this.#introduce(socket, reader, expected)
      .then(async (guest) => {
        clearTimeout(timer);
        this.#strangers.delete(socket);
        if (guest) await this.#serve(socket, reader, guest);
      })
      .catch(() => {}) // the socket is gone
      .finally(() => socket.destroy());
  }

  /** The first request says who it is; a wrong cookie is answered late, and ends the conversation. */
  async #introduce(
    socket: Socket,
    reader: LineReader,
    expected: Guest | null,
  ): Promise<Guest | null> {
    const line = await reader.line();
    if (typeof line !== 'string') return null;
    const [name, cookie = ''] = wordsOf(line);
    const known = expected ? [expected] : [...this.#guests];
    const guest = name === 'cookie' ? known.find((one) => one.isCookie(cookie)) : undefined;
    if (guest && this.#guests.has(guest) && guest.sockets.size < MOST_CONNECTIONS) {
      guest.sockets.add(socket);
      socket.once('close', () => guest.sockets.delete(socket));
      socket.write('0\n');
      return guest;
    }
    if (name === 'cookie' && !guest) {
      await new Promise((resolve) => setTimeout(resolve, WRONG_COOKIE_MS));
    }
    socket.end(`${guest ? CODES.busy : CODES.notAuthenticated}\n`);
    return null;
  }

  async #serve(socket: Socket, reader: LineReader, guest: Guest): Promise<void> {
    let files: ChirpFiles | null = null;
    const session: ChirpSession = {
      isIo: guest.admission.wish.io,
      files: () => {
        files ??= new ChirpFiles(guest.admission.root);
        return files;
      },
      attributes: guest.attributes,
      reader,
      say: (code) => void socket.write(`${code}\n`),
    };
    try {
      for (;;) {
        const line = await reader.line();
        if (line === null) return;
        if (typeof line !== 'string') return void socket.end(`${CODES.tooBig}\n`);
        const words = wordsOf(line);
        if (words.length === 0) continue;
        if (words[0] === 'cookie') await send(socket, { code: 0 });
        else await send(socket, await answerOrCode(words, session));
      }
    } finally {
      (files as ChirpFiles | null)?.closeAll();
    }
  }
}

async function answerOrCode(words: readonly string[], session: ChirpSession): Promise<ChirpAnswer> {
  try {
    return await answerTo(words, session);
  } catch (error) {
    return { code: codeOf(error) };
  }
}

/** Nothing more is read before the answer is taken: who floods waits for himself. */
async function send(socket: Socket, { code, data }: ChirpAnswer): Promise<void> {
  await write(socket, Buffer.from(`${code}\n`));
  if (data === undefined) return;
  if (Buffer.isBuffer(data)) return await write(socket, data);
  for await (const piece of data) await write(socket, piece);
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (bytes.length === 0) return resolve();
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function listenIn(root: Root, greet: (socket: Socket) => void): Promise<Server | null> {
  const path = `${root.path}/${SOCKET_NAME}`;
  if (Buffer.byteLength(path) >= SOCKET_PATH_BYTES) return null;
  const server = await listening(createServer(greet), { path });
  const { uid, gid } = lstatSync(root.path);
  chmodSync(path, 0o600);
  lchownSync(path, uid, gid);
  return server;
}

function listening(
  server: Server,
  where: { path: string } | { host: string; port: number },
): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
