/** Where in the page one is, in the part of the address behind `#`: it can be kept and sent. */

export type Place =
  | { readonly view: 'jobs' | 'workers' | 'traps' | 'data' | 'traces'; readonly query: Query }
  | { readonly view: 'job'; readonly job: number; readonly query: Query }
  | { readonly view: 'task'; readonly job: number; readonly task: number; readonly query: Query };

/** Filters and pages of a view. */
export type Query = Readonly<Record<string, string>>;

const LISTS = ['jobs', 'workers', 'traps', 'data', 'traces'] as const;

/** `#/jobs/3?state=failed` → the place; what is not understood is the list of jobs. */
export function placeOf(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const query = Object.fromEntries(new URLSearchParams(search));
  const [first, second, third, fourth] = path.split('/');
  const job = wholeOf(second);
  const task = wholeOf(fourth);
  if (first === 'jobs' && job !== null && job > 0) {
    if (third === 'tasks' && task !== null) return { view: 'task', job, task, query };
    return { view: 'job', job, query };
  }
  const list = LISTS.find((name) => name === first);
  return { view: list ?? 'jobs', query };
}

export function hashOf(place: Place): string {
  const path =
    place.view === 'job'
      ? `jobs/${place.job}`
      : place.view === 'task'
        ? `jobs/${place.job}/tasks/${place.task}`
        : place.view;
  const given = Object.entries(place.query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(given).toString();
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

function wholeOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
