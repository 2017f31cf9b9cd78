/**
 * `s3://BUCKET/KEY`: S3 and what speaks like it, over HTTP with signed requests (AWS Signature Version
 * 4). Keys, region and endpoint are found where Amazon's own tools find them.
 */
import { join } from 'node:path';
import { AwsV4Signer } from 'aws4fetch';
import { parse } from 'ini';
import {
  type HttpOptions,
  openHttpTransport,
  readPrivateFile,
  type StreamTransport,
  TransferFailure,
} from '#datastore';

type Environment = Readonly<Record<string, string | undefined>>;

interface S3Account {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

export function s3Transport(
  http: Omit<HttpOptions, 'schemes' | 'credentials'>,
  environment: Environment,
  home: string,
): StreamTransport {
  const endpoint = environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || '';
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION || 'us-east-1';
  return openHttpTransport({
    ...http,
    schemes: ['s3'],
    credentials: null,
    target: (url) => addressOf(url, endpoint, region),
    // Read each time: they are changed, and those of a session expire.
    signed: async (url) => {
      const account = await accountOf(environment, home);
      return account ? signatureOf(url, account, region) : {};
    },
  });
}

/**
 * Path style for an endpoint of one's own; the host of the bucket at Amazon's. All behind the bucket
 * is the key, also what means something else in other addresses. Throws TransferFailure.
 */
export function addressOf(url: URL, endpoint: string, region: string): URL {
  const key = `${url.pathname}${url.search}`
    .replace(/^\/+/, '')
    .replace(/[?+\\]/g, (character) => encodeURIComponent(character));
  const address =
    endpoint === ''
      ? `https://${url.host}.s3.${region}.amazonaws.com/${key}`
      : `${endpoint.replace(/\/+$/, '')}/${url.host}/${key}`;
  if (url.host !== '' && key !== '' && URL.canParse(address)) return new URL(address);
  const reason = endpoint === '' ? '' : `, or AWS_ENDPOINT_URL no address`;
  throw new TransferFailure('refused', `${url.href} is no s3://BUCKET/KEY${reason}`);
}

async function signatureOf(
  url: URL,
  account: S3Account,
  region: string,
): Promise<Record<string, string>> {
  const { sessionToken, ...keys } = account;
  const signer = new AwsV4Signer({
    url: url.href,
    service: 's3',
    region,
    ...keys,
    ...(sessionToken === undefined ? {} : { sessionToken }),
  });
  const { headers } = await signer.sign();
  return Object.fromEntries(headers);
}

/**
 * From the environment, else the profile in `~/.aws/credentials`; null: the request goes unsigned.
 * Rejects with DATA_CREDENTIALS_WRONG where others may read the file.
 */
async function accountOf(environment: Environment, home: string): Promise<S3Account | null> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN } = environment;
  if (id && secret) {
    return { accessKeyId: id, secretAccessKey: secret, sessionToken: AWS_SESSION_TOKEN };
  }
  const file = environment.AWS_SHARED_CREDENTIALS_FILE || join(home, '.aws', 'credentials');
  const name = environment.AWS_PROFILE || 'default';
  const found = profileIn((await readPrivateFile(file, () => true)) ?? '', name);
  const { aws_access_key_id, aws_secret_access_key, aws_session_token } = found;
  if (!aws_access_key_id || !aws_secret_access_key) return null;
  return {
    accessKeyId: aws_access_key_id,
    secretAccessKey: aws_secret_access_key,
    sessionToken: aws_session_token,
  };
}

/** What is no such file says nothing; its lines are shown to nobody. */
function profileIn(text: string, name: string): Record<string, string | undefined> {
  try {
    return parse(text)[name] ?? {};
  } catch {
    return {};
  }
}
