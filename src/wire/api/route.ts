import type { Readable } from 'node:stream';
import type * as z from 'zod';
import { apiErrors } from './errors.ts';
import type { Frozen } from './message.ts';

type JsonBody = { readonly kind: 'json'; readonly schema: z.ZodType };
type BytesBody = { readonly kind: 'bytes'; readonly media: string };

export type RouteBody = JsonBody | BytesBody | null;
export type RouteAnswer =
  | { readonly kind: 'json'; readonly status: 200 | 201 | 202; readonly schema: z.ZodType }
  /** Newline-delimited JSON, one message a line. */
  | { readonly kind: 'lines'; readonly schema: z.ZodType }
  /** Server-sent events; the data of each is one message. */
  | { readonly kind: 'events'; readonly schema: z.ZodType }
  | { readonly kind: 'bytes'; readonly media: string }
  | { readonly kind: 'empty' };

/** One operation of the API as data: server, client and document are all made from it. */
export interface Route {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** With `{name}` for each path parameter. */
  readonly path: string;
  readonly summary: string;
  /** `admin`: needs `Authorization: Bearer` with the admin token. */
  readonly auth: 'admin' | 'none';
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: RouteBody;
  readonly answer: RouteAnswer;
}

export type ParamsOf<R extends Route> = z.output<R['params']>;
export type QueryOf<R extends Route> = z.output<R['query']>;
/** What the server reads: JSON checked, bytes as the stream they are. */
export type BodyOf<R extends Route> = R['body'] extends {
  kind: 'json';
  schema: infer S extends z.ZodType;
}
  ? z.output<S>
  : R['body'] extends BytesBody
    ? Readable
    : null;
/** What the client gives; defaults may be left out. */
export type GivenBodyOf<R extends Route> = R['body'] extends {
  kind: 'json';
  schema: infer S extends z.ZodType;
}
  ? z.input<S>
  : R['body'] extends BytesBody
    ? Readable | Uint8Array
    : null;

export interface BytesAnswer {
  readonly stream: Readable;
  /** Null when it is not known beforehand. */
  readonly bytes: number | null;
}

/** A file, of which the asker may want one range (RFC 9110, 14). */
export interface FileAnswer {
  readonly bytes: number;
  /** Strong, with its quotes. */
  readonly etag: string;
  /** Both ends included; without any the whole file. */
  read(range?: { readonly start: number; readonly end: number }): Readable;
  /** Nothing more of it is read. */
  done?(): void;
}

type MessageOf<R extends Route> = R['answer'] extends { schema: infer S extends z.ZodType }
  ? Frozen<z.output<S>>
  : never;

/** What the client gets, by the answer's kind. */
export type AnswerOf<R extends Route> = R['answer']['kind'] extends 'json'
  ? MessageOf<R>
  : R['answer']['kind'] extends 'lines' | 'events'
    ? AsyncIterable<MessageOf<R>>
    : R['answer']['kind'] extends 'bytes'
      ? BytesAnswer
      : undefined;

/** What a handler resolves to. */
export type GivenAnswerOf<R extends Route> = R['answer']['kind'] extends 'bytes'
  ? BytesAnswer | FileAnswer
  : AnswerOf<R>;

export interface RouteInput<R extends Route> {
  readonly params: ParamsOf<R>;
  readonly query: QueryOf<R>;
  readonly body: BodyOf<R>;
}

/** `/v1/jobs/{job}` and `{ job: 3 }` → `/v1/jobs/3`. Values are percent-encoded. */
export function fillPath(path: string, params: Readonly<Record<string, unknown>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

/**
 * Checks what came with a request. `body` is the parsed JSON, or the stream for bodies of bytes.
 * Throws API_REQUEST_INVALID naming every problem at once.
 */
export function readInput<R extends Route>(
  route: R,
  given: { params: unknown; query: Record<string, unknown>; body: unknown },
): RouteInput<R> {
  const problems: string[] = [];
  // An empty value (`?task=`) is what forms and scripts send for "not given".
  const query = Object.fromEntries(Object.entries(given.query).filter(([, value]) => value !== ''));
  const input = {
    params: check('path', route.params, given.params, problems),
    query: check('query', route.query, query, problems),
    body:
      route.body?.kind === 'json'
        ? check('body', route.body.schema, given.body, problems)
        : given.body,
  };
  if (problems.length > 0) {
    throw apiErrors.create('API_REQUEST_INVALID', {
      method: route.method,
      path: route.path,
      problems: problems.slice(0, 20).join('; '),
    });
  }
  return input as RouteInput<R>;
}

function check(place: string, schema: z.ZodType, value: unknown, problems: string[]): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  problems.push(...describeIssues(parsed.error, place));
  return undefined;
}

/** `body.spec.retries: expected number, received string`, one line for each issue. */
export function describeIssues(error: z.ZodError, place: string): string[] {
  return error.issues.map(
    (issue) => `${[place, ...issue.path.map(String)].join('.')}: ${issue.message}`,
  );
}
