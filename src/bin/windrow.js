/**
 * The executable, from sources. Types are stripped and code is compiled at each start unless Node.js
 * keeps what came of it; measured on 2 cores, `windrow --help` takes 0.14 s without and 0.06 s with the
 * cache. It must be on before anything else is loaded, hence this file; and this file is
 * JavaScript, because the first file with types costs 30 ms whatever the cache holds. In a bundle
 * `bundled.ts` stands in its place.
 */
import { enableCompileCache } from 'node:module';
import { cacheDirectory } from './cache-directory.js';

const directory = cacheDirectory();
if (directory !== null) enableCompileCache(directory);

import('./process.ts');
