/** A trap collector whose clock is wrong by so many milliseconds: `skewed-collector.ts OFFSET PORT DIRECTORY`. */
import { join } from 'node:path';
import { systemClock } from '#base';
import { SqliteTrapHistory } from '#store';
import { bindHttp, TrapService } from '#traps';

const [offset = '0', port = '0', directory = ''] = process.argv.slice(2);
const offsetMs = Number(offset);
const http = await bindHttp('127.0.0.1', Number(port));
const service = await TrapService.open({
  clock: { now: () => systemClock.now() + offsetMs, monotonic: () => systemClock.monotonic() },
  node: `skewed by ${offset} ms`,
  version: '0.0.0-test',
  maxTraps: 1000,
  maxNodes: 1000,
  foldMs: 600_000,
  access: { allow: [], proxies: [] },
  conformance: false,
  history: new SqliteTrapHistory(join(directory, 'traps.sqlite'), 10_000),
  token: null,
  trapFile: { path: join(directory, '..', 'traps'), pollMs: 100 },
  lustre: null,
  syslog: { udp: null, tcp: null, severityMost: 4 },
  onTold: () => {},
  log: () => {},
});
http.begin(service.face);
process.stdout.write(`http://127.0.0.1:${http.port}\n`);
