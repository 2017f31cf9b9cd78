/** The ads of the tasks that a job would have, as text: one attribute per line. */
import { type Ad, adOfValues, EXACT, type Plain, printNode } from '#classad';
import { type JobSpec, jobAd, stagedFiles, taskAd } from '#model';
import { openRows } from '../rows/source.ts';
import { taskTexts } from '../template/task-texts.ts';

/** A job that was not submitted has no number yet. */
const JOB = 1;

/** One ad for each task. @param nowMs the moment of the submission that does not come */
export function* adTexts(spec: JobSpec, nowMs: number): Generator<string> {
  const rows = openRows(spec.axes, () => {
    throw new Error('the rows of a submit description stand in its job');
  });
  const { columns } = rows;
  const texts = taskTexts(spec, columns, JOB);
  for (let task = 0; task < rows.count; task++) {
    const row = rows.row(task);
    const facts = {
      ...spec,
      id: JOB,
      rows: rows.count,
      submittedAtMs: nowMs,
      command: { kind: 'argv', template: texts.words(row, task) } as const,
      environment: texts.environment(row, task),
    };
    const files = spec.inputs.flatMap(({ from }) =>
      from.kind === 'files' ? stagedFiles(from, columns, row) : [],
    );
    const sent = [
      ...files.filter(({ name }) => name !== 'stdin').map(({ name }) => name),
      ...spec.inputs.flatMap(({ from }) => ('url' in from ? [from.url] : [])),
    ];
    const directory = texts.directory(row, task);
    const log = texts.log(row, task);
    const values: Record<string, Plain> = {
      ...(directory !== undefined && { Iwd: directory }),
      Out: texts.place('stdout', row, task) ?? '/dev/null',
      Err: texts.place('stderr', row, task) ?? '/dev/null',
      ...(log !== undefined && { UserLog: log }),
      ...(sent.length > 0 && { TransferInput: sent.join(',') }),
      WantIOProxy: spec.chirp.io,
      WantDelayedUpdates: spec.chirp.delayed,
    };
    const own = adOfValues(values, jobAd(facts));
    const none = { reason: '', hold: null, holds: 0, lastHold: null, completions: 0 };
    const untried = { attempts: 0, attempt: null, asked: null };
    yield printAll(
      taskAd({ job: JOB, task, state: 'waiting', stateAtMs: 0, ...none, ...untried }, own),
    );
  }
}

/** With what it inherits, by name. */
function printAll(ad: Ad): string {
  const lines = new Map<string, string>();
  for (let at: Ad | null = ad; at; at = at.chained) {
    for (const [lower, { name, expression }] of at.attributes) {
      if (!lines.has(lower)) lines.set(lower, `${name} = ${printNode(expression.node, EXACT)}\n`);
    }
  }
  const names = [...lines.keys()].sort();
  return names.map((name) => lines.get(name)!).join('');
}
