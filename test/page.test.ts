/** The web page in a real browser, on a real server with a real worker. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { NO_BROWSER, type OpenBrowser, openBrowser } from './field/browser.ts';
import { type Running, SweepField } from './field/sweep-field.ts';
import { until } from './field/until.ts';

const HOSTILE = '<img src=x onerror=alert(1)> \u202egnp.exe \u001b[31mred';
const SHOWN = '<img src=x onerror=alert(1)> \\u202egnp.exe \\e[31mred';

describe('the web page', { skip: NO_BROWSER }, () => {
  let field: SweepField;
  let serve: Running;
  let worker: Running;
  let url: string;
  let browser: OpenBrowser;

  before(async () => {
    execFileSync(process.execPath, [resolve(import.meta.dirname, '../scripts/build-page.mjs')]);
    field = new SweepField();
    await startServer('127.0.0.1:0');
    worker = field.start([
      ...['worker', '--state', 'state', '--dir', 'worker', '--name', 'rack <b>7</b>'],
      ...['--slots', '2', '--walls', 'bare'],
    ]);
    browser = await openBrowser();
  });
  after(async () => {
    try {
      await browser?.close();
      serve.interrupt();
      worker.interrupt();
      await field.isQuiet();
    } finally {
      field.remove();
    }
  });

  async function startServer(listen: string): Promise<void> {
    serve = field.start(['serve', '--listen', listen, '--state', 'state', '--traps', '--traces']);
    url = (await serve.until('it serves', () => /http:\S+/.exec(serve.stdout())?.[0]))!;
  }

  const submit = (...argv: string[]) =>
    field.start([
      ...['run', '--server', url, '--token-file', 'state/admin-token', '--quiet'],
      ...argv,
    ]);
  const textOf = (selector: string) =>
    browser.page.$$eval(selector, (all) => all.map((one) => one.textContent ?? ''));
  /** Until something that `selector` finds says `text`. */
  const says = (selector: string, text: string | RegExp) =>
    until(`${selector} says ${text}`, async () =>
      (await textOf(selector)).find((one) =>
        typeof text === 'string' ? one.includes(text) : text.test(one),
      ),
    );
  /** A locator looks again when what it found is painted anew before it was clicked. */
  const press = (name: string) =>
    browser.page.locator(`::-p-aria([name="${name}"][role="button"])`).click();
  const ended = () =>
    browser.page.$eval('[role=progressbar]', (bar) => Number(bar.getAttribute('aria-valuenow')));

  it('asks for the token once, and refuses a wrong one', async () => {
    const { page } = browser;
    await page.goto(url);
    await page.type('input[type=password]', 'guessed');
    await page.keyboard.press('Enter');
    await says('[role=alert]', 'wrong or missing token');
    await page.type('input[type=password]', field.read('state/admin-token').trim());
    await page.keyboard.press('Enter');
    await says('[role=status]', 'live');
    await page.reload();
    await says('[role=status]', 'live');
    assert.equal(page.url(), `${url}/`);
    assert.equal(await page.title(), 'Jobs · Windrow');
  });

  it('shows a job moving, whatever its name is made of', async () => {
    const waits =
      'half=1; [ $i -le 20 ] || half=2; until [ -e "$$HOME/go$$half" ]; do sleep 0.02; done';
    const job = submit('--name', HOSTILE, '--range', 'i=1..40', '--', waits);
    await says('tbody th', SHOWN);
    assert.equal(await ended(), 0);
    field.write('home/go1', '');
    await until('half of it is shown', async () => (await ended()) === 20);
    assert.equal(await browser.page.$('tbody img'), null);
    field.write('home/go2', '');
    await until('all of it is shown', async () => (await ended()) === 40);
    await says('tbody .state', 'done');
    assert.equal((await job.ended).code, 0);
  });

  it('leads from a job to a kind of failure, to the task and what its program said', async () => {
    const { page } = browser;
    const failing =
      'sleep 0.1; [ $i -ne 7 ] || { printf "<b>no</b> \\033[31mconvergence\\n" >&2; exit 3; }';
    await submit('--name', 'failing', '--range', 'i=1..60', '--', failing).ended;
    await page.goto(`${url}/#/jobs/2`);
    await says('tbody th', 'exit-code 3');
    await says('dd', '60');
    await page.waitForSelector('.chart canvas');
    const told = await page.$eval('.chart', (chart) => chart.getAttribute('aria-label'));
    assert.match(told ?? '', /^59 attempts ended well and 1 failed within/);
    await page.locator('tbody td a').click();
    await says('h2', 'task 6');
    await says('pre', "sleep 0.1; [ '7' -ne 7 ]");
    await says('.log', '<b>no</b>');
    await says('.log', '\\e[31mconvergence');
    await page.goto(`${url}/#/jobs/2?part=tasks`);
    await page.waitForSelector('select');
    await page.select('select', 'failed');
    await until('one is shown', async () => (await textOf('tbody tr')).length === 1);
    await page.type('input[type=search]', 'ExitCode == 3 &&');
    await page.keyboard.press('Enter');
    await says('[role=alert]', /./);
    await page.goto(`${url}/#/jobs/2?part=why`);
    await says('li', '1 of its tasks failed');
  });

  it('pauses a worker when that is confirmed', async () => {
    await browser.page.goto(`${url}/#/workers`);
    await says('tbody th', 'rack <b>7</b>');
    await press('Pause');
    await says('dialog h2', 'Pause rack <b>7</b>?');
    await browser.page.type('dialog input', 'fan 3 stands still');
    await browser.page.keyboard.press('Enter');
    await says('tbody .state', 'paused');
    await says('tbody td', 'fan 3 stands still');
    const { workers } = await field.json('workers', '--state', 'state');
    assert.equal(workers[0].state, 'paused');
    await press('Resume');
    await says('dialog h2', 'Resume rack');
    await browser.page.keyboard.press('Escape');
    await until('nothing is asked any more', async () => (await textOf('dialog')).length === 0);
    await press('Resume');
    await says('dialog h2', 'Resume rack');
    await browser.page.keyboard.press('Enter');
    await says('tbody .state', 'active');
  });

  it('shows a trap, which is acknowledged until it clears, and silences its node', async () => {
    const report = (more: object) =>
      fetch(`${url}/v1/traps`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ node: 'oss<4>', condition: 'lbug', ...more }),
      });
    await browser.page.goto(`${url}/#/traps`);
    await report({ message: 'LBUG \u202e<img src=x onerror=alert(2)>', category: 'fatal' });
    await says('.message', 'LBUG \\u202e<img src=x onerror=alert(2)>');
    await says('.state', 'fatal');
    await press('Acknowledge');
    await says('dialog h2', 'Acknowledge oss<4>');
    await browser.page.type('dialog input', 'is being looked at');
    await browser.page.keyboard.press('Enter');
    await says('tbody td', 'is being looked at');
    await report({ message: 'over', category: 'info', clear: true });
    await says('section', 'No trap is like that');
    await browser.page.locator('input[type=checkbox]').click();
    await says('.past', 'over');
    await press('Silence');
    await says('dialog h2', 'Silence oss<4>?');
    await browser.page.type('dialog input', 'soon');
    await browser.page.keyboard.press('Enter');
    await says('dialog [role=alert]', '“soon” is no time');
    for (let n = 0; n < 4; n++) await browser.page.keyboard.press('Backspace');
    await browser.page.type('dialog input', '2 h');
    await browser.page.keyboard.press('Enter');
    await says('tbody th', 'node oss<4>');
  });

  it('shows what the server keeps, and removes it when that is confirmed', async () => {
    const token = field.read('state/admin-token').trim();
    const key = 'https://data.example/<b>lattice</b>.bin';
    const put = await fetch(`${url}/v1/data/content?${new URLSearchParams({ key })}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
      body: 'lattice',
    });
    assert.equal(put.status, 201);
    await browser.page.goto(`${url}/#/data`);
    await says('tbody th', 'data.example');
    await press('Pin');
    await says('dialog h2', 'Pin https');
    await browser.page.keyboard.press('Enter');
    await says('tbody .state', 'pinned');
    await press('Unpin');
    await says('dialog h2', 'Unpin https');
    await browser.page.keyboard.press('Enter');
    await until('it is not pinned', async () => (await textOf('tbody .state')).length === 0);
    await press('Remove');
    await says('dialog h2', 'Remove https');
    await browser.page.keyboard.press('Tab');
    await browser.page.keyboard.press('Enter');
    await says('section', 'No entry is like that');
  });

  it('shows a trace that is on its way, how far it is, and that it came', async () => {
    const content = 'trace '.repeat(1000);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const named = { username: 'rocks', id: '1795280000.1', filename: '<b>app.out', sha256 };
    const metadata = Object.entries(named).map(([key, value]) => `${key} ${btoa(value)}`);
    const tus = (path: string, method: string, headers: object, body?: string) =>
      fetch(new URL(path, url), {
        method,
        headers: { 'tus-resumable': '1.0.0', ...headers },
        ...(body === undefined ? {} : { body }),
      });
    const begun = await tus('/traces/uploads', 'POST', {
      'upload-length': '6000',
      'upload-metadata': metadata.join(','),
    });
    assert.equal(begun.status, 201, await begun.text());
    const place = begun.headers.get('location')!;
    const piece = (from: number, to: number) =>
      tus(
        place,
        'PATCH',
        { 'upload-offset': String(from), 'content-type': 'application/offset+octet-stream' },
        content.slice(from, to),
      );
    await piece(0, 3000);
    await browser.page.goto(`${url}/#/traces`);
    await says('tbody th', '<b>app.out');
    await says('td.progress', '50 %');
    const { stdout } = await field.must(0, 'traces', 'ls', '--coming', '--state', 'state');
    assert.match(stdout, /1795280000\.1 +2\.9 KiB +5\.9 KiB +50 %.*<b>app\.out/);
    await piece(3000, 6000);
    await says('tbody td', sha256.slice(0, 12));
    await until('nothing is on its way', async () => (await textOf('td.progress')).length === 0);
  });

  it('says that the server is gone, shows nothing old as new, and comes back with it', async () => {
    serve.kill();
    await serve.ended;
    await says('[role=alert]', /Not connected since \d\d:\d\d:\d\d/);
    assert.equal((await textOf('.stale main')).length, 1);
    await startServer(new URL(url).host);
    await says('[role=status]', 'live');
    assert.deepEqual(await textOf('.stale'), []);
  });

  it('could go on with the id of an event of the server’s life before', async () => {
    const eventsAfter = async (id: string) => {
      const leaving = new AbortController();
      const token = field.read('state/admin-token').trim();
      const headers = { authorization: `Bearer ${token}`, 'last-event-id': id };
      const answer = await fetch(`${url}/v1/events`, { headers, signal: leaving.signal });
      let text = '';
      for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
        text += piece;
        if (text.includes('data:') && text.endsWith('\n\n')) break;
      }
      leaving.abort();
      return [...text.matchAll(/^id: (\d+)$/gm)].map(([, found]) => Number(found));
    };
    // The worker came back to this life, so something has happened in it.
    const old = Date.now() * 1000 - 3_600_000_000;
    const [first] = await eventsAfter(String(old));
    assert.ok(first! > old && Number.isSafeInteger(first));
  });

  it('has broken no rule of its own policy', () => {
    assert.deepEqual(browser.complaints, []);
  });
});
