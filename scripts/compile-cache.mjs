/**
 * Loaded before each test file: what came of compiling and of stripping types is kept, which halves
 * the start of every one of them. Not by NODE_COMPILE_CACHE, which programs under test would inherit.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '..', 'build', 'test-cache'));
