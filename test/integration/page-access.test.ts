/**
 * axe-core finds nothing to object to, in every state of the page, in both themes, wide and narrow. Runs
 * in an isolated world, because the page's content policy admits no foreign script.
 */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeError } from '../../lib/base/errors';
import { openLibrary } from '../../lib/library';
import { NO_SYNC, type SyncState } from '../../lib/server';
import { noBrowser, openBrowser, openPage, until, type PageOptions } from '../helpers/browser';
import { makeTestLibrary, serve, withMethods, type TestLibrary } from '../helpers/served-library';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const THEMES: readonly PageOptions[] = [
  { colorScheme: 'light' },
  { colorScheme: 'dark', width: 390, height: 844 },
];

const inBrowser = testUnless(noBrowser);
let browser: Browser;
let made: TestLibrary;

test.before(async () => {
  // What a model costs is asked of nobody here.
  process.env['HF_HUB_OFFLINE'] = '1';
  if (noBrowser !== undefined) return;
  browser = await openBrowser();
  made = await makeTestLibrary('page-access', 8);
});
test.after(async () => {
  if (noBrowser !== undefined) return;
  await browser.close();
  await made.library.close();
});

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe says of the page as it is now, as text; an empty list is good. */
async function violations(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
  });
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression,
      contextId,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'axe failed');
    return result.value;
  };
  await evaluate(`${AXE}; 0`);
  // Colours in transition are no colours of the page.
  const found = (await evaluate(`(async () => {
    for (const each of document.getAnimations())
      if (each.effect.getTiming().iterations !== Infinity) each.finish();
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations;
  })()`)) as Violation[];
  await session.detach();
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
  );
}

/** Shows a state in every theme and holds each up to axe. */
async function examine(
  library: typeof made.library,
  options: Parameters<typeof serve>[1],
  address: string,
  bring: (page: Page) => Promise<unknown>,
): Promise<void> {
  const server = await serve(library, options);
  try {
    for (const theme of THEMES) {
      const { page, close } = await openPage(browser, theme);
      await page.goto(server.url + address);
      await bring(page);
      assert.equal(await violations(page), [], JSON.stringify(theme));
      await close();
    }
  } finally {
    await server.close();
  }
}

/** As of photographs with the built-in model. */
const hinting = (): typeof made.library => {
  const hint = 'These are photographs, which the built-in model does not know.';
  return withMethods(made.library, {
    hint,
    search: async (query, options) => ({
      ...(await made.library.search(query, options)),
      hint,
    }),
  });
};

const tiles = (page: Page): Promise<unknown> => page.waitForSelector('.tile img.ready');

inBrowser('the examination finds what is wrong', async () => {
  const server = await serve(made.library);
  const { page, close } = await openPage(browser);
  await page.goto(server.url);
  await page.waitForSelector('.notice.start');
  await page.evaluate(`document.querySelector('#q').removeAttribute('aria-label');
    document.querySelector('#q').placeholder = '';
    document.querySelector('.types input:checked + span').style.color = '#5aa8a0'`);
  const found = await violations(page);
  assert.ok(
    found.some((line) => line.startsWith('label:')),
    found.join('\n'),
  );
  assert.ok(
    found.some((line) => line.startsWith('color-contrast:')),
    found.join('\n'),
  );
  await close();
  await server.close();
});

inBrowser('the start', () =>
  examine(made.library, {}, '/', (page) => page.waitForSelector('.notice.start')),
);

inBrowser('results, with a hint and a model to get, a filter and folded videos', () =>
  examine(hinting(), {}, '/?q=a+star', async (page) => {
    await tiles(page);
    await page.waitForSelector('#hint .take:visible');
    await page.locator('.tile').first().focus();
  }),
);

inBrowser('the cap of 1,000', () => {
  const many = withMethods(made.library, {
    search: async (query, options) => {
      const found = await made.library.search(query, { ...options, k: 5 });
      const all = Array.from({ length: 1000 }, (_, i) => found.results[i % found.results.length]);
      return { ...found, results: all as typeof found.results };
    },
  });
  return examine(many, {}, '/?q=a+star&k=1000', async (page) => {
    await tiles(page);
    await page.waitForSelector('#cap:visible');
    assert.match((await page.textContent('#cap')) ?? '', /1,000 best/);
    assert.match((await page.textContent('#status')) ?? '', /^1,000 results, the most/);
  });
});

inBrowser('nothing found', () => {
  const none = withMethods(made.library, {
    search: async (query, options) => ({
      ...(await made.library.search(query, options)),
      results: [],
    }),
  });
  return examine(none, {}, '/?q=a+star', (page) => page.waitForSelector('.notice.nothing'));
});

inBrowser('an error, and a picture that is gone', async () => {
  const broken = withMethods(made.library, {
    search: () => Promise.reject(makeError('ERR_MODEL_MISSING', 'no model')),
  });
  await examine(broken, {}, '/?q=a+star', (page) => page.waitForSelector('.notice.error'));
  await examine(made.library, {}, '/?image=0123456789abcdef', (page) =>
    page.waitForSelector('.notice.nothing'),
  );
});

inBrowser('the large view of a picture and of a video with its moments', () =>
  examine(made.library, {}, '/?q=a+star', async (page) => {
    await tiles(page);
    const film = page.locator('.tile:has(.stack)').first();
    await (made.hasFilm ? film : page.locator('.tile').first()).click();
    await page.waitForSelector('#viewer[open]');
    assert.equal(await violations(page), []);
    await page.keyboard.press('Escape');
    await page.locator('.tile:not(:has(.time))').first().click();
    await page.waitForSelector('#viewer[open]');
    await page.keyboard.press('o');
    await page.waitForSelector('.original:disabled');
  }),
);

inBrowser('the sheet of keys', () =>
  examine(made.library, {}, '/', async (page) => {
    await page.waitForSelector('.notice.start');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.waitForSelector('#keys[open]');
  }),
);

inBrowser('a search with a picture of the library', () =>
  examine(made.library, {}, '/?like=0', async (page) => {
    await tiles(page);
    await page.waitForSelector('#chip:visible');
  }),
);

inBrowser('the token', () =>
  examine(made.library, { token: 'some-long-enough-token' }, '/', async (page) => {
    await page.waitForSelector('#token[open]');
    await page.fill('#token-text', 'wrong');
    await page.keyboard.press('Enter');
    await until(page, `document.querySelector('#token .trouble').textContent !== ''`);
  }),
);

inBrowser('an empty library, one that is being read, one that cannot be read', async () => {
  await using empty = await openLibrary(makeTempDir('page-access-empty'));
  await examine(empty, {}, '/', (page) => page.waitForSelector('.notice.empty'));
  const state = (change: Partial<SyncState>): { sync: () => SyncState } => ({
    sync: () => ({ ...NO_SYNC, ...change }),
  });
  const running = state({ state: 'running', done: 30, total: 400, frames: 10, framesTotal: 60 });
  await examine(empty, running, '/', async (page) => {
    await page.waitForSelector('#sync progress');
    assert.match((await page.textContent('#sync')) ?? '', /Reading your files: 30 of 400/);
  });
  const failed = state({ state: 'failed', error: makeError('ERR_DISK_FULL', 'x') });
  await examine(made.library, failed, '/?q=a+star', async (page) => {
    await tiles(page);
    await page.waitForSelector('#sync.trouble');
  });
});

inBrowser('a model that is on its way, and one that did not come', async () => {
  const phase = (change: Partial<SyncState>): { sync: () => SyncState } => ({
    sync: () => ({ ...NO_SYNC, phase: 'download', ...change }),
  });
  const running = phase({ state: 'running', done: 3e6, total: 6e8 });
  await examine(hinting(), running, '/?q=a+star', async (page) => {
    await page.waitForSelector('#sync progress');
    assert.match((await page.textContent('#sync')) ?? '', /Getting the model .*3.0 MB of 600 MB/);
  });
  const failed = phase({ state: 'failed', error: makeError('ERR_MODEL_MISSING', 'x') });
  await examine(hinting(), failed, '/?q=a+star', async (page) => {
    await page.waitForSelector('#sync.trouble button');
  });
});

inBrowser('the description of the API', () =>
  examine(made.library, {}, '/docs', async (page) => {
    await page.waitForSelector('h1');
    await page.evaluate(
      `for (const each of document.querySelectorAll('details')) each.open = true`,
    );
  }),
);

test.run();
