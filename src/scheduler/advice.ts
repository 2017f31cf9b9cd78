/** What would have to change for a job to run: of its requirements, or of the machines. */
import { type Ad, findAttribute, type Node, numberOf, printNode } from '#classad';
import type { JobView, WorkerView } from './snapshot.ts';
import type { ConjunctTable } from './why.ts';

const MOST_VALUES = 5;

export function adviceFor(
  job: JobView,
  workers: readonly WorkerView[],
  conjuncts: readonly ConjunctTable[],
  nodes: readonly Node[],
): string[] {
  return conjuncts.flatMap((conjunct, index) => {
    if (conjunct.trueSlots > 0 && conjunct.aloneSlots === 0) return [];
    const gain =
      conjunct.aloneSlots > 0
        ? `without ${conjunct.text}, ${slotsText(conjunct.aloneSlots)} would do`
        : `${conjunct.text} is true of no machine`;
    const fact = valuesText(nodes[index]!, job.ad, workers);
    const missing = conjunct.trueSlots > 0 || conjunct.part === null ? '' : missingText(conjunct);
    return [[gain, fact || missing].filter((text) => text !== '').join('; ')];
  });
}

function slotsText(count: number): string {
  return count === 1 ? '1 more slot' : `${count} more slots`;
}

function missingText({ part, undefinedSlots }: ConjunctTable): string {
  return undefinedSlots > 0 ? `${part} is undefined there: is it misspelt?` : '';
}

/** `the largest Memory is 64000`, `Arch is X86_64`: what the machines have of what is compared. */
function valuesText(node: Node, job: Ad, workers: readonly WorkerView[]): string {
  const inner = node.kind === 'group' ? node.of : node;
  if (inner.kind !== 'binary' || !COMPARISONS.has(inner.operator)) return '';
  const name = machineName(inner.left, job) ?? machineName(inner.right, job);
  if (name === null) return '';
  const told = new Set<string>();
  const numbers: number[] = [];
  for (const { ad } of workers) {
    const found = findAttribute(ad, name)?.node;
    if (found?.kind !== 'literal') continue;
    told.add(printNode(found));
    const number = numberOf(found.value);
    if (number !== null) numbers.push(number);
  }
  if (told.size === 0) return `no machine has ${name}`;
  if (told.size <= MOST_VALUES) return `${name} is ${[...told].join(' or ')}`;
  if (numbers.length === 0) return '';
  const isLeast =
    (inner.operator === '<' || inner.operator === '<=') === isMachines(inner.left, job);
  const extreme = numbers.reduce((a, b) => (isLeast ? Math.min(a, b) : Math.max(a, b)));
  return `the ${isLeast ? 'smallest' : 'largest'} ${name} is ${extreme}`;
}

const COMPARISONS = new Set(['==', '!=', '=?=', '=!=', '<', '<=', '>', '>=']);

function isMachines(node: Node, job: Ad): boolean {
  return machineName(node, job) !== null;
}

/** The attribute of a machine that a node stands for: `TARGET.Memory`, or `Memory` if the job has none. */
function machineName(node: Node, job: Ad): string | null {
  if (node.kind === 'name') return findAttribute(job, node.name) ? null : node.name;
  if (node.kind !== 'select' || node.of.kind !== 'name') return null;
  return /^(target|other)$/i.test(node.of.name) ? node.name : null;
}
