/** Something that machines of a field can have in place of the executable: it runs this checkout. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const PACKAGE = resolve(import.meta.dirname, '../../package.json');

/** Puts stand-ins with their executables.json into `folder`, which `--executables` names. */
export function putStandIns(folder: string, { before = '' } = {}): void {
  const platforms = ['linux-x64', 'linux-arm64'];
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8'));
  mkdirSync(folder, { recursive: true });
  const executables = platforms.map((platform) => {
    const content = Buffer.from(
      `#!/bin/sh\n# for ${platform}\n${before}\nexec /mnt/windrow/bin/windrow "$@"\n`,
    );
    const file = `windrow-${platform}`;
    writeFileSync(join(folder, file), content);
    writeFileSync(join(folder, `${file}.gz`), gzipSync(content));
    const sha256 = createHash('sha256').update(content).digest('hex');
    const forms = [
      { encoding: 'identity', file },
      { encoding: 'gzip', file: `${file}.gz` },
    ];
    return { platform, sha256, bytes: content.length, forms };
  });
  writeFileSync(join(folder, 'executables.json'), JSON.stringify({ version, executables }));
}
