/** What can be done to a job, and what is asked before. */
import type { JobDetail } from '#wire';
import { ask } from '../ask.ts';
import { count } from '../figures.ts';
import type { Wish } from '../parts/confirm.tsx';

export type JobAction = 'Pause' | 'Resume' | 'Retry' | 'Remove';

export function jobActionsIn({ state, counts }: JobDetail): readonly JobAction[] {
  const actions: JobAction[] = [];
  if (state === 'running') actions.push('Pause');
  if (state === 'paused') actions.push('Resume');
  if (state !== 'removed' && counts.failed + counts.held > 0) actions.push('Retry');
  if (state !== 'removed') actions.push('Remove');
  return actions;
}

export function jobWish(detail: JobDetail, action: JobAction): Wish {
  const title = `${action} job ${detail.job} ${detail.name}?`;
  if (action === 'Retry') {
    const what = `Its ${count(detail.counts.failed)} failed and ${count(detail.counts.held)} held tasks wait again, with new retry budgets.`;
    const act = () => ask(`/v1/jobs/${detail.job}/retry`, { method: 'POST', body: {} });
    return { title, what, verb: action, act };
  }
  const what = {
    Pause: 'What runs goes on; nothing new is started until it is resumed.',
    Resume: 'Its tasks are started again.',
    Remove:
      'What runs is stopped, its results on the server are deleted. This cannot be taken back.',
  }[action];
  return {
    ...{ title, what, verb: action },
    isGrave: action === 'Remove',
    reason: 'Why, for those who ask later',
    act: (reason) =>
      ask(`/v1/jobs/${detail.job}`, {
        method: 'PATCH',
        body: { action: action.toLowerCase(), reason },
      }),
  };
}
