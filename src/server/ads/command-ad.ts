/** What a task runs and where its files go, as attributes: looked up when somebody asks for them. */
import { type Ad, adOfThing, attributeTable, type Plain } from '#classad';
import { type JobSpec, printArguments, printEnvironment, type TaskIndex } from '#model';
import { type TaskTexts, taskTexts } from '#sweep';
import type { Job } from '../core.ts';

interface Asked {
  readonly job: Job;
  readonly task: TaskIndex;
}

/** A changed job has another specification. */
const compiled = new WeakMap<JobSpec, TaskTexts>();

const told =
  (of: (texts: TaskTexts, row: readonly string[], task: TaskIndex) => Plain) =>
  ({ job, task }: Asked): Plain => {
    try {
      let texts = compiled.get(job.spec);
      if (!texts) {
        texts = taskTexts(job.spec, job.columns, job.id);
        compiled.set(job.spec, texts);
      }
      return of(texts, job.rows.row(task), task);
    } catch {
      // Its table is gone: when it is handed out the job says so.
      return undefined;
    }
  };

/** What is nobody's goes where HTCondor sends it. */
const stream = (result: 'stdout' | 'stderr') =>
  told((texts, row, task) => texts.place(result, row, task) ?? '/dev/null');

const COMMAND = {
  Arguments: told((texts, row, task) => printArguments(texts.words(row, task).slice(1))),
  Environment: told((texts, row, task) => printEnvironment(texts.environment(row, task))),
  UserLog: told((texts, row, task) => texts.log(row, task)),
  Iwd: told((texts, row, task) => texts.directory(row, task)),
};
const TABLE = attributeTable<Asked>(COMMAND);
const TABLE_OF_PLACED = attributeTable<Asked>({
  ...COMMAND,
  Out: stream('stdout'),
  Err: stream('stderr'),
});

/** @param own the ad of its job, with what its programs have set */
export function commandAd(job: Job, task: TaskIndex, own: Ad): Ad {
  return adOfThing(job.spec.place === null ? TABLE : TABLE_OF_PLACED, { job, task }, own);
}
