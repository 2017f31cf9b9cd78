/** Parameters of the open protocol's requests, strictly read: each at most once, bounded. */

import type { FastifyRequest } from 'fastify';
import { canonicalPlatform } from '#base';
import type { Ticket } from '#model';
import { bearerToken, parseTicket } from '#wire';
import { openErrors } from './errors.ts';

/** The parameter `name`, or undefined. Throws `OPEN_PARAMETER_WRONG`. */
export function parameter(
  request: FastifyRequest,
  name: string,
  mostCharacters: number,
): string | undefined {
  const value = (request.query as Record<string, unknown>)[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw wrong(name, 'given twice', 'one value');
  if (value.length <= mostCharacters) return value;
  throw wrong(name, `${value.length} characters long`, `at most ${mostCharacters}`);
}

export function requiredParameter(
  request: FastifyRequest,
  name: string,
  mostCharacters: number,
): string {
  const value = parameter(request, name, mostCharacters);
  if (value === undefined) throw wrong(name, 'missing', 'a value');
  return value;
}

export function ticketParameter(request: FastifyRequest): Ticket {
  const expected = 'the number after Ticket=';
  const text = parameter(request, 'ticket', 200);
  if (text === undefined) throw wrong('ticket', 'missing', expected);
  const ticket = parseTicket(text);
  if (ticket === undefined) throw wrong('ticket', JSON.stringify(text.slice(0, 40)), expected);
  return ticket;
}

/** The platform in its canonical form, or null when none was given. */
export function platformParameter(request: FastifyRequest): string | null {
  const text = parameter(request, 'platform', 200);
  return text === undefined ? null : canonicalPlatform(text);
}

/** The session as given: `sessionID=`, else `Authorization: Bearer`. */
export function givenSession(request: FastifyRequest): string {
  const value = (request.query as Record<string, unknown>).sessionID;
  if (typeof value === 'string') return value;
  return bearerToken(request.headers.authorization) ?? '';
}

function wrong(name: string, found: string, expected: string): Error {
  return openErrors.create('OPEN_PARAMETER_WRONG', { name, found, expected });
}
