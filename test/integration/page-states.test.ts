/** The page when things are not as usual: a thousand hits, nothing, an empty library, errors, a token. */
import type { Browser, Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeError } from '../../lib/base/errors';
import { openLibrary } from '../../lib/library';
import type { SearchResult } from '../../lib/base/types';
import { noBrowser, openBrowser, openPage, until } from '../helpers/browser';
import { makeTestLibrary, serve, withMethods, type TestLibrary } from '../helpers/served-library';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const inBrowser = testUnless(noBrowser);
let browser: Browser;
let made: TestLibrary;

test.before(async () => {
  if (noBrowser !== undefined) return;
  browser = await openBrowser();
  made = await makeTestLibrary('page-states', 6);
});
test.after(async () => {
  if (noBrowser !== undefined) return;
  await browser.close();
  await made.library.close();
});

async function visit(
  options: Parameters<typeof serve>[1],
  library: typeof made.library,
  address: string,
  body: (page: Page, log: string[]) => Promise<void>,
): Promise<void> {
  const server = await serve(library, options);
  const { page, troubles, close } = await openPage(browser);
  try {
    await page.goto(server.url + address);
    await body(page, server.log);
    assert.equal(
      troubles.filter((line) => !line.startsWith('Failed to load resource')),
      [],
    );
  } finally {
    await close();
    await server.close();
  }
}

inBrowser(
  'a thousand results scroll with a few dozen tiles, and Show more asks for more',
  async () => {
    // Few pictures, many hits: the grid is the subject here, not the search.
    const many = withMethods(made.library, {
      search: async (query, options) => {
        const found = await made.library.search(query, { ...options, k: 5 });
        const results = Array.from(
          { length: options?.k ?? 20 },
          (_, i) => found.results[i % 5] as SearchResult,
        );
        return { ...found, results };
      },
    });
    await visit({}, many, '/?q=a+star&k=250', async (page) => {
      await page.waitForSelector('.tile img.ready');
      await page.click('#more');
      await until(page, `document.querySelector('#status').textContent.startsWith('1,000')`);
      await page.waitForSelector('#more', { state: 'hidden' });
      const count = (): Promise<number> => page.locator('.tile').count();
      assert.ok((await count()) < 120, String(await count()));
      const order = (): Promise<number[]> =>
        page.$$eval('#grid li', (items) => items.map((item) => Number(item.ariaPosInSet)));
      for (const share of [0.5, 1, 0.2, 0]) {
        await page.evaluate(`scrollTo(0, document.documentElement.scrollHeight * ${share})`);
        await until(
          page,
          `[...document.querySelectorAll('.tile')].some((tile) => {
        const box = tile.getBoundingClientRect();
        return box.top < innerHeight && box.bottom > 100;
      })`,
        );
        assert.ok((await count()) < 120);
        const places = await order();
        assert.equal(
          places,
          [...places].sort((a, b) => a - b),
          'reading order',
        );
      }
      await page.keyboard.press('Tab');
      await page.locator('.tile[tabindex="0"]').focus();
      await page.keyboard.press('End');
      await until(page, `document.activeElement.parentElement.ariaPosInSet === '1000'`);
    });
  },
);

inBrowser('an empty library says what to do', async () => {
  await using empty = await openLibrary(makeTempDir('page-empty'));
  await visit({}, empty, '/', async (page) => {
    await page.waitForSelector('.notice.empty');
    assert.match(
      (await page.textContent('.notice')) ?? '',
      /Nothing to search yet.*sightline sync/,
    );
  });
  await visit({}, empty, '/?q=a+star', async (page) => {
    await page.waitForSelector('.notice.empty');
  });
});

inBrowser('nothing found is not an error', async () => {
  const none = withMethods(made.library, {
    search: async (query, options) => ({
      ...(await made.library.search(query, options)),
      results: [],
    }),
  });
  await visit({}, none, '/?q=a+star', async (page) => {
    await page.waitForSelector('.notice.nothing');
    assert.match((await page.textContent('.notice')) ?? '', /Nothing found/);
    assert.is(await page.textContent('#status'), 'Nothing found');
  });
});

inBrowser('a hint is shown until it was read', async () => {
  const hinting = withMethods(made.library, {
    search: async (query, options) => ({
      ...(await made.library.search(query, options)),
      hint: 'these are photographs',
    }),
  });
  await visit({}, hinting, '/?q=a+star', async (page) => {
    await page.waitForSelector('#hint:visible');
    await page.click('#hint .close');
    await page.fill('#q', 'a green heart');
    await until(page, `location.search.endsWith('q=a+green+heart')`);
    await until(page, `document.querySelector('#grid').ariaBusy === 'false'`);
    assert.ok(await page.isHidden('#hint'));
  });
});

inBrowser('an error shows the remedy, and trying again works', async () => {
  let isBroken = true;
  const broken = withMethods(made.library, {
    search: (query, options) =>
      isBroken
        ? Promise.reject(makeError('ERR_MODEL_MISSING', 'no model in /some/where'))
        : made.library.search(query, options),
  });
  await visit({}, broken, '/?q=a+star', async (page) => {
    await page.waitForSelector('.notice.error');
    const text = (await page.textContent('.notice')) ?? '';
    assert.match(text, /sightline doctor/);
    assert.not.match(text, /some/);
    isBroken = false;
    await page.click('.notice button');
    await page.waitForSelector('.tile img.ready');
    assert.ok(await page.isHidden('#notice'));
  });
});

inBrowser('a server with a token asks for it once', async () => {
  const token = 'some-long-enough-token';
  await visit({ token }, made.library, '/?q=a+star', async (page, log) => {
    await page.waitForSelector('#token[open]');
    assert.is(await page.locator('.tile').count(), 0);
    await page.fill('#token-text', 'wrong');
    await page.keyboard.press('Enter');
    await until(page, `document.querySelector('#token .trouble').textContent !== ''`);
    await page.fill('#token-text', token);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.tile img.ready');
    await page.reload();
    await page.waitForSelector('.tile img.ready');
    assert.not.ok(await page.locator('#token[open]').count());
    assert.not.ok(log.some((line) => line.includes(token)));
  });
});

test.run();
