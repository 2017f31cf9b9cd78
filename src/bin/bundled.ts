/** The executable as a bundle: stands there in the place of `windrow.js`, and loads `process.ts`. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from './cache-directory.js';
import { CodeCache } from './code-cache.ts';
import { PartLoader } from './part-loader.ts';

/** Put here by scripts/build-bundle.mjs: a digest of all parts. */
declare const BUNDLE_ID: string;

/** By then a server or worker has done all that it does at a start, and forgotten nothing of it. */
const KEEP_AFTER_MS = 10_000;
/** Of a command that does not exist nothing is kept. */
const USAGE_EXIT = 2;

const [, , command = ''] = process.argv;
const directory = cacheDirectory();
// What a worker calls is not what a server calls: each command has code of its own.
const use = /^[a-z-]{1,20}$/.test(command) ? command : 'other';
const cache = new CodeCache(directory && join(directory, BUNDLE_ID), use);
const parts = new PartLoader(dirname(fileURLToPath(import.meta.url)), cache);

setTimeout(() => cache.keep(), KEEP_AFTER_MS).unref();
process.once('exit', (code) => {
  if (code !== USAGE_EXIT) cache.keep();
});
parts.load('process.cjs');
