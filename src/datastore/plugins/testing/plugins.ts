/** Plugins for tests, written where a test wants them, and the world that they run in. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localAmbient } from '#classad';
import { runToEnd } from '#sandbox';
import type { PluginWorld } from '../world.ts';

export interface PluginPlace {
  readonly directory: string;
  readonly world: PluginWorld;
  /** Writes an executable; answers with its path. */
  plugin(name: string, text: string): string;
  path(name: string): string;
  remove(): void;
}

export function pluginPlace(lifetimeMs = 60_000): PluginPlace {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-plugins-'));
  const run = join(directory, 'run');
  mkdirSync(run, { mode: 0o700 });
  const path = (name: string) => join(directory, name);
  return {
    directory,
    path,
    plugin: (name, text) => {
      writeFileSync(path(name), text);
      chmodSync(path(name), 0o755);
      return path(name);
    },
    world: {
      run: runToEnd,
      directory: run,
      environment: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
      lifetimeMs,
      ambient: localAmbient({
        now: Date.now,
        random: () => 0.5,
        elapsedMs: () => performance.now(),
      }),
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A plugin of the old form: one file a call. `body` sees $1 and $2, source and destination. */
export function singlePlugin(schemes: string, body: string): string {
  return `#!/bin/sh
if [ "$1" = -classad ]; then
  echo 'PluginVersion = "0.2"'
  echo 'PluginType = "FileTransfer"'
  echo 'SupportedMethods = "${schemes}"'
  exit 0
fi
${body}
`;
}

/**
 * A plugin of the form for many files, as the example that comes with HTCondor is built: `body` is
 * Python, called for each file with its `url` and `path`; it returns the attributes of the answer.
 */
export function batchPlugin(schemes: string, body: string, after = ''): string {
  const indented = body.replace(/^/gm, '    ');
  return `#!/usr/bin/env python3
import os, re, subprocess, sys, time
if sys.argv[1:] == ['-classad']:
    print('MultipleFileSupport = true')
    print('PluginVersion = "1.0.0"')
    print('PluginType = "FileTransfer"')
    print('SupportedMethods = "${schemes}"')
    sys.exit(0)
def transfer(url, path, upload):
${indented}
upload = '-upload' in sys.argv
infile = sys.argv[sys.argv.index('-infile') + 1]
outfile = sys.argv[sys.argv.index('-outfile') + 1]
assert os.path.getsize(outfile) >= 19000
out = open(outfile, 'r+')
for ad in re.findall(r'\\[(.*?)\\]', open(infile).read(), re.S):
    url = re.search(r'Url\\s*=\\s*"(.*?)"', ad).group(1)
    path = re.search(r'LocalFileName\\s*=\\s*"(.*?)"', ad).group(1)
    answer = {'TransferUrl': '"%s"' % url, 'TransferFileName': '"%s"' % path, 'TransferSuccess': 'true'}
    answer.update(transfer(url, path, upload) or {})
    out.write('[\\n' + ''.join('%s = %s;\\n' % pair for pair in answer.items()) + ']\\n')
out.flush()
${after}
`;
}
