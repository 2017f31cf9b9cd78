import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ManualClock } from '#base';
import { localAmbient } from '#classad';
import { Rules } from './rules.ts';
import { readRulesFile } from './rules-file.ts';

const TRAP = {
  ...{ kind: 'trap', node: 'oss1', fileSystem: 'work', category: 3, message: 'LBUG\r\nBcc: x@y.z' },
  ...{ condition: 'health', isOver: false },
};
const ambient = localAmbient({ now: () => 0, random: () => 0, elapsedMs: () => performance.now() });

async function until(what: string, look: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 60_000; !look(); ) {
    assert.ok(performance.now() < endMs, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-rules-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function openRules(t: TestContext, text: string) {
  const directory = makeDirectory(t);
  const file = join(directory, 'rules.toml');
  writeFileSync(file, text);
  const clock = new ManualClock();
  const warnings: string[] = [];
  const rules = new Rules({
    file: await readRulesFile(file, async (path) => readFileSync(path, 'utf8').trim()),
    ...{ clock, ambient, retryDelaysMs: [1, 1] },
    log: (_level, message) => void warnings.push(message),
  });
  t.after(() => rules.close());
  return { rules, clock, warnings, directory };
}

/** A receiver of webhooks that answers with these statuses, the last one for ever. */
async function openReceiver(t: TestContext, ...statuses: number[]) {
  const heard: { token: string | undefined; body: Record<string, unknown> }[] = [];
  const server = createServer(async (request, response) => {
    const body = (await Array.fromAsync(request)).join('');
    heard.push({ token: request.headers.authorization, body: JSON.parse(body) });
    response.writeHead(statuses.length > 1 ? statuses.shift()! : (statuses[0] ?? 204), {
      location: '/elsewhere',
    });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

describe('a rule', () => {
  it('posts the events that its condition is true of, and no others', async (t) => {
    const { heard, url } = await openReceiver(t);
    const { rules } = await openRules(
      t,
      `[[rules]]
name = "bad"
on = "trap"
when = 'Category >= 2 && !IsOver && regexp("^oss", Node)'
webhook = "${url}"
[[rules]]
name = "all traces"
on = "trace"
webhook = "${url}"`,
    );
    const others = [
      { ...TRAP, category: 1 },
      { ...TRAP, isOver: true },
      { ...TRAP, node: 'mds1' },
      { kind: 'task', category: 3 },
      { kind: 'trap' },
    ];
    for (const event of others) rules.happened(event);
    rules.happened(TRAP);
    rules.happened({ kind: 'trace', trace: '1.2', name: 'n1.out', bytes: 5 });
    await until('both are posted', () => heard.length === 2);
    assert.deepEqual(
      heard.map(({ body }) => body).sort((a, b) => (String(a.rule) < String(b.rule) ? -1 : 1)),
      [
        {
          rule: 'all traces',
          leftOut: 0,
          event: { kind: 'trace', trace: '1.2', name: 'n1.out', bytes: 5 },
        },
        { rule: 'bad', leftOut: 0, event: TRAP },
      ],
    );
  });

  it('tries again what fails in passing, and not what was refused; the token goes along', async (t) => {
    const { heard, url } = await openReceiver(t, 503, 429, 200);
    const refusing = await openReceiver(t, 400);
    const moved = await openReceiver(t, 302);
    const directory = makeDirectory(t);
    writeFileSync(join(directory, 'token'), 'the-token\n');
    const rule = (name: string, to: string) =>
      `[[rules]]\nname = "${name}"\non = "trap"\nwebhook = "${to}"\n`;
    const { rules, warnings } = await openRules(
      t,
      `${rule('a', url)}token-file = "${join(directory, 'token')}"\n${rule('b', refusing.url)}${rule('c', moved.url)}`,
    );
    rules.happened(TRAP);
    await until('it was taken', () => heard.length === 3 && warnings.length === 2);
    assert.equal(heard[2]!.token, 'Bearer the-token');
    assert.deepEqual([refusing.heard.length, moved.heard.length], [1, 1]);
    assert.match(warnings.sort()[0]!, /the rule b could not post to http:\/\/127\S+: HTTP 400/);
  });

  it('acts so often in a minute, and tells with the next how many were left out', async (t) => {
    const { heard, url } = await openReceiver(t);
    const { rules, clock } = await openRules(
      t,
      `[[rules]]\nname = "few"\non = "trap"\nmost = 3\nwebhook = "${url}"`,
    );
    for (let i = 0; i < 10_000; i++) rules.happened({ ...TRAP, category: i });
    await until('three are posted', () => heard.length === 3);
    clock.advance(60_000);
    rules.happened(TRAP);
    await until('the next is posted', () => heard.length === 4);
    assert.deepEqual(
      heard.map(({ body }) => body.leftOut),
      [0, 0, 0, 9997],
    );
  });

  it('is never waited for: a receiver that hangs holds up nobody, also not the end', async (t) => {
    const hanging = createTcp(() => {});
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    t.after(() => hanging.close());
    const { heard, url } = await openReceiver(t);
    const at = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`;
    const { rules, warnings } = await openRules(
      t,
      `[[rules]]\nname = "hangs"\non = "trap"\nwebhook = "${at}"\n[[rules]]\nname = "goes"\non = "trap"\nwebhook = "${url}"`,
    );
    for (let i = 0; i < 500; i++) rules.happened(TRAP);
    await until('the other goes on', () => heard.length === 20);
    await rules.close();
    rules.happened(TRAP);
    assert.deepEqual(warnings, []);
  });

  it('mails by the program of the site, whatever stands in the message', async (t) => {
    const directory = makeDirectory(t);
    const program = join(directory, 'sendmail');
    writeFileSync(
      program,
      `#!/bin/sh\nprintf '%s\\n' "$@" > ${directory}/words\ncat > ${directory}/draft\nmv ${directory}/draft ${directory}/mail\n`,
    );
    chmodSync(program, 0o755);
    const { rules } = await openRules(
      t,
      `[mail]\nfrom = "windrow@site.example"\nsendmail = "${program}"
[[rules]]\nname = "fatal"\non = "trap"\nmail = ["ada@site.example", "bob@site.example"]`,
    );
    rules.happened(TRAP);
    const read = (name: string) => readFileSync(join(directory, name), 'utf8');
    await until('it is mailed', () => {
      try {
        return read('mail') !== '';
      } catch {
        return false;
      }
    });
    const words = read('words').trim().split('\n');
    assert.deepEqual(words.slice(-2), ['ada@site.example', 'bob@site.example']);
    const [head = '', text = ''] = read('mail').split('\n\n');
    assert.match(head, /^From: windrow@site\.example$/m);
    assert.match(head, /^Subject: \[windrow\] fatal: trap LBUG/m);
    assert.match(head, /^Auto-Submitted: auto-generated$/m);
    assert.doesNotMatch(head, /^Bcc:/m);
    assert.match(text, /^node: oss1$/m);
  });

  it('mails by SMTP', async (t) => {
    const said: string[] = [];
    const server = createTcp((socket) => {
      socket.write('220 mail.example ESMTP\r\n');
      let isData = false;
      socket.on('data', (bytes) => {
        said.push(bytes.toString());
        if (isData && !bytes.toString().endsWith('\r\n.\r\n')) return;
        const isQuestion = /^DATA/m.test(bytes.toString());
        socket.write(isQuestion ? '354 go on\r\n' : '250 ok\r\n');
        isData = isQuestion;
      });
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const { rules, warnings } = await openRules(
      t,
      `[mail]\nfrom = "windrow@site.example"\nsmtp = "smtp://127.0.0.1:${port}"
[[rules]]\nname = "fatal"\non = "trap"\nmail = ["ada@site.example"]`,
    );
    rules.happened(TRAP);
    await until('it is mailed', () => said.join('').includes('fileSystem: work'));
    assert.match(said.join(''), /RCPT TO:<ada@site\.example>/);
    assert.deepEqual(warnings, []);
  });
});

describe('a file of rules', () => {
  const CASES: Record<string, RegExp> = {
    'x = ': /rules\.toml: /,
    '[[rules]]\nname = "a"\non = "trap"': /expected a webhook or mail/,
    '[[rules]]\nname = "a"\non = "trip"\nwebhook = "http://x"': /on/,
    '[[rules]]\nname = "a"\non = "trap"\nwhen = "1 +"\nwebhook = "http://x"':
      /when of the rule "a"/,
    '[[rules]]\nname = "a"\non = "trap"\nwebhook = "http://u:p@x"': /without a password/,
    '[[rules]]\nname = "a"\non = "trap"\nwebhook = "file:///etc/passwd"': /http/,
    '[[rules]]\nname = "a"\non = "trap"\nmail = ["-X/tmp/log@x"]': /address/,
    '[[rules]]\nname = "a"\non = "trap"\nmail = ["a@b"]': /\[mail\] is missing/,
    '[mail]\nfrom = "a@b"\n': /either sendmail or smtp/,
  };
  for (const [text, problem] of Object.entries(CASES)) {
    it(`says what is wrong with ${JSON.stringify(text.slice(-60))}`, async (t) => {
      await assert.rejects(openRules(t, text), (error: { code: string; message: string }) => {
        assert.equal(error.code, 'RULES_FILE_WRONG');
        assert.match(error.message, problem);
        return true;
      });
    });
  }

  it('that is not there is told with its name', async () => {
    await assert.rejects(
      readRulesFile('/nowhere/rules.toml', async () => ''),
      {
        code: 'RULES_FILE_UNREADABLE',
      },
    );
  });
});
