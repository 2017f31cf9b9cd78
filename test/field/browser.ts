/** Debian's Chromium, driven by tests; everything that it complains about is kept. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, type Page } from 'puppeteer-core';

const CHROMIUM = '/usr/bin/chromium';
export const NO_BROWSER = existsSync(CHROMIUM) ? false : `${CHROMIUM} is missing`;

/** Of starting it, and of everything that it is waited for. */
const PATIENCE_MS = 120_000;

const QUIETLY = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface OpenBrowser {
  readonly page: Page;
  /** Errors of scripts, of the policy of the page, and dialogs that some text has opened. */
  readonly complaints: string[];
  close(): Promise<void>;
}

export async function openBrowser(): Promise<OpenBrowser> {
  const userDataDir = mkdtempSync(join(tmpdir(), 'windrow-browser-'));
  const patience = { timeout: PATIENCE_MS, protocolTimeout: PATIENCE_MS };
  const browser = await launch({
    ...{ executablePath: CHROMIUM, args: QUIETLY, userDataDir },
    ...patience,
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // That an answer did not come is told by the page itself.
    const isNetwork = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isNetwork) complaints.push(message.text());
  });
  return {
    page,
    complaints,
    close: async () => {
      await browser.close();
      rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
