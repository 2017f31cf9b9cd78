/** An authority of the site's own, and certificates for its server (X.509 v3, RFC 5280; ECDSA P-256). */
import 'reflect-metadata';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** As long as clients of today take. */
const SERVER_DAYS = 397;
/** Clocks of machines differ. */
const EARLIER_MS = DAY_MS;

type Keys = Readonly<Record<'publicKey' | 'privateKey', CryptoKey>>;

/** PEM texts; the key is PKCS #8. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** A self-signed authority that may sign server certificates and nothing below them. */
export async function issueAuthority(name: string, nowMs: number): Promise<Issued> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: `CN=${escaped(name)}`,
      notBefore: new Date(nowMs - EARLIER_MS),
      notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    crypto,
  );
  return { certificate: pemOf(certificate), key: await keyPem(keys.privateKey) };
}

/** A certificate for a server with these names and addresses, signed by the authority. */
export async function issueServer(
  authority: Issued,
  names: readonly string[],
  nowMs: number,
): Promise<Issued> {
  const keys = await newKeys();
  const signer = new X509Certificate(authority.certificate);
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: `CN=${escaped(names[0] ?? 'windrow')}`,
      issuer: signer.subject,
      notBefore: new Date(nowMs - EARLIER_MS),
      notAfter: new Date(nowMs + SERVER_DAYS * DAY_MS),
      publicKey: keys.publicKey,
      signingKey: await readKey(authority.key),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value })),
        ),
        await AuthorityKeyIdentifierExtension.create(await signer.publicKey.export(crypto)),
      ],
    },
    crypto,
  );
  return { certificate: pemOf(certificate), key: await keyPem(keys.privateKey) };
}

async function newKeys(): Promise<Keys> {
  return (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as Keys;
}

/** 16 random bytes, positive and without a leading zero. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(Buffer.alloc(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function keyPem(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  return `${PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}

async function readKey(pem: string): Promise<CryptoKey> {
  const [der] = PemConverter.decode(pem);
  return await crypto.subtle.importKey('pkcs8', der!, ALGORITHM, false, ['sign']);
}

/** RFC 4514. */
function escaped(name: string): string {
  return name.replace(/[,+"\\<>;=#]/g, '\\$&').slice(0, 64);
}
