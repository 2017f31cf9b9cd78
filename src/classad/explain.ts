import { expressionOf } from './compile.ts';
import { evaluate, type Surround } from './evaluate.ts';
import { printNode } from './print.ts';
import { type Node, partsOf } from './tree.ts';
import { typeOf } from './value.ts';

export interface Explained {
  readonly type: 'undefined' | 'error';
  /** The smallest sub-expression that has no value though its own parts do, as written. */
  readonly part: string;
}

/** Looking into sub-expressions evaluates each of them: enough for any that a person writes. */
const MOST_LOOKS = 200;

/** Which part of an expression made it `undefined` or `error`; null when it is neither. */
export function explain(node: Node, surround: Surround): Explained | null {
  let looks = 0;
  const typeIn = (at: Node) => {
    looks += 1;
    return looks > MOST_LOOKS ? 'string' : typeOf(evaluate(expressionOf(at), surround));
  };
  const type = typeIn(node);
  if (type !== 'undefined' && type !== 'error') return null;
  return { type, part: printNode(smallest(node, type, typeIn)) };
}

function smallest(node: Node, type: string, typeIn: (node: Node) => string): Node {
  // Parts of an inner ad have that ad's names: here they would be missing for another reason.
  if (node.kind === 'ad') return node;
  const parts = node.kind === 'binary' ? [node.left, node.right] : partsOf(node);
  const guilty = parts.find((part) => typeIn(part) === type);
  return guilty ? smallest(guilty, type, typeIn) : node;
}
