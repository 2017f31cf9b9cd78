/**
 * What is done to put walls up, as data: planned before anything happens, printed by
 * `windrow sandbox plan`, carried out by a short loop, and undone from the same data, also by the
 * next worker when this one was killed. An operation therefore names everything it touches; nothing
 * that is needed to undo it lives in memory only.
 *
 * A part adds its operations by one line in `Operation`; a part without hands does not compile.
 */
import type { CgroupOperation } from '../cgroup/operation.ts';
import type { NetworkOperation } from '../network/operation.ts';
import type { PlaceOperation } from '../place/operation.ts';

export type Operation = PlaceOperation | CgroupOperation | NetworkOperation;
export type PartName = Operation['part'];
export type OperationOf<Part extends PartName> = Extract<Operation, { readonly part: Part }>;

/** How one part's operations are carried out and undone. */
export interface Hand<Op extends Operation> {
  /** Throws a WindrowError that names the wall, what was found and the remedy. */
  carryOut(operation: Op): Promise<void> | undefined;
  /**
   * Puts back what `carryOut` did. Also called for operations that were carried out by halves, not
   * at all, or long ago by a worker that was killed: what is not there any more is well. Throws
   * when something is left.
   */
  undo(operation: Op): Promise<void> | undefined;
}

export type Hands = { readonly [Part in PartName]: Hand<OperationOf<Part>> };
