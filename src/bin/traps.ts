/** A trap collector from its settings: history, token, and what it watches. */

import type { Socket } from 'node:dgram';
import { accessSync, constants, existsSync, lchownSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { makeDirectories, systemClock, systemReasonOf, type TrapSettings } from '#base';
import type { TrapRecord } from '#model';
import { SqliteTrapHistory, storeErrors } from '#store';
import { SEVERITIES, TrapService } from '#traps';
import { ensureSecretFile, readSecretFile } from '#wire';
import type { Account } from './privileges.ts';
import { VERSION } from './version.ts';

export const HISTORY_FILE = 'traps.sqlite';
export const TOKEN_FILE = 'admin-token';

export interface TrapParts {
  readonly settings: TrapSettings;
  /** Absolute; not used where nothing is to be remembered. */
  readonly stateDirectory: string;
  /** Of a server that it is part of; undefined: its own. */
  readonly token?: string;
  readonly udp?: Socket | null;
  readonly tcp?: Server | null;
  readonly onTold?: (trap: TrapRecord) => void;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
}

/** @throws WindrowError STATE_…, SECRET_FILE_… */
export async function openTrapService(parts: TrapParts): Promise<TrapService> {
  const { settings, stateDirectory, log } = parts;
  const { history: most, trapFile, lustre, lustreRoot, lustrePollMs } = settings;
  const token = parts.token ?? (await tokenFor(settings, stateDirectory));
  const history =
    most === 0 ? null : new SqliteTrapHistory(join(stateDirectory, HISTORY_FILE), most);
  try {
    return await TrapService.open({
      clock: systemClock,
      node: settings.node,
      version: VERSION,
      maxTraps: settings.maxTraps,
      maxNodes: settings.maxNodes,
      foldMs: settings.foldMs,
      access: { allow: settings.allow, proxies: settings.proxies },
      conformance: settings.conformance,
      history,
      token,
      trapFile: trapFile === '' ? null : { path: trapFile, pollMs: settings.trapFilePollMs },
      lustre:
        lustre === 'no'
          ? null
          : {
              root: lustreRoot,
              pollMs: lustrePollMs,
              // Who names a place expects something there.
              whenThere: lustre === 'auto' && lustreRoot === '/',
            },
      syslog: {
        udp: parts.udp ?? null,
        tcp: parts.tcp ?? null,
        severityMost: SEVERITIES.indexOf(settings.syslogSeverity),
      },
      onTold: parts.onTold ?? (() => undefined),
      log,
    });
  } catch (error) {
    await history?.close();
    throw error;
  }
}

/** Without a history nothing is written, a new token neither. */
async function tokenFor(settings: TrapSettings, stateDirectory: string): Promise<string | null> {
  if (settings.tokenFile !== '') return await readSecretFile(settings.tokenFile);
  return settings.history === 0 ? null : await ensureSecretFile(join(stateDirectory, TOKEN_FILE));
}

/**
 * Makes the state directory, and gives a new one to the account that is going to use it.
 * @throws WindrowError STATE_UNWRITABLE
 */
export function makeTrapState(directory: string, account: Account | null): void {
  if (existsSync(directory)) return;
  withState(directory, () => {
    // The account must get through those above it.
    makeDirectories(dirname(directory), 0o755);
    makeDirectories(directory, 0o700);
    if (account) lchownSync(directory, account.uid, account.gid);
  });
}

/**
 * Once this process is who it is going to be.
 * @throws WindrowError STATE_UNWRITABLE
 */
export function requireTrapState(directory: string): void {
  withState(directory, () =>
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK),
  );
}

function withState(directory: string, use: () => void): void {
  try {
    use();
  } catch (error) {
    throw storeErrors.create('STATE_UNWRITABLE', { directory, why: systemReasonOf(error) });
  }
}
