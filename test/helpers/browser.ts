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

const USUAL = { width: 1280, height: 800, colorScheme: 'light' } as const;

function keyOf(options: PageOptions): string {
  const { width, height, colorScheme } = { ...USUAL, ...options };
  return JSON.stringify([width, height, colorScheme]);
}

/** Windows that wait for the next test: opening one takes 3 s of a processor, ten times what most tests do in it. */
const waiting = new WeakMap<Browser, Map<string, Page>>();

async function windowOf(browser: Browser, options: PageOptions): Promise<Page> {
  const key = keyOf(options);
  const free = waiting.get(browser)?.get(key);
  waiting.get(browser)?.delete(key);
  if (free !== undefined) return free;
  const { width, height, colorScheme } = { ...USUAL, ...options };
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  return await context.newPage();
}

/** Takes from a window what its test left: other pages, listeners, routes, permissions, stored data, the cache. */
async function empty(page: Page): Promise<void> {
  const context = page.context();
  for (const other of context.pages()) if (other !== page) await other.close();
  page.removeAllListeners();
  await page.unrouteAll();
  await context.clearPermissions();
  await context.clearCookies();
  const session = await context.newCDPSession(page);
  const { origin } = new URL(page.url());
  if (origin !== 'null')
    await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
  await session.send('Network.clearBrowserCache');
  await page.goto('about:blank');
  await session.send('Page.resetNavigationHistory');
  await session.detach();
  await page.mouse.move(0, 0);
}

/**
 * A page that nobody has used, or that is as if. `troubles` collects what must not happen: script errors,
 * violations of the content policy, dialogs; failed requests only by status, which a test may expect.
 */
export async function openPage(
  browser: Browser,
  options: PageOptions = {},
): Promise<{ page: Page; troubles: string[]; close: () => Promise<void> }> {
  const page = await windowOf(browser, options);
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
  const close = async (): Promise<void> => {
    try {
      await empty(page);
    } catch {
      // Whatever the test did to it: the next one gets another.
      return await page.context().close();
    }
    const free = waiting.get(browser) ?? new Map<string, Page>();
    waiting.set(browser, free.set(keyOf(options), page));
  };
  return { page, troubles, close };
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
