import { WindrowError } from '#base';

/** An error in the form that the tus server answers with. */
export class TusError extends Error {
  readonly status_code: number;
  readonly body: string;

  constructor(status: number, body: string, cause: unknown) {
    super(body, { cause });
    this.status_code = status;
    this.body = body;
  }
}

/** Those with a code are told to the sender; the rest is the server's own. */
export function toTusError(error: unknown): TusError {
  if (error instanceof TusError) return error;
  return error instanceof WindrowError
    ? new TusError(error.status, `${error.code}: ${error.message}\n`, error)
    : new TusError(500, 'the upload could not be kept\n', error);
}
