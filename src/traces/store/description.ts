/** What is remembered of a stored file beside its bytes. */
import * as z from 'zod';

export const description = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
  receivedAtMs: z.int().min(0),
  /** Address of the sender; null in an anonymous store. */
  sender: z.string().max(100).nullable(),
});
export type Description = Readonly<z.infer<typeof description>>;

/** One stored file. */
export interface StoredTrace {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly receivedAtMs: number;
  /** Null where its description is lost. */
  readonly sha256: string | null;
  readonly sender: string | null;
}
