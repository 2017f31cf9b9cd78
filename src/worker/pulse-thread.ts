/**
 * Runs in a thread of its own: renews the worker's leases although the agent may be busy. It knows
 * nothing of attempts, and uses the plainest client there is, because it must start at once and
 * stay small beside the work.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { parentPort, workerData } from 'node:worker_threads';
import type { PulseOrder, PulseSettings } from './pulse.ts';

/** An agent that has shown no life for this long does not deserve its leases. */
const LONGEST_SILENCE_MS = 10 * 60_000;
const SOONEST_RETRY_MS = 200;

let settings = workerData as PulseSettings;
let beatMs = performance.now();
let timer: NodeJS.Timeout | undefined;
const agents = {
  http: new http.Agent({ keepAlive: true, maxSockets: 1 }),
  https: new https.Agent({ keepAlive: true, maxSockets: 1 }),
};

/** Resolves with whether the server took it; never rejects. */
function renew(): Promise<boolean> {
  const { url, session, worker, leaseMs } = settings;
  const secure = url.startsWith('https:');
  const body = JSON.stringify({ worker });
  const options: https.RequestOptions = {
    method: 'POST',
    agent: secure ? agents.https : agents.http,
    timeout: Math.max(1000, leaseMs / 2),
    headers: {
      authorization: `Bearer ${session}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  };
  return new Promise((done) => {
    const request = (secure ? https : http).request(`${url}/renew`, options, (response) => {
      response.on('error', () => done(false));
      response.on('end', () => done((response.statusCode ?? 500) < 300));
      response.resume();
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(false));
    request.on('close', () => done(false));
    request.end(body);
  });
}

async function tick(): Promise<void> {
  const isSilent = performance.now() - beatMs > LONGEST_SILENCE_MS;
  const renewed = isSilent || (await renew());
  schedule(renewed ? settings.leaseMs / 4 : settings.leaseMs / 16);
}

function schedule(ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void tick(), Math.max(SOONEST_RETRY_MS, ms));
}

parentPort!.on('message', (order: PulseOrder) => {
  beatMs = performance.now();
  if (order === 'beat') return;
  const isShorter = order.leaseMs < settings.leaseMs;
  settings = order;
  if (isShorter) schedule(order.leaseMs / 4);
});
schedule(settings.leaseMs / 4);
