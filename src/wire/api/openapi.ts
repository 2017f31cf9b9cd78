import * as z from 'zod';
import { api } from '../api.ts';
import { PROBLEM_TYPE } from '../problem.ts';
import { messages } from './message.ts';
import { problem } from './problem.ts';
import type { Route, RouteAnswer } from './route.ts';

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of the user API, made from the routes and messages themselves. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [operation, route] of Object.entries<Route>(api)) {
    const method = route.method.toLowerCase();
    paths[route.path] = { ...paths[route.path], [method]: operationOf(operation, route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Windrow',
      version,
      description: 'The user API of a Windrow server. Times are milliseconds since the epoch, UTC.',
    },
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: { admin: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(operation: string, route: Route): Json {
  return {
    operationId: operation,
    summary: route.summary,
    ...(route.auth === 'admin' ? { security: [{ admin: [] }] } : { security: [] }),
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body ? { requestBody: requestBodyOf(route.body) } : {}),
    responses: {
      ...answerOf(route.answer),
      default: {
        description: 'It was not carried out.',
        content: { [PROBLEM_TYPE]: { schema: schemaOf(problem) } },
      },
    },
  };
}

function parametersOf(schema: z.ZodObject, place: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as Json;
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function requestBodyOf(body: NonNullable<Route['body']>): Json {
  const media = body.kind === 'json' ? 'application/json' : body.media;
  const schema = body.kind === 'json' ? schemaOf(body.schema) : undefined;
  return { required: true, content: { [media]: schema ? { schema } : {} } };
}

const ANSWER_MEDIA = {
  json: 'application/json',
  lines: 'application/x-ndjson',
  events: 'text/event-stream',
};

function answerOf(answer: RouteAnswer): Json {
  if (answer.kind === 'empty') return { 200: { description: 'Yes.' }, 404: { description: 'No.' } };
  if (answer.kind === 'bytes')
    return { 200: { description: 'The bytes.', content: { [answer.media]: {} } } };
  const status = answer.kind === 'json' ? answer.status : 200;
  const description = answer.schema.description ?? 'A JSON document.';
  // One line or one event is the message; the stream as a whole has no JSON schema.
  const content = { [ANSWER_MEDIA[answer.kind]]: { schema: schemaOf(answer.schema) } };
  return { [status]: { description, content } };
}

function schemaOf(schema: z.ZodType): Json {
  const id = messages.get(schema)?.id;
  return id === undefined ? { type: 'object' } : { $ref: reference(id) };
}

function reference(id: string): string {
  return `#/components/schemas/${id}`;
}

function componentSchemas(): Record<string, Json> {
  const { schemas } = z.toJSONSchema(messages, { uri: reference, io: 'input' });
  const plain: Record<string, Json> = {};
  for (const [id, schema] of Object.entries(schemas)) {
    const { $schema: _dialect, $id: _place, ...rest } = schema as Json;
    plain[id] = rest;
  }
  return plain;
}
