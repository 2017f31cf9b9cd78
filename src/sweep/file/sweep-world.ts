/** A folder with the files that sweep files name, and how they are read there. Loaded by tests only. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import type { SweepOptions } from '../arguments/options.ts';
import { readSweepFile } from './sweep-file.ts';

export const folder = mkdtempSync(join(tmpdir(), 'windrow-sweep-'));
after(() => rmSync(folder, { recursive: true }));

export const surroundings = { cwd: folder, platform: 'linux-x64', searchPath: join(folder, 'bin') };

export function write(name: string, content: string | Buffer, mode = 0o644): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

export function read(toml: string | Buffer, overrides: SweepOptions = {}, name = 'sweep.toml') {
  write(name, toml);
  return readSweepFile(name, overrides, surroundings);
}

/** An ELF header of the given machine (System V gABI). */
export function elf(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

export const sha256 = (content: string | Buffer) =>
  createHash('sha256').update(content).digest('hex');
export const md5 = (content: string | Buffer) => createHash('md5').update(content).digest('hex');

export const script = '#!/bin/sh\necho "$@"\n';
write('ising', script, 0o755);
write('grid.csv', 'beta,seed,lattice,deck\n0.44,7,"a\nb",run\n');
write('model.ini.in', 'beta = $beta\n');
write('table.bin', Buffer.from([0, 1, 2]));
write('validate.ts', 'export default () => true;\n');
write('build/ising-x64', elf(62), 0o755);
write('build/ising-arm64', elf(183), 0o755);
