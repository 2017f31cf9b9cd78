import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalPlatform, knownPlatform } from './platform.ts';

test('platforms are understood as Node.js and as uname -sm name them', () => {
  const names: Record<string, string> = {
    'linux-x64': 'linux-x64',
    'Linux x86_64': 'linux-x64',
    'Linux+x86_64': 'linux-x64',
    'Linux+aarch64': 'linux-arm64',
    'linux-arm64': 'linux-arm64',
    Linux_armv7l: 'linux-arm',
    'Linux i686': 'linux-ia32',
    'Linux ppc64le': 'linux-ppc64',
    'Linux riscv64': 'linux-riscv64',
    'Darwin arm64': 'darwin-arm64',
    'Darwin x86_64\n': 'darwin-x64',
    'FreeBSD amd64': 'freebsd-x64',
    'Windows_NT-AMD64': 'win32-x64',
    'CYGWIN_NT-10.0-19045 x86_64': 'win32-x64',
    'MINGW64_NT-10.0-19045 x86_64': 'win32-x64',
    'win32-x64': 'win32-x64',
    any: 'any',
    'Plan9 386': 'plan9-386',
    'constructor-__proto__': 'constructor-__proto__',
  };
  for (const [given, expected] of Object.entries(names)) {
    assert.equal(canonicalPlatform(given), expected, given);
  }
});

test('an unknown platform is bounded and harmless in a path, a log or a table', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const name = canonicalPlatform(text);
      assert.match(name, /^[a-z0-9._-]{0,64}$/);
      assert.equal(canonicalPlatform(name), name);
    }),
    { numRuns: 300 },
  );
});

test('only what names a system and a machine is known', () => {
  assert.equal(knownPlatform('linux/amd64'), 'linux-x64');
  assert.equal(knownPlatform('macOS arm64'), 'darwin-arm64');
  for (const text of ['any', 'linux', 'linux-', 'plan9-386', 'linux-x65', '']) {
    assert.equal(knownPlatform(text), undefined, text);
  }
});
