/** Codes that XML-RPC servers have in common (xmlrpc-epi, "Specification for Fault Code Interoperability"). */
export const FAULT = {
  notWellFormed: -32700,
  unsupportedEncoding: -32701,
  invalidCharacter: -32702,
  invalidRequest: -32600,
  noSuchMethod: -32601,
  invalidParameters: -32602,
  internal: -32603,
  application: -32500,
  transport: -32300,
} as const;

/** Thrown where a call cannot be answered; it leaves as a fault with HTTP status 200. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
