/** Starts as the launcher gets them. Loaded by tests only. */
import { encodeStart } from './launcher-frames.ts';
import type { StartRequest } from './port.ts';
import { PATH } from './starter-world.ts';

export const request = (command: string, more: Partial<StartRequest> = {}): StartRequest => ({
  file: '/bin/sh',
  argv: ['sh', '-c', command],
  environment: { PATH },
  directory: '/',
  stdin: null,
  timeoutMs: 0,
  killGraceMs: 0,
  onOutput: () => {},
  ...more,
});

export const frameOf = (command: string, more?: Partial<StartRequest>, id = 0) =>
  encodeStart(id, request(command, more), 'WINDROW_START=raw')!;

export function large(count: number, bytes: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${i}`, 'x'.repeat(bytes)]));
}
