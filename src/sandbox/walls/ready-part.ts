/** A part that has probed: what it found out is its own affair from here on. */
import type { Network, Wall } from '#model';
import type { Ground, Plot } from './ground.ts';
import type { Hand, Operation, OperationOf, PartName } from './operation.ts';
import type { Ability, Exceeded, Part, PartPlan, Remains, Settled } from './part.ts';

export type AnyPlan = Omit<PartPlan<PartName>, 'operations'> & {
  readonly operations: readonly Operation[];
};

export interface ReadyPart extends Hand<Operation> {
  readonly name: PartName;
  readonly abilities: readonly Ability[];
  readonly remarks: readonly string[];
  plan(
    plot: Plot,
    wanted: { readonly walls: ReadonlySet<Wall>; readonly network: Network },
  ): AnyPlan | null;
  /** What is done once for the worker. */
  prepare(): readonly Operation[];
  /** Null: nothing to look at. */
  watch(
    operations: readonly Operation[],
    onExceeded: (exceeded: Exceeded) => void,
  ): (() => void) | null;
  endRemains(operations: readonly Operation[]): Promise<Remains> | Remains | null;
  settle(operations: readonly Operation[]): Promise<Settled> | Settled | null;
  /** `of`: the ground of another worker, which is dead; left out: the own one. */
  clear(of?: Ground): Promise<readonly string[]>;
}

export async function makeReady<Name extends PartName, Facts>(
  part: Part<Name, Facts>,
  ground: Ground,
): Promise<ReadyPart> {
  const { facts, abilities, remarks } = await part.probe(ground);
  const isOwn = (operation: Operation): operation is OperationOf<Name> =>
    operation.part === part.name;
  return {
    name: part.name,
    abilities,
    remarks,
    plan: (plot, wanted) => {
      const planned = facts === null ? null : part.plan(plot, wanted, ground, facts);
      return planned && { ...planned, operations: planned.operations as readonly Operation[] };
    },
    carryOut: (operation) => (isOwn(operation) ? part.carryOut(operation) : undefined),
    undo: (operation) => (isOwn(operation) ? part.undo(operation) : undefined),
    prepare: () => (facts === null ? [] : (part.prepare?.(ground, facts) ?? [])),
    watch: (operations, onExceeded) => part.watch?.(operations.filter(isOwn), onExceeded) ?? null,
    endRemains: (operations) => part.endRemains?.(operations.filter(isOwn)) ?? null,
    settle: (operations) => part.settle?.(operations.filter(isOwn)) ?? null,
    clear: (of = ground) => part.clear(of),
  };
}
