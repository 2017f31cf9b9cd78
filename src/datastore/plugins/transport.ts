/** A plugin as the datastore's way to the URLs of its schemes. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileTransport, TransferFailure } from '../transport.ts';
import type { Plugin } from './describe.ts';
import { runPlugin } from './run-plugin.ts';
import type { PluginWorld } from './world.ts';

const LOOK_MS = 500;
const NO_VALIDATORS = { etag: null, lastModified: null, date: null };

/**
 * A plugin knows no versions: its files are fetched anew whenever a key is not `immutable` or pinned.
 * What it refuses is not tried again; `subcode` is that of HTCondor's hold.
 *
 * @param world of which `directory` holds a directory for each transfer
 */
export function pluginTransport(
  plugin: Plugin,
  schemes: readonly string[],
  world: PluginWorld,
): FileTransport {
  return {
    kind: 'file',
    schemes,
    originOf: (url) => `${url.protocol}//${url.host}`,
    bring: async ({ url, path, signal, onProgress }) => {
      const directory = await mkdtemp(join(world.directory, 'transfer-'));
      const progress = setInterval(() => {
        void stat(path).then(
          ({ size }) => onProgress(size, null),
          () => {},
        );
      }, LOOK_MS);
      try {
        const transfer = { url: url.href, path };
        const at = { ...world, directory, signal };
        const [outcome] = await runPlugin(plugin, [transfer], 'download', at);
        signal.throwIfAborted();
        if (!outcome?.ok) {
          const reason = `${plugin.name} says: ${outcome?.reason ?? 'nothing'}`;
          throw new TransferFailure('refused', reason, { subcode: outcome?.subcode ?? 0 });
        }
        const via = `plugin ${plugin.name}`;
        const { size } = await stat(path);
        onProgress(size, size);
        return {
          kind: 'whole',
          totalBytes: outcome.bytes,
          validators: NO_VALIDATORS,
          mediaType: null,
          digests: {},
          way: via,
          isPrivate: false,
        };
      } finally {
        clearInterval(progress);
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

/** One transport for each plugin, with the schemes that no later plugin has taken from it. */
export function pluginTransports(
  plugins: ReadonlyMap<string, Plugin>,
  world: PluginWorld,
): FileTransport[] {
  const schemes = new Map<Plugin, string[]>();
  for (const [scheme, plugin] of plugins) {
    schemes.set(plugin, [...(schemes.get(plugin) ?? []), scheme]);
  }
  return [...schemes].map(([plugin, own]) => pluginTransport(plugin, own, world));
}
