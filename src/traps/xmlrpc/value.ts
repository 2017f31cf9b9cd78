/** What XML-RPC can say. http://xmlrpc.com/spec.md, with the `nil` and `i8` of ws.apache.org. */
export type Value =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'i8'; readonly value: bigint }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'double'; readonly value: number }
  /** As it is spelled, `19980717T14:08:55`; it has no zone. */
  | { readonly type: 'dateTime.iso8601'; readonly value: string }
  | { readonly type: 'base64'; readonly value: Uint8Array }
  | { readonly type: 'array'; readonly items: readonly Value[] }
  | { readonly type: 'struct'; readonly members: ReadonlyMap<string, Value> }
  | { readonly type: 'nil' };

export type ValueType = Value['type'];

export interface Call {
  readonly method: string;
  readonly params: readonly Value[];
}

export const int = (value: number): Value => ({ type: 'int', value });
export const text = (value: string): Value => ({ type: 'string', value });
export const double = (value: number): Value => ({ type: 'double', value });
export const boolean = (value: boolean): Value => ({ type: 'boolean', value });
export const array = (items: readonly Value[]): Value => ({ type: 'array', items });
export const struct = (members: Readonly<Record<string, Value>>): Value => ({
  type: 'struct',
  members: new Map(Object.entries(members)),
});
