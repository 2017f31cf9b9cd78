import type { ApiEvent } from '#wire';

/** Whether something happened to this job. */
export function concernsJob(job: number): (event: ApiEvent) => boolean {
  return (event) => 'job' in event && event.job === job;
}
