import * as z from 'zod';

/** What most routes have in common: the admin token, and nothing else asked for. */
export const admin = {
  auth: 'admin',
  params: z.object({}),
  query: z.object({}),
  body: null,
} as const;
