/** What the clients of old write on the wire, to the byte. */
import { connect } from 'node:net';

const BOUNDARY = '------------Rocks-Trace-File-Upload------------';

export interface OldUpload {
  readonly username?: string;
  readonly id?: string;
  readonly filename?: string;
  readonly bytes: Buffer;
}

/** The body: bare LF, no closing dashes. A field that is left out is not written. */
export function oldBody({ username, id, filename, bytes }: OldUpload): Buffer {
  const field = (key: string, value: string | undefined) =>
    value === undefined
      ? ''
      : `--${BOUNDARY}\nContent-Disposition: form-data; name="${key}"\n\n${value}\n`;
  const file =
    filename === undefined
      ? ''
      : `--${BOUNDARY}\nContent-Disposition: form-data; name="filename"; filename="${filename}"\n\n`;
  const head = `${field('username', username)}${field('id', id)}${file}`;
  return Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\n--${BOUNDARY}\n\n\r\n`)]);
}

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends a body over a plain socket and reads the answer to its end. */
export function post(
  port: number,
  body: Buffer,
  options: { boundary?: string; length?: number; headers?: string } = {},
): Promise<RawAnswer> {
  const { boundary = BOUNDARY, length = body.length, headers = '' } = options;
  const head =
    `POST /traces/sbin/store-trace.cgi HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n` +
    `Content-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${length}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(head);
      socket.write(body);
      if (length > body.length) socket.end();
    });
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('error', reject);
    socket.on('close', () => {
      const text = Buffer.concat(pieces).toString('latin1');
      const [first = '', ...rest] = text.split('\r\n\r\n');
      resolve({ status: Number(first.split(' ')[1]), head: first, body: rest.join('\r\n\r\n') });
    });
  });
}

export { BOUNDARY };
