/** The loop that carries operations out, and the one that undoes them. */
import type { Hand, Hands, Operation } from './operation.ts';

/** One operation that could not be undone. */
export interface NotUndone {
  readonly operation: Operation;
  readonly error: unknown;
}

/**
 * Carries operations out in order. When one fails, it and those before it are undone and its error
 * is thrown; what could not be undone is added to `left`.
 */
export async function carryOut(
  operations: readonly Operation[],
  hands: Hands,
  left: NotUndone[],
): Promise<void> {
  for (const [index, operation] of operations.entries()) {
    try {
      const going = handOf(hands, operation).carryOut(operation);
      if (going) await going;
    } catch (error) {
      left.push(...(await undo(operations.slice(0, index + 1), hands)));
      throw error;
    }
  }
}

/** Undoes in reverse order. Goes on past a failure: the others are not to be left because of it. */
export async function undo(operations: readonly Operation[], hands: Hands): Promise<NotUndone[]> {
  const left: NotUndone[] = [];
  for (const operation of operations.toReversed()) {
    try {
      const going = handOf(hands, operation).undo(operation);
      if (going) await going;
    } catch (error) {
      left.push({ operation, error });
    }
  }
  return left;
}

/** The union of hands takes only what all of them take; the part's name says which one it is. */
function handOf(hands: Hands, operation: Operation): Hand<Operation> {
  return hands[operation.part] as Hand<Operation>;
}
