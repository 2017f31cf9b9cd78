/**
 * What the rules of a chain counted, from nft's JSON (libnftables-json(5)). A rule's comment names
 * the figure; rules with the same comment are added up.
 */

import { NETWORK_LIMITS, type NetworkBytes } from '#model';

/** Null when the text is not what nft prints for a chain. */
export function readCounters(json: string): NetworkBytes | null {
  const bytes = new Map<string, number>();
  for (const rule of rulesOf(json) ?? []) {
    const name = figureName(rule.comment);
    const counted = countedBy(rule.expr);
    if (name === null || counted === null) continue;
    if (bytes.size < NETWORK_LIMITS.figures || bytes.has(name)) {
      bytes.set(name, (bytes.get(name) ?? 0) + counted);
    }
  }
  return rulesOf(json) === null ? null : Object.fromEntries(bytes);
}

interface Rule {
  readonly comment?: unknown;
  readonly expr?: unknown;
}

function rulesOf(json: string): Rule[] | null {
  try {
    const { nftables } = JSON.parse(json) as { nftables: { rule?: Rule; chain?: unknown }[] };
    if (!nftables.some(({ chain }) => chain !== undefined)) return null;
    return nftables.flatMap(({ rule }) => (rule ? [rule] : []));
  } catch {
    return null;
  }
}

/** A comment may be any text; a figure has a name that expressions can use. */
function figureName(comment: unknown): string | null {
  if (typeof comment !== 'string') return null;
  const words = comment.match(/[A-Za-z0-9]+/g) ?? [];
  return words.length === 0 ? null : words.join('_').slice(0, NETWORK_LIMITS.nameCharacters);
}

function countedBy(expressions: unknown): number | null {
  if (!Array.isArray(expressions)) return null;
  for (const expression of expressions as { counter?: { bytes?: unknown } }[]) {
    const bytes = expression.counter?.bytes;
    if (typeof bytes === 'number' && Number.isSafeInteger(bytes)) return bytes;
  }
  return null;
}
