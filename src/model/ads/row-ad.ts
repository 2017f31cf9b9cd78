/** Parameters of a row as attributes: what a job or a task tells by itself goes before them. */
import { type Ad, type AttributeTable, adOfThing, attributeTable, plainFrom } from '#classad';

type Cells = readonly string[];

/** Made once for the columns of a job. */
const tables = new WeakMap<Cells, AttributeTable<Cells>>();

function tableOf(columns: Cells): AttributeTable<Cells> {
  const known = tables.get(columns);
  if (known) return known;
  const made = attributeTable<Cells>(
    Object.fromEntries(
      columns.map((column, index) => [column, (cells: Cells) => plainFrom(cells[index] ?? '')]),
    ),
  );
  tables.set(columns, made);
  return made;
}

/**
 * The ad with the cells of a row behind all that it is chained to: numbers as such, all else as text.
 * @param columns the same array for all rows of a job
 */
export function withRow(ad: Ad, columns: Cells, cells: Cells): Ad {
  const chain: Ad[] = [];
  for (let at: Ad | null = ad; at; at = at.chained) chain.push(at);
  return chain.reduceRight<Ad>(
    (chained, { attributes }) => ({ attributes, chained }),
    adOfThing(tableOf(columns), cells),
  );
}
