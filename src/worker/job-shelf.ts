/** Jobs whose descriptions the worker has; the longest unused are forgotten first. */
import type { JobId } from '#model';
import type { JobDescription } from '#wire';
import { type JobPlan, type NoPlan, planJob } from './job-plan.ts';
import type { AgentOptions } from './port.ts';

const MOST_JOBS = 200;

export class JobShelf {
  readonly #options: Pick<AgentOptions, 'hostEnvironment' | 'platform'>;
  readonly #plans = new Map<JobId, JobPlan | NoPlan>();
  /** Digests of programs to remove when the worker ends. */
  readonly #passing = new Set<string>();
  #endsClient = false;

  constructor(options: Pick<AgentOptions, 'hostEnvironment' | 'platform'>) {
    this.#options = options;
  }

  /** Jobs to name in a sync. */
  known(): JobId[] {
    return [...this.#plans.keys()];
  }

  /** True when a job asked that the worker's own executable goes at its end. */
  get endsClient(): boolean {
    return this.#endsClient;
  }

  /** Programs of jobs that asked for their removal. */
  passingPrograms(): ReadonlySet<string> {
    return this.#passing;
  }

  /** Takes a description in, in place of an older one. `inUse` protects jobs from being forgotten. */
  add(job: JobDescription, inUse: (job: JobId) => boolean): void {
    const plan = planJob(job, this.#options);
    this.#plans.delete(job.id);
    this.#plans.set(job.id, plan);
    if (job.deleteClient) this.#endsClient = true;
    if (job.deleteWorker && 'program' in plan && plan.program) {
      this.#passing.add(plan.program.sha256);
    }
    if (this.#plans.size > MOST_JOBS) this.#forgetOldest(job.id, inUse);
  }

  get(job: JobId): JobPlan | NoPlan | undefined {
    const plan = this.#plans.get(job);
    if (plan && this.#plans.size > MOST_JOBS / 2) {
      this.#plans.delete(job); // to the young end
      this.#plans.set(job, plan);
    }
    return plan;
  }

  #forgetOldest(newest: JobId, inUse: (job: JobId) => boolean): void {
    for (const job of this.#plans.keys()) {
      if (job === newest || inUse(job)) continue;
      this.#plans.delete(job);
      return;
    }
  }
}
