/** Pages of a list of any length: the first, and the next. Back is what browsers have a key for. */
export function Pager({
  from,
  next,
  at,
}: {
  /** Empty on the first page. */
  from: string;
  next: number | null;
  at: (from: string) => string;
}) {
  if (from === '' && next === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {from !== '' && <a href={at('')}>First page</a>}
      {next !== null && <a href={at(String(next))}>Next page</a>}
    </nav>
  );
}
