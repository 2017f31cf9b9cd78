import assert from 'node:assert/strict';
import { test } from 'node:test';
import { urlsForMachines } from './server-address.ts';

const OWN = [
  { address: '127.0.0.1', internal: true },
  { address: 'fe80::1', internal: false },
  { address: '10.0.0.1', internal: false },
  { address: '192.168.7.1', internal: false },
  { address: '2001:db8::7', internal: false },
];

const urlOf = (url: string, seen: string, advertise = '') =>
  urlsForMachines({ url, advertise }, OWN)(seen);

test('a server on all addresses is named by the one over which the machine was reached', () => {
  assert.equal(urlOf('http://0.0.0.0:8980', '192.168.7.1'), 'http://192.168.7.1:8980');
  assert.equal(urlOf('https://[::]:8980', '2001:db8::7'), 'https://[2001:db8::7]:8980');
  assert.equal(urlOf('http://0.0.0.0:8980', '127.0.0.1'), 'http://127.0.0.1:8980');
});

test('behind a gateway, or where the machine does not tell, it is the first real address', () => {
  assert.equal(urlOf('http://0.0.0.0:8980', '172.16.0.9'), 'http://10.0.0.1:8980');
  assert.equal(urlOf('http://0.0.0.0:8980', ''), 'http://10.0.0.1:8980');
});

test('a server on one address is named by it', () => {
  assert.equal(urlOf('http://10.0.0.1:8980', '192.168.7.1'), 'http://10.0.0.1:8980');
  assert.equal(urlOf('http://head.example.org:80', ''), 'http://head.example.org:80');
});

test('a server on loopback is for this machine only', () => {
  for (const url of ['http://127.0.0.1:8980', 'http://[::1]:8980', 'http://localhost:8980']) {
    assert.throws(() => urlOf(url, '10.0.0.1'), { code: 'PILOT_SERVER_LOCAL' });
    assert.throws(() => urlOf(url, ''), { code: 'PILOT_SERVER_LOCAL' });
    assert.equal(urlOf(url, '127.0.0.1'), url);
  }
  const alone = urlsForMachines({ url: 'http://0.0.0.0:1', advertise: '' }, OWN.slice(0, 2));
  assert.throws(() => alone('172.16.0.9'), { code: 'PILOT_SERVER_LOCAL' });
});

test('what the user says holds, with or without a port', () => {
  const loopback = 'http://127.0.0.1:8980';
  assert.equal(urlOf(loopback, '', 'gate.example.org'), 'http://gate.example.org:8980');
  assert.equal(urlOf(loopback, '', 'gate.example.org:443'), 'http://gate.example.org:443');
  assert.equal(urlOf('https://0.0.0.0:1', '', '[2001:db8::1]'), 'https://[2001:db8::1]:1');
  assert.equal(urlOf('https://0.0.0.0:1', '', '[2001:db8::1]:2'), 'https://[2001:db8::1]:2');
});
