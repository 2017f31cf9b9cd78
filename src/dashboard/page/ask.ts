/** Questions to the API, with the token of this tab. */
import type { Problem } from '#wire';
import { forgetToken, readToken } from './token.ts';

/** On networks that lose packets an answer may never come. */
const ANSWER_MS = 10_000;

/** The server said no; `status` 0: it did not answer. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly todo: string;

  constructor(status: number, { code, detail, todo }: Pick<Problem, 'code' | 'detail' | 'todo'>) {
    super(detail);
    this.status = status;
    this.code = code;
    this.todo = todo;
  }

  /** It is not about the question, so it is told once for the whole page. */
  get isOfAll(): boolean {
    return [0, 401, 429, 502, 504].includes(this.status);
  }
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** @throws Refusal */
export async function ask<T>(path: string, question: Question = {}): Promise<T> {
  const answer = await send(path, question, ANSWER_MS);
  try {
    return (
      answer.headers.get('content-type')?.startsWith('application/json')
        ? await answer.json()
        : undefined
    ) as T;
  } catch (error) {
    throw away(error);
  }
}

/** Lines of JSON, at most so many: what is beyond is not read. @throws Refusal */
export async function askLines<T>(
  path: string,
  most: number,
  signal?: AbortSignal,
): Promise<{ readonly lines: T[]; readonly isCut: boolean }> {
  const leaving = new AbortController();
  const signals = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal;
  const answer = await send(path, { signal: signals }, ANSWER_MS);
  const lines: T[] = [];
  try {
    for await (const text of linesOf(answer)) {
      if (lines.length === most) return { lines, isCut: true };
      const line = JSON.parse(text) as T & { error?: Problem };
      if (line.error !== undefined) throw new Refusal(line.error.status, line.error);
      lines.push(line);
    }
    return { lines, isCut: false };
  } catch (error) {
    throw error instanceof Refusal ? error : away(error);
  } finally {
    leaving.abort();
  }
}

/** The answer's head, if it is a good one; `timeoutMs` 0: it may take for ever. */
export async function send(
  path: string,
  { method = 'GET', body, signal }: Question,
  timeoutMs: number,
): Promise<Response> {
  const timeout = timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : null;
  const signals = [signal, timeout].filter((one) => one !== undefined && one !== null);
  const headers: Record<string, string> = { Authorization: `Bearer ${readToken()}` };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      signal: AbortSignal.any(signals),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw away(error);
  }
  if (answer.ok) return answer;
  throw await refusalOf(answer);
}

async function refusalOf(answer: Response): Promise<Refusal> {
  const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
  const { code = '', detail = `the server answered ${answer.status}`, todo = '' } = problem;
  if (answer.status === 401 && code === 'TOKEN_WRONG') forgetToken();
  return new Refusal(answer.status, { code, detail, todo });
}

function away(error: unknown): Refusal {
  const isSlow = error instanceof DOMException && error.name === 'TimeoutError';
  const detail = isSlow ? 'the server does not answer' : 'the server cannot be reached';
  return new Refusal(0, { code: '', detail, todo: '' });
}

async function* linesOf(answer: Response): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces(answer)) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** The body as text, piece by piece. */
export async function* pieces(answer: Response): AsyncGenerator<string> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
