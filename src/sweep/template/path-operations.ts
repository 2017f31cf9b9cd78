/**
 * What `${name:operation}` does to a value that is a path; the same as GNU parallel's `{.}`,
 * `{/}`, `{//}` and `{/.}`.
 */
const OPERATIONS = {
  /** `dir/a.tar.gz` → `dir/a.tar` */
  noext: withoutSuffix,
  /** `dir/a.gz` → `a.gz` */
  base: baseName,
  /** `dir/a.gz` → `dir`; `a.gz` → `.` */
  dir: directoryOf,
  /** `dir/a.gz` → `a` */
  stem: (path: string): string => withoutSuffix(baseName(path)),
};

export type PathOperation = keyof typeof OPERATIONS;

/** Operations, and `raw`: the value enters a shell command as it is, without quotes. */
export const OPERATION_NAMES: readonly string[] = [...Object.keys(OPERATIONS), 'raw'];

export function isPathOperation(name: string): name is PathOperation {
  return Object.hasOwn(OPERATIONS, name);
}

export function applyOperations(value: string, operations: readonly PathOperation[]): string {
  return operations.reduce((path, operation) => OPERATIONS[operation](path), value);
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  if (slash === -1) return '.';
  return slash === 0 ? '/' : path.slice(0, slash);
}

function withoutSuffix(path: string): string {
  return path.replace(/\.[^/.]*$/, '');
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
