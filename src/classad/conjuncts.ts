import type { Node } from './tree.ts';

/** The parts of an expression that must all be true for it to be: `a && (b && c)` → a, b, c. */
export function conjunctsOf(node: Node): Node[] {
  const found: Node[] = [];
  // A loop, because chains may be longer than the stack is deep; the last part is on top.
  const open: Node[] = [node];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at.kind === 'binary' && at.operator === '&&') open.push(at.right, at.left);
    else if (at.kind === 'group' && isConjunction(at.of)) open.push(at.of);
    else found.push(at);
  }
  return found;
}

function isConjunction(node: Node): boolean {
  if (node.kind === 'group') return isConjunction(node.of);
  return node.kind === 'binary' && node.operator === '&&';
}
