/**
 * Lines between the server and the process that runs a user's module: requests on its stdin,
 * answers on its descriptor 3, each one JSON object. Answers come in the order of the requests and
 * carry their nonce, so that code left over from one task cannot answer for another.
 */

/** A result's content on its way to user code. */
export type SentContent =
  | { readonly text: string }
  | { readonly base64: string }
  /** Too large for a line: lies in a file that is removed after the answer. */
  | { readonly path: string; readonly bytes: number };

export type SentResult = SentContent | { readonly files: Readonly<Record<string, SentContent>> };

export type HostRequest =
  | {
      readonly nonce: string;
      readonly call: 'default';
      readonly parameters: Readonly<Record<string, string>>;
      readonly results: Readonly<Record<string, SentResult>>;
    }
  | { readonly nonce: string; readonly call: 'begin' | 'end' };

export type HostAnswer =
  /** The module was loaded, or cannot be used for the reason given; always the first line. */
  | { readonly ready: true; readonly fault: string | null }
  /** What the function returned: a validator's verdict, or a collector's text or bytes. */
  | { readonly nonce: string; readonly verdict: boolean | string }
  | { readonly nonce: string; readonly base64: string }
  | { readonly nonce: string; readonly fault: string };

/** Contents up to this together travel inside the line. */
export const INLINE_BYTES = 256 * 1024;
/** Contents above this reach the user's function as `{ path, bytes }`. */
export const CONTENT_BYTES = 64 * 2 ** 20;
/** Most bytes that one call of a collector may return: its answer is one line. */
export const RETURN_BYTES = 8 * 2 ** 20;
