import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A compressor's figures count only when the file came back as it was. */
export default function validate(
  parameters: Record<string, string>,
  results: Record<string, string>,
): true | string {
  const expected = createHash('sha256').update(readFileSync(parameters.file!)).digest('hex');
  const found = results.digest!.trim();
  return (
    found === expected || `${parameters.file} came back with SHA-256 ${found}, not ${expected}`
  );
}
