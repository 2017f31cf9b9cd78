import * as z from 'zod';
import { admin } from './admin.ts';
import { textPositive } from './message.ts';
import type { Route } from './route.ts';
import {
  storedTrace,
  traceCheck,
  traceCollection,
  traceCollectionView,
  traceName,
  traceUpload,
} from './traces.ts';

/** Traces that came home, and bringing them. */
export const traceRoutes = {
  listTraces: {
    ...admin,
    method: 'GET',
    path: '/v1/traces',
    summary: 'List the stored traces, of one id or of all.',
    query: z.object({ id: traceName.optional() }),
    answer: { kind: 'lines', schema: storedTrace },
  },
  listTraceUploads: {
    ...admin,
    method: 'GET',
    path: '/v1/trace-uploads',
    summary: 'List the traces that are on their way, and how far.',
    answer: { kind: 'lines', schema: traceUpload },
  },
  checkTraces: {
    ...admin,
    method: 'GET',
    path: '/v1/trace-checks',
    summary: 'Read stored traces again and compare them with their digests.',
    query: z.object({ id: traceName.optional(), name: traceName.optional() }),
    answer: { kind: 'lines', schema: traceCheck },
  },
  readTrace: {
    ...admin,
    method: 'GET',
    path: '/v1/traces/{id}/{name}',
    summary: 'Read one stored trace, byte for byte.',
    params: z.object({ id: traceName, name: traceName }),
    answer: { kind: 'bytes', media: 'application/octet-stream' },
  },
  collectTraces: {
    ...admin,
    method: 'POST',
    path: '/v1/trace-collections',
    summary: 'Let every worker bring the traces of its machine to a collector.',
    body: { kind: 'json', schema: traceCollection },
    answer: { kind: 'json', status: 202, schema: traceCollectionView },
  },
  getTraceCollection: {
    ...admin,
    method: 'GET',
    path: '/v1/trace-collections/{collection}',
    summary: 'How far the workers are with a collection of traces.',
    params: z.object({ collection: textPositive }),
    answer: { kind: 'json', status: 200, schema: traceCollectionView },
  },
  removeTrace: {
    ...admin,
    method: 'DELETE',
    path: '/v1/traces/{id}/{name}',
    summary: 'Remove one stored trace.',
    params: z.object({ id: traceName, name: traceName }),
    answer: { kind: 'empty' },
  },
} as const satisfies Record<string, Route>;
