import { useId, useState } from 'preact/hooks';
import { keepToken } from './token.ts';

/** Asks for the token. It is kept for this tab, and sent to nobody but this server. */
export function Login({ why, onToken }: { why: string; onToken: () => void }) {
  const field = useId();
  const [token, setToken] = useState('');
  const enter = (event: Event): void => {
    event.preventDefault();
    const given = token.trim();
    if (given === '') return;
    keepToken(given);
    onToken();
  };
  return (
    <main class="login">
      <form onSubmit={enter}>
        <h1>Windrow</h1>
        {why !== '' && (
          <p class="trouble" role="alert">
            {why}
          </p>
        )}
        <p>
          <label for={field}>Admin token</label>
          <input
            id={field}
            type="password"
            autocomplete="current-password"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </p>
        <p class="quiet">
          It is in the file <code>admin-token</code> of the server’s state directory, and kept here
          until this tab is closed.
        </p>
        <p class="buttons">
          <button type="submit" class="main">
            Enter
          </button>
        </p>
      </form>
    </main>
  );
}
