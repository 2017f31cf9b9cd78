import * as z from 'zod';
import { toldAd } from './ad-query.ts';
import { type Frozen, jobId, message } from './message.ts';
import { attemptView } from './tasks.ts';

export const historyRecord = message(
  'HistoryRecord',
  'An attempt that has ended, and whose it was.',
  z.object({ job: jobId, name: z.string(), attempt: attemptView, ad: toldAd }),
);
export type HistoryRecord = Frozen<z.infer<typeof historyRecord>>;
