import type { ComponentChild } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Refusal } from '../ask.ts';
import { Trouble } from './small.tsx';
import { Text } from './text.tsx';

export interface Wish {
  readonly title: string;
  /** What will happen, in a sentence. */
  readonly what: string;
  /** On the button. */
  readonly verb: string;
  readonly isGrave?: boolean;
  /** What is asked for beside it; none: nothing. */
  readonly reason?: string;
  readonly act: (reason: string) => Promise<unknown>;
}

/**
 * How a view has something changed: by what it calls, what it shows meanwhile. Its answer is asked for
 * again once that is done.
 */
export function useWish(answer: {
  again(): void;
}): [ask: (wish: Wish) => void, asked: ComponentChild] {
  const [wish, setWish] = useState<Wish | null>(null);
  const end = (isDone: boolean): void => {
    setWish(null);
    if (isDone) answer.again();
  };
  return [setWish, wish && <Confirm wish={wish} onEnd={end} />];
}

/** Asks before something is changed, and says what became of it. */
function Confirm({ wish, onEnd }: { wish: Wish; onEnd: (isDone: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useId();
  const title = useId();
  const [reason, setReason] = useState('');
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [isActing, setActing] = useState(false);
  // Before it is painted: a key pressed as soon as it is seen is for the dialog, not for what opened it.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const act = async (event: Event): Promise<void> => {
    event.preventDefault();
    setActing(true);
    setRefusal(null);
    try {
      await wish.act(reason);
      onEnd(true);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setRefusal(error);
      setActing(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={() => onEnd(false)} aria-labelledby={title}>
      <form onSubmit={act}>
        <h2 id={title}>
          <Text of={wish.title} most={100} />
        </h2>
        <p>{wish.what}</p>
        {wish.reason !== undefined && (
          <p>
            <label for={field}>{wish.reason}</label>
            <input
              id={field}
              value={reason}
              maxLength={1000}
              autocomplete="off"
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </p>
        )}
        {refusal && <Trouble message={refusal.message} todo={refusal.todo} />}
        <p class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button
            type="submit"
            class={wish.isGrave ? 'grave' : 'main'}
            disabled={isActing}
            // What cannot be taken back is not a matter of one key.
            autofocus={!wish.isGrave && wish.reason === undefined}
          >
            {wish.verb}
          </button>
        </p>
      </form>
    </dialog>
  );
}
