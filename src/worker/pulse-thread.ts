/**
 * Runs in a thread of its own: renews the worker's leases although the agent may be busy. It knows
 * nothing of attempts, and uses the plainest client there is, because it must start at once and
 * stay small beside the work.
 *
 * A renewal does not wait for the one before: where packets are lost one connection may stand still
 * for seconds, and the next renewal goes by another.
 */
import { Agent, request } from 'node:http';
import { type RequestOptions, request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { parsePin, pinnedAgent } from '#base';
import type { PulseNews, PulseOrder, PulseSettings } from './pulse.ts';

/** An agent that has shown no life for this long does not deserve its leases. */
const LONGEST_SILENCE_MS = 10 * 60_000;
const SOONEST_RETRY_MS = 200;
const MOST_UNDER_WAY = 3;
/** The quickest of so many tells the distance; slower ones tell how busy both ends were. */
const SAMPLES = 8;

let settings = workerData as PulseSettings;
let beatMs = performance.now();
let timer: NodeJS.Timeout | undefined;
let underWay = 0;
let last: Outcome['kind'] = 'taken';
let samples: number[] = [];
const CONNECTIONS = { keepAlive: true, maxSockets: MOST_UNDER_WAY };
const plainAgent = new Agent(CONNECTIONS);
/** One for each pin: a server that was started again may have another. */
const secureAgents = new Map<string, Agent>();

function secureAgent(pin: string): Agent {
  const agent = secureAgents.get(pin) ?? pinnedAgent(CONNECTIONS, parsePin(pin));
  secureAgents.set(pin, agent);
  return agent;
}

type Outcome =
  | { readonly kind: 'taken'; readonly tookMs: number }
  /** It answers, and does not know the worker (any more). */
  | { readonly kind: 'refused' }
  | { readonly kind: 'unheard' };

/** Sends one renewal; never rejects. */
function renew(): Promise<Outcome> {
  const { session, worker, leaseMs } = settings;
  const [url, pin = ''] = settings.url.split('#') as [string, string?];
  const secure = url.startsWith('https:');
  const body = JSON.stringify({ worker });
  const options: RequestOptions = {
    method: 'POST',
    agent: secure ? secureAgent(pin) : plainAgent,
    headers: {
      authorization: `Bearer ${session}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  };
  return new Promise((resolve) => {
    let sentMs = Number.NaN;
    const done = (outcome: Outcome) => {
      clearTimeout(deadline);
      resolve(outcome);
    };
    const fail = () => done({ kind: 'unheard' });
    const send = secure ? secureRequest : request;
    const renewal = send(`${url}/renew`, options, (response) => {
      const tookMs = performance.now() - sentMs;
      const isTaken = (response.statusCode ?? 500) < 300;
      response.on('error', fail);
      response.on('end', () => done(isTaken ? { kind: 'taken', tookMs } : { kind: 'refused' }));
      response.resume();
    });
    // Connecting is no part of the way: it is done once.
    renewal.on('socket', (socket: Socket) => {
      const sent = () => {
        sentMs = performance.now();
      };
      // A socket of TLS comes when it is connected.
      if (socket.connecting) socket.once('connect', sent);
      else sent();
    });
    renewal.on('error', fail);
    renewal.on('close', fail);
    const giveUp = () => {
      // Without a socket yet it would tell nobody of its end.
      fail();
      renewal.destroy();
    };
    const deadline = setTimeout(giveUp, Math.max(1000, leaseMs / 2));
    renewal.end(body);
  });
}

async function tick(): Promise<void> {
  schedule(settings.leaseMs / 4);
  const isSilent = performance.now() - beatMs > LONGEST_SILENCE_MS;
  if (isSilent || underWay >= MOST_UNDER_WAY) return;
  underWay++;
  const outcome = await renew();
  underWay--;
  if (outcome.kind === 'taken') samples = [...samples, outcome.tookMs].slice(-SAMPLES);
  else schedule(settings.leaseMs / 16);
  // Told once: what is under way from before may be dead without knowing it.
  const isBack = last === 'unheard' && outcome.kind === 'taken';
  const isUnknown = last !== 'refused' && outcome.kind === 'refused';
  last = outcome.kind;
  if (last !== 'unheard') tell(isBack || isUnknown);
}

function tell(syncsNow: boolean): void {
  const roundTripMs = samples.length === 0 ? null : Math.min(...samples);
  parentPort!.postMessage({ roundTripMs, syncsNow } satisfies PulseNews);
}

function schedule(ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void tick(), Math.max(SOONEST_RETRY_MS, ms));
}

parentPort!.on('message', (order: PulseOrder) => {
  beatMs = performance.now();
  if (order === 'beat') return;
  if (order.url !== settings.url) samples = [];
  const isShorter = order.leaseMs < settings.leaseMs;
  settings = order;
  if (isShorter) schedule(order.leaseMs / 4);
});
void tick();
