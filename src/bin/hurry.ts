const NAMES = ['SIGINT', 'SIGTERM'] as const;

/** Does what ends in good order; one more Ctrl-C or SIGTERM from now on aborts `hurry`. */
export async function withHurry(use: (hurry: AbortSignal) => Promise<void>): Promise<void> {
  const hurry = new AbortController();
  const onSignal = () => hurry.abort();
  for (const name of NAMES) process.on(name, onSignal);
  try {
    await use(hurry.signal);
  } finally {
    for (const name of NAMES) process.off(name, onSignal);
  }
}
