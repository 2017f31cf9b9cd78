import { join } from 'node:path';
import type { TlsWish } from './port.ts';
import type { SettingValues } from './world.ts';

/** The directory of certificates that `windrow tls init` makes. */
export function tlsDirectory({ stateDirectory }: Pick<SettingValues, 'stateDirectory'>): string {
  return join(stateDirectory, 'tls');
}

/** The files that a server is to use; null: it speaks plain HTTP. */
export function tlsWishOf(
  values: SettingValues,
  stateDirectory = values.stateDirectory,
): TlsWish | null {
  const { tls, tlsCertificate, tlsKey } = values;
  return tls || tlsCertificate !== '' || tlsKey !== '' ? tlsFilesOf(values, stateDirectory) : null;
}

export function tlsFilesOf(
  { tlsCertificate, tlsKey }: SettingValues,
  stateDirectory: string,
): TlsWish {
  const directory = tlsDirectory({ stateDirectory });
  return {
    certificate: tlsCertificate || join(directory, 'server.pem'),
    key: tlsKey || join(directory, 'server-key.pem'),
  };
}
