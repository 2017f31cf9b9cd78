/** The inputs of a job that come from elsewhere, and the versions of them that it sees. */
import type { Input, InputWay, JobSpec, RemoteInput } from '#model';

export type Lacking = Input & { readonly from: RemoteInput };

export function isLacking(input: Input): input is Lacking {
  return input.from.kind === 'url' && input.from.version === null;
}

export function resolved(
  input: Input,
  versions: ReadonlyMap<string, NonNullable<RemoteInput['version']>>,
): Input {
  const version = versions.get(input.name);
  return version && isLacking(input) ? { ...input, from: { ...input.from, version } } : input;
}

/** The same sources as before: a sweep that goes on keeps the versions it began with. */
export function withVersionsOf(spec: JobSpec, earlier: JobSpec): JobSpec {
  const known = new Map(earlier.inputs.map((input) => [input.name, input.from]));
  const inputs = spec.inputs.map((input) => {
    const before = known.get(input.name);
    if (!isLacking(input) || before?.kind !== 'url' || before.version === null) return input;
    const { from } = input;
    const isSame =
      before.url === from.url && before.sha256 === from.sha256 && before.md5 === from.md5;
    return isSame ? { ...input, from: { ...from, version: before.version } } : input;
  });
  return { ...spec, inputs };
}

/** How inputs came to a machine, with how they came to the server before. */
export function withSources(ways: readonly InputWay[], { inputs }: JobSpec): readonly InputWay[] {
  if (ways.length === 0) return ways;
  const sources = new Map(
    inputs.map(({ name, from }) => [name, from.kind === 'url' ? (from.version?.source ?? '') : '']),
  );
  return ways.map((way) => ({ ...way, source: sources.get(way.name) ?? '' }));
}

export function isUnstaged(spec: JobSpec): boolean {
  return spec.inputs.some(isLacking);
}
