/** Rejects like the first that rejected, but only when none is under way any more. */
export async function allDone(works: readonly Promise<unknown>[]): Promise<void> {
  const ends = await Promise.allSettled(works);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
