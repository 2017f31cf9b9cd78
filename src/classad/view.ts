import type { Plain } from './evaluate.ts';
import { type Ad, type Attribute, valueAttribute } from './value.ts';

/**
 * Attributes of one kind of thing, each with how it is told from the thing. What is `undefined` is
 * missing, and is looked for in the chained ad.
 */
export type Attributes<Thing> = Readonly<Record<string, (thing: Thing) => Plain>>;

/** A table of attributes by lower-case name, made once for each kind of thing. */
export type AttributeTable<Thing> = ReadonlyMap<
  string,
  { readonly name: string; readonly tell: (thing: Thing) => Plain }
>;

export function attributeTable<Thing>(attributes: Attributes<Thing>): AttributeTable<Thing> {
  const named = Object.entries(attributes);
  return new Map(named.map(([name, tell]) => [name.toLowerCase(), { name, tell }]));
}

/**
 * An ad that looks an attribute up in its thing when it is asked for: a constraint reads three of
 * fifty attributes of each of a million records. The thing must not change while the ad is in use.
 */
export function adOfThing<Thing>(
  table: AttributeTable<Thing>,
  thing: Thing,
  chained: Ad | null = null,
): Ad {
  return { attributes: new ToldAttributes(table, thing), chained };
}

/** Whether the ad's own attributes are values that are told of a thing, none of them an expression. */
export function isAdOfThing(ad: Ad): boolean {
  return ad.attributes instanceof ToldAttributes;
}

/** The ad with all that it is chained to, as one: for printing, and for those who have only this one. */
export function wholeAd(ad: Ad): Ad {
  const attributes = new Map<string, Attribute>();
  const chain: Ad[] = [];
  for (let at: Ad | null = ad; at; at = at.chained) chain.unshift(at);
  for (const one of chain)
    for (const [name, attribute] of one.attributes) attributes.set(name, attribute);
  return { attributes, chained: null };
}

class ToldAttributes<Thing> implements ReadonlyMap<string, Attribute> {
  readonly #table: AttributeTable<Thing>;
  readonly #thing: Thing;

  constructor(table: AttributeTable<Thing>, thing: Thing) {
    this.#table = table;
    this.#thing = thing;
  }

  get(lowerName: string): Attribute | undefined {
    const told = this.#table.get(lowerName);
    if (told === undefined) return undefined;
    const value = told.tell(this.#thing);
    if (value === undefined) return undefined;
    return valueAttribute(told.name, value);
  }

  has(lowerName: string): boolean {
    return this.get(lowerName) !== undefined;
  }

  get size(): number {
    return [...this.keys()].length;
  }

  *entries(): MapIterator<[string, Attribute]> {
    for (const lowerName of this.#table.keys()) {
      const attribute = this.get(lowerName);
      if (attribute) yield [lowerName, attribute];
    }
  }

  *keys(): MapIterator<string> {
    for (const [lowerName] of this.entries()) yield lowerName;
  }

  *values(): MapIterator<Attribute> {
    for (const [, attribute] of this.entries()) yield attribute;
  }

  [Symbol.iterator](): MapIterator<[string, Attribute]> {
    return this.entries();
  }

  forEach(
    visit: (value: Attribute, key: string, map: ReadonlyMap<string, Attribute>) => void,
  ): void {
    for (const [lowerName, attribute] of this.entries()) visit(attribute, lowerName, this);
  }
}
