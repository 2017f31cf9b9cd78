/**
 * From the texts of all procs to one template and columns: what differs from proc to proc becomes
 * a column, of a variable of the description where the text holds one as it is.
 */
import { machineColumn } from '#model';
import {
  hasMachineMark,
  JOB_MARK,
  JOB_MARKS,
  MARKS,
  PROCESS_MARK,
  ROW_MARKS,
  withMachineMarks,
} from './macro-scope.ts';

interface Candidate {
  readonly name: string;
  readonly values: readonly string[];
}

export class Columns {
  readonly #count: number;
  readonly #candidates: readonly Candidate[];
  readonly #taken = new Map<string, readonly string[]>();
  readonly #machine: string[] = [];
  readonly #items: readonly string[];
  readonly #itemsUsed = new Set<number>();
  #hasMachineInCells = false;

  /**
   * @param variables of each proc; those that all procs have and that differ are candidates
   * @param items names of what marks stand for, where one proc stands for all
   */
  constructor(variables: readonly ReadonlyMap<string, string>[], items: readonly string[] = []) {
    this.#items = items;
    this.#count = variables.length;
    const names = [...(variables[0]?.keys() ?? [])];
    this.#candidates = names
      .filter((name) => variables.every((one) => one.has(name)))
      .map((name) => ({ name, values: variables.map((one) => one.get(name)!) }))
      .filter(({ values }) => values.some((value) => value !== values[0]))
      .filter(({ values }) => !values.some((value) => value.includes(JOB_MARK)));
  }

  /** Names and cells, row by row. */
  get names(): readonly string[] {
    return [...this.#taken.keys()];
  }

  /** Places of items that templates name, in order. */
  get itemsUsed(): readonly number[] {
    return [...this.#itemsUsed].sort((a, b) => a - b);
  }

  /** Values of the machine that templates name, as they were written. */
  get machineValues(): readonly string[] {
    return this.#machine;
  }

  /** Some value of the machine differs from proc to proc, and so would be a cell: nothing fills these in. */
  get hasMachineInCells(): boolean {
    return this.#hasMachineInCells;
  }

  rows(): string[][] {
    const columns = [...this.#taken.values()];
    return Array.from({ length: this.#count }, (_, row) => columns.map((values) => values[row]!));
  }

  /** Makes a candidate a column, also where no template needs it. */
  take(name: string): void {
    const found = this.#candidates.find((candidate) => candidate.name === name);
    if (found) this.#taken.set(name, found.values);
  }

  /** The template that gives each proc its text. `name` is for a column that has to be made. */
  template(name: string, texts: readonly string[]): string {
    const first = texts[0]!;
    if (texts.every((text) => text === first)) return this.#literal(first);
    const filled = this.#byCandidate(first, texts);
    if (filled) return filled;
    const parts = this.#piecesOf(texts);
    const count = parts[0]!.length;
    const pieces: string[] = [];
    for (let at = 0; at < count; at++) {
      const values = parts.map((part) => part[at]!);
      const isSame = values.every((value) => value === values[0]);
      const column = count > 1 ? `${name}_${at / 2 + 1}` : name;
      pieces.push(isSame ? this.#literal(values[0]!) : `\${${this.column(column, values)}}`);
    }
    return pieces.join('');
  }

  /** Every other piece is a mark, the same in all texts: of the job's number, of a machine's value. */
  #piecesOf(texts: readonly string[]): string[][] {
    const all = texts.map((text) => text.split(MARKS));
    if (haveSameMarks(all)) return all;
    // A column may hold values of machines, if nothing fills them in; it cannot hold the job's number.
    const byJob = texts.map((text) => text.split(JOB_MARKS));
    if (haveSameMarks(byJob)) return byJob;
    throw new RangeError('the number of the job stands in it for some procs only');
  }

  /** A column of these values; an equal one is used again. */
  column(name: string, values: readonly string[]): string {
    this.#hasMachineInCells ||= values.some(hasMachineMark);
    for (const [known, others] of [...this.#taken, ...this.#named()]) {
      if (same(values, others)) {
        this.#taken.set(known, others);
        return known;
      }
    }
    let free = name;
    const names = new Set([...this.#taken.keys(), ...this.#candidates.map((one) => one.name)]);
    for (let count = 2; names.has(free); count++) free = `${name}_${count}`;
    this.#taken.set(free, values);
    return free;
  }

  /** Fixed text inside a template. */
  #literal(text: string): string {
    const plain = text
      .replaceAll('$', '$$$$')
      .replaceAll(JOB_MARK, JOB_PLACE)
      .replaceAll(PROCESS_MARK, '${Process}')
      .replace(ROW_MARKS, (_, place: string) => {
        this.#itemsUsed.add(Number(place));
        return `\${${this.#items[Number(place)]}}`;
      });
    return withMachineMarks(plain, (body) => `\${${machineColumn(this.#machineIndex(body))}}`);
  }

  #machineIndex(body: string): number {
    const known = this.#machine.indexOf(body);
    return known >= 0 ? known : this.#machine.push(body) - 1;
  }

  #named(): [string, readonly string[]][] {
    return this.#candidates.map(({ name, values }) => [name, values]);
  }

  /** A candidate with a fixed text before and behind it. */
  #byCandidate(first: string, texts: readonly string[]): string | null {
    for (const { name, values } of this.#candidates) {
      const value = values[0]!;
      if (value === '') continue;
      for (let at = first.indexOf(value); at !== -1; at = first.indexOf(value, at + 1)) {
        const before = first.slice(0, at);
        const behind = first.slice(at + value.length);
        if (!texts.every((text, row) => text === before + values[row] + behind)) continue;
        this.#taken.set(name, values);
        return `${this.#literal(before)}\${${name}}${this.#literal(behind)}`;
      }
    }
    return null;
  }
}

function haveSameMarks(all: readonly (readonly string[])[]): boolean {
  const [first] = all;
  return all.every(
    (one) =>
      one.length === first!.length &&
      one.every((piece, at) => at % 2 === 0 || piece === first![at]),
  );
}

const JOB_PLACE = '${:job}';

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.every((value, index) => value === b[index]);
}
