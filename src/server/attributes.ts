/** What running programs tell of their tasks, and ask of them, by way of their worker. */
import { EXACT, findAttribute, printNode } from '#classad';
import {
  CHIRP_LIMITS,
  type JobId,
  refusalOfAttribute,
  type SetAttribute,
  type Ticket,
} from '#model';
import type { Store } from '#store';
import type { AttributeAnswer, AttributeQuestion, AttributeReceipt, AttributeReport } from '#wire';
import { adOfTask, cellsOf } from './ads/facts.ts';
import type { Core, Lease } from './core.ts';
import { addChange } from './reactor/tasks.ts';

/** Stands for the job in the place of a task: the latest of what any of its tasks has set. */
export const OF_JOB = -1;
/** Of all tasks together, by different names; the oldest stay. */
const MOST_OF_JOB = 500;
/** Only what is stored is counted, so many at once are stored in between. */
const COUNTED_EVERY = 10;

export class AttributeDesk {
  readonly #core: Core;
  readonly #store: Store;

  constructor(core: Core, store: Store) {
    this.#core = core;
    this.#store = store;
  }

  /** Durable when it resolves. What is not taken is not the job's to set, or its ticket is not current. */
  async take({ worker, told }: AttributeReport): Promise<AttributeReceipt> {
    const taken: boolean[] = [];
    for (const one of told) {
      // What was set a moment ago counts as well.
      if (taken.length % COUNTED_EVERY === COUNTED_EVERY - 1) await this.#core.commit.durable();
      const lease = this.#leaseOf(worker, one.ticket);
      if (!lease) taken.push(false);
      else if (one.kind === 'remark') taken.push(this.#remark(lease, one.text));
      else taken.push(await this.#set(lease, { name: one.name, expression: one.expression }));
    }
    await this.#core.commit.durable();
    return { taken };
  }

  /** As the ad has it now, unevaluated. */
  async read({ worker, ticket, name }: AttributeQuestion): Promise<AttributeAnswer> {
    const lease = this.#leaseOf(worker, ticket);
    if (!lease) return { expression: null };
    await this.#core.commit.durable();
    const job = this.#core.jobs.get(lease.job)!;
    const { task } = lease;
    const own = this.#core.set.of(lease.job, task);
    const cells = cellsOf(job, task);
    const known = { task, note: job.notes.get(task) ?? null, lease, ended: null, own, cells };
    const found = findAttribute(adOfTask(job, known), name);
    return { expression: found ? printNode(found.node, EXACT) : null };
  }

  #leaseOf(worker: string, ticket: Ticket): Lease | null {
    const lease = this.#core.leases.get(ticket);
    return lease?.worker === worker ? lease : null;
  }

  #remark({ job, task }: Lease, text: string): boolean {
    const known = this.#core.jobs.get(job)!;
    if (!known.spec.chirp.io) return false;
    const shown = Buffer.from(text.replace(/[\0-\x1f\x7f]+/g, ' '));
    const cut = shown
      .subarray(0, CHIRP_LIMITS.remarkBytes)
      .toString('utf8')
      .replace(/\ufffd$/, '');
    const tasks = [[task, 1]] as const;
    addChange(this.#core, known, { kind: 'remarked', actor: `${job}.${task}`, reason: cut, tasks });
    return true;
  }

  async #set(lease: Lease, attribute: SetAttribute): Promise<boolean> {
    const { job, task } = lease;
    const { set, commit } = this.#core;
    const { chirp } = this.#core.jobs.get(job)!.spec;
    if (refusalOfAttribute(attribute, chirp) !== null) return false;
    const isNew = !set.has(job, task, attribute.name);
    if (isNew && set.count(job, task) >= CHIRP_LIMITS.attributes) return false;
    if (!set.set(job, task, attribute)) return false;
    commit.add({ kind: 'attribute-set', job, task, attribute });
    if (await this.#hasRoomInJob(job, attribute.name)) {
      commit.add({ kind: 'attribute-set', job, task: OF_JOB, attribute });
    }
    return true;
  }

  async #hasRoomInJob(job: JobId, name: string): Promise<boolean> {
    const known = await this.#store.attributesOf(job, OF_JOB);
    if (known.length < MOST_OF_JOB) return true;
    return known.some((one) => one.name.toLowerCase() === name.toLowerCase());
  }
}
