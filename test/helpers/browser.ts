/** A headless Chromium that talks to nobody but the test's server, where one is installed. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { scaled } from './deadline';

const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const executablePath = PLACES.find((place) => place !== undefined && existsSync(place));

/** For `testUnless`. */
export const noBrowser =
  executablePath === undefined ? 'no Chromium; set CHROMIUM to its path' : undefined;

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/**
 * A page in a fresh profile. `troubles` collects what must not happen: script errors, violations of
 * the content policy, dialogs; failed requests only by status, which a test may expect.
 */
export async function openPage(
  browser: Browser,
  options: PageOptions = {},
): Promise<{ page: Page; troubles: string[]; close: () => Promise<void> }> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    colorScheme: options.colorScheme ?? 'light',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(scaled(15_000));
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(`script: ${error.message}`));
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text());
  });
  return { page, troubles, close: () => context.close() };
}

/**
 * Waits until an expression is true in the page. Playwright's own `waitForFunction` evaluates again
 * inside the page, which the page's content policy forbids.
 *
 * @param expression  JavaScript as text
 */
export async function until(
  page: Page,
  expression: string,
  timeoutMs = scaled(15_000),
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await page.evaluate<boolean>(`Boolean(${expression})`))) {
    if (Date.now() > deadline) throw new Error(`never became true: ${expression}`);
    // One frame of the page, not a guess at how long it needs.
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))');
  }
}
