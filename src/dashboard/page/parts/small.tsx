/** Small things that every view has. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Answered } from '../answer.ts';
import { NOTHING } from '../figures.ts';
import { Text } from './text.tsx';

/** A state by its word; the colour only repeats it. */
export function State({ of }: { of: string }) {
  return <span class={`state ${of}`}>{of}</span>;
}

/** A part of a view with its heading, and what can be done with it beside. */
export function Part({
  title,
  aside,
  children,
}: {
  title: ComponentChildren;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

export interface Column {
  readonly title: string;
  /** `number`: to the right. `wide`: only where there is room. */
  readonly look?: string;
}

/** Wide tables scroll by themselves, also by keyboard; the page does not. */
export function Table({
  name,
  head,
  children,
}: {
  name: string;
  head: readonly (string | Column)[];
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
    <section class="scroll" tabIndex={0} aria-label={name}>
      <table>
        <thead>
          <tr>
            {head.map((column) => {
              const { title, look = '' } = typeof column === 'string' ? { title: column } : column;
              return (
                <th key={title} scope="col" class={look}>
                  {title}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

export type Fact = readonly [name: string, value: ComponentChildren];

/** Names and what they stand for; what is not known is left out. */
export function Facts({ of }: { of: readonly (Fact | null)[] }) {
  return (
    <dl>
      {of
        .filter((fact): fact is Fact => fact !== null && fact[1] !== NOTHING)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Shows an answer: that it is on its way, that it was refused, or what it says. */
export function Shown<T>({
  answer,
  children,
}: {
  answer: Answered<T>;
  children: (value: T) => ComponentChildren;
}) {
  const { value, refusal } = answer;
  const isNews = refusal !== null && !refusal.isOfAll;
  return (
    <>
      {isNews && <Trouble message={refusal.message} todo={refusal.todo} />}
      {value !== undefined ? children(value) : !isNews && <p class="quiet">Loading …</p>}
    </>
  );
}

export function Trouble({ message, todo = '' }: { message: string; todo?: string }) {
  return (
    <p class="trouble" role="alert">
      <Text of={message} most={2000} /> {todo !== '' && <Text of={todo} most={2000} />}
    </p>
  );
}

export function Nothing({ children }: { children: ComponentChildren }) {
  return <p class="quiet">{children}</p>;
}
