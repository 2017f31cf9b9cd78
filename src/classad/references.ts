import { printName } from './print.ts';
import { type Node, partsOf } from './tree.ts';

/**
 * The names in an expression that `isKnown` (asked in lower case) does not have, and everything
 * asked of `TARGET` or `other`; each once, in alphabetical order, as written. `onNode` is called for each node looked at.
 */
export function externalReferences(
  node: Node,
  isKnown: (lowerName: string) => boolean,
  onNode: () => void = () => undefined,
): string[] {
  const found = new Map<string, string>();
  const look = (at: Node, known: (lowerName: string) => boolean): void => {
    onNode();
    const name = externalName(at, known);
    if (name !== null) {
      if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), name);
      return;
    }
    const inner = at.kind === 'ad' ? withOwn(at, known) : known;
    for (const part of partsOf(at)) look(part, inner);
  };
  look(node, isKnown);
  return [...found.keys()].sort().map((key) => found.get(key)!);
}

function externalName(node: Node, isKnown: (lowerName: string) => boolean): string | null {
  if (node.kind === 'name') return isKnown(node.name.toLowerCase()) ? null : printName(node.name);
  if (node.kind !== 'select' || node.of.kind !== 'name') return null;
  const scope = node.of.name.toLowerCase();
  if (scope === 'target' || scope === 'other') {
    return `${printName(node.of.name)}.${printName(node.name)}`;
  }
  const isMissing = scope === 'my' && !isKnown(node.name.toLowerCase());
  return isMissing ? printName(node.name) : null;
}

function withOwn(
  ad: Extract<Node, { kind: 'ad' }>,
  known: (lowerName: string) => boolean,
): (lowerName: string) => boolean {
  const own = new Set(ad.attributes.map(({ name }) => name.toLowerCase()));
  return (lowerName) => own.has(lowerName) || known(lowerName);
}
