import type { TrapRecord } from '#model';

/** What a report is about: its condition, or for an event all that it says. */
export function aboutOf({ node, fileSystem, kind, condition, category, message }: Parts): string {
  const about = kind === 'event' ? `${category}\0${message}` : condition;
  return `${node}\0${fileSystem}\0${kind === 'event' ? 'event' : 'condition'}\0${about}`;
}

type Parts = Pick<
  TrapRecord,
  'node' | 'fileSystem' | 'kind' | 'condition' | 'category' | 'message'
>;
