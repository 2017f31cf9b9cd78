/** Reading and writing the ads that go to and fro between Windrow and a plugin, within limits. */
import { printable } from '#base';
import {
  type Ad,
  type Ambient,
  adOf,
  adOfValues,
  evaluateAttribute,
  type Plain,
  parseAds,
  parseBracketedAds,
  printAd,
} from '#classad';

/** An ad of a plugin is a handful of strings: what takes longer to evaluate is none. */
const BUDGET = { steps: 10_000, characters: 1 << 20, ms: 100 } as const;
const LONGEST_TEXT = 1000;

/** Ads in either of the forms that plugins write. Errors: `CLASSAD_…`. */
export function readAds(text: string): Ad[] {
  return text.trimStart().startsWith('[') ? parseBracketedAds(text) : parseAds(text);
}

export function writeAds(ads: readonly Readonly<Record<string, Plain>>[]): string {
  return ads.map((values) => `${printAd(adOfValues(values))}\n`).join('');
}

/** Questions to one ad; an attribute of another type than is asked for is as good as missing. */
export interface AdReader {
  /** Exactly as it is. */
  raw(name: string): string | null;
  /** On one line, for people. */
  text(name: string): string | null;
  number(name: string): number | null;
  flag(name: string): boolean | null;
  ads(name: string): AdReader[];
}

export function readerOf(ad: Ad, ambient: Ambient): AdReader {
  const value = (name: string) => evaluateAttribute(ad, name, { ambient, budget: BUDGET });
  const raw = (name: string) => {
    const found = value(name);
    return typeof found === 'string' ? found : null;
  };
  return {
    raw,
    text: (name) => {
      const found = raw(name);
      return found === null ? null : forPeople(found);
    },
    number: (name) => numberOf(value(name)),
    flag: (name) => {
      const found = value(name);
      return typeof found === 'boolean' ? found : null;
    },
    ads: (name) => {
      const found = value(name);
      if (typeof found !== 'object' || found.kind !== 'list') return [];
      return found.elements.flatMap(({ node }) =>
        node.kind === 'ad' ? [readerOf(adOf(node.attributes), ambient)] : [],
      );
    },
  };
}

/** What others wrote, as one short line that does nothing to a terminal. */
export function forPeople(text: string): string {
  return printable(text.trim().replace(/\s+/g, ' ').slice(0, LONGEST_TEXT)).toWellFormed();
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  const isReal = typeof value === 'object' && value !== null && 'kind' in value;
  const found = isReal && value.kind === 'real' && 'value' in value ? Number(value.value) : null;
  return found !== null && Number.isFinite(found) ? found : null;
}
