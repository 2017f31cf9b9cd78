import { messageOf, systemCodeOf } from '#base';
import { AttemptFault } from './attempt.ts';

/** What kept an attempt from its inputs on this machine. */
export function stageFault(what: string, error: unknown): AttemptFault {
  const code = systemCodeOf(error);
  const why = code === 'ENOSPC' ? 'the disk of this machine is full' : messageOf(error);
  return new AttemptFault('stage-in', `${what}: ${why}.`, { cause: error });
}

export function placing<T>(name: string, place: () => T): T {
  try {
    return place();
  } catch (error) {
    throw stageFault(`Input ${name} could not be made`, error);
  }
}
