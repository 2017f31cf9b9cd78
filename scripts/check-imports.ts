/**
 * Checks every import under src/ against the law: rooms only by their door, only downwards, no
 * input or output in pure rooms, no cycle of files inside a room. Tests are held to the doors but
 * may use any room. Prints each breach and exits 1.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { PURE_ROOMS, RESERVED_MODULES, ROOMS } from './import-law.ts';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');
const IMPORT =
  /^(import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm;
const PURE_MODULES_ALLOWED = new Set(['node:assert', 'node:test', 'node:crypto', 're2js']);

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
  /** Loaded when it is needed: no part of a cycle at load time. */
  readonly lazy: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => ({
    target: match[3] ?? match[4] ?? match[5] ?? '',
    typeOnly: match[2] !== undefined,
    lazy: match[5] !== undefined,
  }));
}

function breachesOf(file: string, imports: readonly Import[]): string[] {
  const name = relative(source, file);
  const roomName = name.split('/')[0]!;
  const isTest = name.endsWith('.test.ts') || name.includes('/testing/');
  const room = ROOMS.find((candidate) => candidate.name === roomName);
  if (!room) return [`src/${name}: the folder ${roomName} is no room of the import law`];
  const breaches: string[] = [];
  for (const { target, typeOnly } of imports) {
    const at = `src/${name}: imports ${target}`;
    if (target.startsWith('.')) {
      const inside = relative(join(source, roomName), resolve(dirname(file), target));
      if (inside.startsWith('..')) breaches.push(`${at}: reach other rooms by their door, #room`);
    } else if (target.startsWith('#')) {
      const other = target.slice(1);
      const allowed =
        isTest || room.uses.includes(other) || (typeOnly && room.typesOf.includes(other));
      if (!allowed) breaches.push(`${at}: the law does not let ${roomName} use ${other}`);
    } else if (!isTest) {
      const owners = RESERVED_MODULES[target];
      if (owners && !owners.includes(roomName)) {
        breaches.push(`${at}: only ${owners.join(', ')} may`);
      }
      if (PURE_ROOMS.includes(roomName) && !PURE_MODULES_ALLOWED.has(target)) {
        breaches.push(`${at}: ${roomName} does no input or output`);
      }
    }
  }
  return breaches;
}

function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const seen = path.indexOf(file);
    if (seen >= 0) {
      cycles.push(`import cycle: ${[...path.slice(seen), file].join(' → ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => join(source, name));
const breaches: string[] = [];
const graph = new Map<string, string[]>();
for (const file of files) {
  const imports = importsOf(file);
  breaches.push(...breachesOf(file, imports));
  const inside = imports.filter(
    ({ target, typeOnly, lazy }) => target.startsWith('.') && !typeOnly && !lazy,
  );
  graph.set(
    relative(source, file),
    inside.map(({ target }) => relative(source, resolve(dirname(file), target))),
  );
}
breaches.push(...cyclesIn(graph));
for (const breach of breaches) console.error(breach);
if (breaches.length > 0) process.exit(1);
console.log(`import law: ${files.length} files keep it`);
