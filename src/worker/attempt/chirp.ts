/** The step that lets the program talk to its worker, where its job wants that. */
import { CONFIG_NAME } from '../chirp/desk.ts';
import type { Attempt } from './attempt.ts';

/** Undefined where nobody wants to talk, which is usual. */
export function admitChirp(attempt: Attempt): Promise<void> | undefined {
  const { chirp } = attempt.plan.job;
  return chirp.io || chirp.delayed ? admit(attempt) : undefined;
}

async function admit(attempt: Attempt): Promise<void> {
  const { workshop, grant, plan, scratch, walls } = attempt;
  const seen = walls?.scratch ?? scratch;
  attempt.admitted = await workshop.chirp.admit({
    ticket: grant.ticket,
    wish: plan.job.chirp,
    root: { path: scratch, seen },
    hasHostNetwork: walls === null || walls.record.network === 'host',
  });
  attempt.variables._CONDOR_SCRATCH_DIR = seen;
  attempt.variables._CONDOR_CHIRP_CONFIG = `${seen}/${CONFIG_NAME}`;
}

export function dismissChirp(attempt: Attempt): Promise<void> | undefined {
  const { admitted } = attempt;
  attempt.admitted = null;
  return admitted?.dismiss();
}
