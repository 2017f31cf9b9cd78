import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { type IpNetwork, parseIpNetwork } from './ip-network.ts';
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from './units.ts';

/** `127.0.0.1:8980`, `[::1]:0`, `*:8980`. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a setting's text becomes once it is read; no unit is text past this point. */
interface SettingValues {
  /** Milliseconds. */
  duration: number;
  /** Bytes. */
  bytes: number;
  int: number;
  /** Not negative. */
  decimal: number;
  boolean: boolean;
  text: string;
  choice: string;
  address: Address;
  /** Null: off. */
  maybeAddress: Address | null;
  /** Addresses, or ranges as 10.0.0.0/8. */
  ranges: readonly string[];
  /** Absolute; `''` where a setting may be left out. */
  path: string;
  /** Separated by commas. */
  list: readonly string[];
  /** A list, each absolute. */
  paths: readonly string[];
  /** `name=path, …`, each path absolute; in a settings file a section with a line for each. */
  table: Readonly<Record<string, string>>;
  /** `path=size, …`, each path absolute; bytes. */
  rates: Readonly<Record<string, number>>;
  /** `name=number, …`; in a settings file a section with a line for each. */
  amounts: Readonly<Record<string, number>>;
  /** `name=name, …`; in a settings file a section with a line for each. */
  names: Readonly<Record<string, string>>;
  /** In CIDR notation, separated by commas. */
  networks: readonly IpNetwork[];
  network: IpNetwork;
  /** Of IPv4 and IPv6, separated by commas. */
  addresses: readonly string[];
  /** Null: `auto`. */
  count: number | null;
}

export type SettingType = keyof SettingValues;

/** What a default may depend on; the composition looks it up once. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly home: string;
  /** Absolute; relative paths of the command line and the environment are relative to it. */
  readonly directory: string;
  readonly cpus: number;
}

/** One setting, described once: reader, help, reference page and `windrow config` use this. */
export interface Setting<Type extends SettingType = SettingType> {
  /** Outside: `--lease`, `WINDROW_LEASE`, `lease = …`. */
  readonly name: string;
  /** Another name in files and, with one dash, on the command line: `p` for `port`. */
  readonly short?: string;
  readonly type: Type;
  /** The default as a user would write it, or how it follows from the surroundings. */
  readonly default: string | ((surroundings: Surroundings) => string);
  /** How the default reads in the documentation, where it is computed. */
  readonly defaultDoc?: string;
  readonly doc: string;
  /** What stands for its value in help: `url`, `n`. */
  readonly value: string;
  /** Never shown, and never taken from the command line, where other users see it. */
  readonly secret?: boolean;
  readonly choices?: readonly string[];
  readonly least?: number;
  readonly most?: number;
}

export type SettingTable = Readonly<Record<string, Setting>>;

export type ValuesOf<Table extends SettingTable> = {
  readonly [Key in keyof Table]: SettingValues[Table[Key]['type']];
};

/** `WINDROW_WORKER_STARTER` for `worker-starter`. */
export function environmentName(setting: Setting): string {
  return `WINDROW_${setting.name.toUpperCase().replaceAll('-', '_')}`;
}

/** What each type looks like when it is right, for messages and the reference page. */
export const EXPECTED: Readonly<Record<SettingType, string>> = {
  duration: 'a duration like "30 s" or "1 h 30 min"',
  bytes: 'a size like "512 MB" or "1 GiB"',
  int: 'a whole number',
  decimal: 'a number like 12 or 0.05',
  boolean: 'yes or no',
  text: 'text without line ends',
  choice: 'one of the choices',
  address: 'HOST:PORT like 127.0.0.1:8980 or [::1]:8980',
  maybeAddress: 'HOST:PORT like 127.0.0.1:8980 or [::1]:8980, or off',
  ranges: 'addresses or ranges like 10.0.0.0/8 fd00::/8, parted by blanks or commas',
  path: 'a path',
  list: 'a list, separated by commas',
  paths: 'paths, separated by commas',
  table: 'NAME=PATH, separated by commas, each name once',
  rates: 'PATH=SIZE like /data=50 MiB, separated by commas, each path once',
  amounts: 'NAME=NUMBER, separated by commas, each name once',
  names: 'NAME=NAME, separated by commas, each name on the left once',
  networks: 'networks like 10.0.0.0/8 or fc00::/7, separated by commas',
  network: 'a network like 198.18.0.0/15',
  addresses: 'IP addresses, separated by commas',
  count: 'a whole number, or auto',
};

export type Parsed = { readonly value: SettingValues[SettingType] } | { readonly expected: string };

/** Reads one setting's text. `base` is the directory that relative paths start from. */
export function parseSetting(setting: Setting, text: string, base: string, home: string): Parsed {
  const value = PARSERS[setting.type](text, { setting, base, home });
  if (value === undefined) return { expected: expectedOf(setting) };
  if (typeof value === 'number' && !within(setting, value))
    return { expected: expectedOf(setting) };
  return { value };
}

interface ParseContext {
  readonly setting: Setting;
  readonly base: string;
  readonly home: string;
}

type Parser = (text: string, context: ParseContext) => SettingValues[SettingType] | undefined;

const PARSERS: Readonly<Record<SettingType, Parser>> = {
  duration: (text) => (/^0+$/.test(text.trim()) ? 0 : parseDurationMs(text)),
  bytes: (text) => (/^0+$/.test(text.trim()) ? 0 : parseBytes(text)),
  int: (text) => intOf(text),
  decimal: (text) => (/^\d{1,12}(\.\d{1,12})?$/.test(text.trim()) ? Number(text) : undefined),
  boolean: (text) => BOOLEANS.get(text.trim().toLowerCase()),
  text: (text) => (/[\0\r\n]/.test(text) ? undefined : text),
  choice: (text, { setting }) => setting.choices?.find((choice) => choice === text.trim()),
  address: (text) => parseAddress(text),
  maybeAddress: (text) => (/^\s*(?:off)?\s*$/i.test(text) ? null : parseAddress(text)),
  ranges: (text) => parseRanges(text),
  path: (text, { base, home }) =>
    text.includes('\0') ? undefined : absolutePath(text, base, home),
  list: (text) => listOf(text),
  paths: (text, { base, home }) => listOf(text)?.map((path) => absolutePath(path, base, home)),
  table: (text, context) => tableOf(text, context),
  rates: (text, context) => ratesOf(text, context),
  amounts: (text) => amountsOf(text),
  names: (text) => namesOf(text),
  networks: (text) => allOf(listOf(text)?.map(parseIpNetwork)),
  network: (text) => parseIpNetwork(text) ?? undefined,
  addresses: (text) => allOf(listOf(text)?.map((part) => (isIP(part) === 0 ? null : part))),
  count: (text) => (text.trim() === 'auto' ? null : intOf(text)),
};

function intOf(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}

/** Undefined when one of them is wrong. */
function allOf<T>(elements: readonly (T | null)[] | undefined): T[] | undefined {
  const right = elements?.filter((element) => element !== null);
  return right?.length === elements?.length ? right : undefined;
}

/** Empty elements do not count: a trailing comma is no mistake. */
function listOf(text: string): string[] | undefined {
  if (/[\0\r\n]/.test(text)) return undefined;
  const elements = text.split(',').map((element) => element.trim());
  return elements.filter((element) => element !== '');
}

function tableOf(text: string, { base, home }: ParseContext): Record<string, string> | undefined {
  const entries = listOf(text)?.map((element) => /^([\w.-]+)\s*=\s*(\S.*)$/.exec(element));
  if (!entries?.every((entry) => entry !== null)) return undefined;
  const table = Object.fromEntries(
    entries.map(([, name, path]) => [name!, absolutePath(path!, base, home)]),
  );
  return Object.keys(table).length === entries.length ? table : undefined;
}

function ratesOf(text: string, { base, home }: ParseContext): Record<string, number> | undefined {
  const entries = listOf(text)?.map((element) => {
    const [, path, size] = /^([^=]+)=(.+)$/.exec(element) ?? [];
    const bytes = size === undefined ? undefined : parseBytes(size);
    return path === undefined || !bytes ? null : { path: path.trim(), bytes };
  });
  if (!entries?.every((entry) => entry !== null)) return undefined;
  const rates = Object.fromEntries(
    entries.map(({ path, bytes }) => [absolutePath(path, base, home), bytes]),
  );
  return Object.keys(rates).length === entries.length ? rates : undefined;
}

function amountsOf(text: string): Record<string, number> | undefined {
  const entries = listOf(text)?.map((element) =>
    /^([\w.@-]+)\s*=\s*(\d{1,9}(?:\.\d{1,6})?)$/.exec(element),
  );
  if (!entries?.every((entry) => entry !== null)) return undefined;
  const amounts = Object.fromEntries(entries.map(([, name, amount]) => [name!, Number(amount)]));
  return Object.keys(amounts).length === entries.length ? amounts : undefined;
}

function namesOf(text: string): Record<string, string> | undefined {
  const entries = listOf(text)?.map((element) =>
    /^(\*|[\w.@-]+)\s*=\s*([\w.@%-]+\$?)$/.exec(element),
  );
  if (!entries?.every((entry) => entry !== null)) return undefined;
  const names = Object.fromEntries(entries.map(([, name, other]) => [name!, other!]));
  return Object.keys(names).length === entries.length ? names : undefined;
}

const BOOLEANS = new Map([
  ['yes', true],
  ['true', true],
  ['on', true],
  ['1', true],
  ['no', false],
  ['false', false],
  ['off', false],
  ['0', false],
]);

/** Parted by blanks or commas; undefined when one of them is no address and no range. */
function parseRanges(text: string): string[] | undefined {
  const ranges = text.split(/[\s,]+/).filter((one) => one !== '');
  return ranges.every(isRange) ? ranges : undefined;
}

function isRange(text: string): boolean {
  const [address = '', length, ...more] = text.split('/');
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= most);
  return most > 0 && isLength && more.length === 0;
}

/** `HOST:PORT`, `[IPv6]:PORT`; undefined if it is none. */
export function parseAddress(text: string): Address | undefined {
  const parts = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:[\]/@]+)):(\d{1,5})$/.exec(text.trim());
  if (!parts) return undefined;
  const port = Number(parts[3]);
  return port <= 65_535 ? { host: parts[1] ?? parts[2]!, port } : undefined;
}

/** True for hosts that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function absolutePath(text: string, base: string, home: string): string {
  if (text === '') return '';
  if (text === '~') return home;
  if (text.startsWith('~/')) return resolve(home, text.slice(2));
  return resolve(base, text);
}

function within(setting: Setting, value: number): boolean {
  return value >= (setting.least ?? 0) && value <= (setting.most ?? Number.MAX_SAFE_INTEGER);
}

export function expectedOf(setting: Setting): string {
  if (setting.choices) return `one of ${setting.choices.join(', ')}`;
  const limits: string[] = [];
  if (setting.least !== undefined) limits.push(`at least ${quantity(setting, setting.least)}`);
  if (setting.most !== undefined) limits.push(`at most ${quantity(setting, setting.most)}`);
  return [EXPECTED[setting.type], ...limits].join(', ');
}

function quantity(setting: Setting, value: number): string {
  if (setting.type === 'duration') return formatDuration(value);
  return setting.type === 'bytes' ? formatBytes(value) : String(value);
}
