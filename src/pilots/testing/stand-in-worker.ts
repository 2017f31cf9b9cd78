/** An executable for tests that does as a worker does for whoever starts and stops it. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { Executable } from '../executables.ts';

/** Takes the session, writes lock and report, and goes on until it is told to end. */
export const WORKER = `#!/bin/sh
echo "$@" >"$HOME/argv"
while [ $# -gt 0 ]; do
  case $1 in --report) report=$2 ;; esac
  shift
done
read -r session
echo "$session" >"$HOME/session"
cat /proc/$$/environ /proc/$$/cmdline >"$HOME/seen"
stat=$(cat /proc/$$/stat)
set -- \${stat##*) }
realm="$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/pid)"
lock=\${report%/*}/worker.lock
printf '{"host":"%s","pid":%s,"realm":"%s","startTime":"%s","worker":"w1","session":"tag"}' \\
  "$(uname -n)" $$ "$realm" "\${20}" >"$lock"
printf '{"state":"connected","worker":"w1","pid":%s}\\n' $$ >"$report"
trap 'rm -f "$lock"; exit 0' TERM HUP
while [ -e "$lock" ]; do sleep 0.05; done
`;

export function executableOf(content: string | Buffer, version = '1.0.0'): Executable {
  const bytes = Buffer.from(content);
  const packed = gzipSync(bytes);
  return {
    platform: 'linux-x64',
    version,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    encodedBytes: (encoding) => (encoding === 'gzip' ? packed.length : null),
    read: (encoding) => Readable.from([encoding === 'gzip' ? packed : bytes]),
    parcel: async () => ({ encoding: 'gzip', bytes: packed.length, pieces: () => [packed] }),
  };
}
