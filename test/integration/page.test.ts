/**
 * The search page in a real browser against a real library. What runs inside the page is written as
 * text: this project's types know Node, not the DOM.
 */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noBrowser, openBrowser, openPage, until, type PageOptions } from '../helpers/browser';
import { noFfmpeg, writeVideo } from '../helpers/media';
import { drawPictures } from '../helpers/media-folder';
import { skip, testUnless } from '../helpers/skip';
import { serve } from '../helpers/served-library';
import { makeTempDir } from '../helpers/temp';
import { openLibrary, type Library } from '../../lib/library';

/** Markup that runs if a name is ever put into the page as anything but text. */
const HOSTILE = '<img src=x onerror=alert(1)>"\'&lt;.jpg';
const PICTURES = 40;

const root = makeTempDir('page');
const inBrowser = testUnless(noBrowser);
let browser: Browser;
let library: Library;
let server: Awaited<ReturnType<typeof serve>>;

test.before(async () => {
  if (noBrowser !== undefined) return;
  browser = await openBrowser();
  const [first = ''] = await drawPictures(path.join(root, 'drawn'), PICTURES);
  copyFileSync(path.join(root, 'drawn', first), path.join(root, HOSTILE));
  if (noFfmpeg === undefined) writeVideo(path.join(root, 'film.mp4'), 4);
  library = await openLibrary(root);
  await library.sync();
  server = await serve(library);
});
test.after(async () => {
  if (noBrowser !== undefined) return;
  await browser.close();
  await server.close();
  await library.close();
});

/** A test in a page of its own that must stay free of script errors and policy violations. */
function inPage(
  name: string,
  body: (page: Page) => Promise<void>,
  options: PageOptions & { address?: string; expected?: RegExp } = {},
): void {
  inBrowser(name, async () => {
    const { page, troubles, close } = await openPage(browser, options);
    try {
      await page.goto(server.url + (options.address ?? '/'));
      await body(page);
      const { expected } = options;
      assert.equal(
        troubles.filter((line) => expected === undefined || !expected.test(line)),
        [],
      );
    } finally {
      await close();
    }
  });
}

const tiles = (page: Page): Promise<string[]> => page.locator('.tile .name').allTextContents();
const shownName = (page: Page): Promise<string | null> => page.textContent('#viewer h2');
const query = (page: Page): URLSearchParams => new URL(page.url()).searchParams;
const waitForTiles = (page: Page): Promise<unknown> => page.waitForSelector('.tile img.ready');
/** Waits until the page shows the answer to its address, which ends as given. */
const settled = (page: Page, address: string): Promise<void> =>
  until(
    page,
    `location.search.endsWith('${address}') && document.querySelector('#grid').ariaBusy === 'false'`,
  );
const focusedIndex = (page: Page): Promise<number> =>
  page.evaluate('Number(document.activeElement?.parentElement?.ariaPosInSet ?? 0) - 1');

inPage('the start says what is here, and an example is one click away', async (page) => {
  await page.waitForSelector('.notice.start');
  const figures = await page.textContent('.figures');
  assert.match(figures ?? '', new RegExp(`${PICTURES + 1} pictures`));
  await page.click('.examples button >> nth=0');
  await waitForTiles(page);
  assert.is(query(page).get('q'), await page.inputValue('#q'));
  await page.goBack();
  await page.waitForSelector('.notice.start');
  await page.goForward();
  await waitForTiles(page);
});

inPage('typing is enough: results come, with number, bar, name and count', async (page) => {
  await page.locator('#q').pressSequentially('a red circle');
  await waitForTiles(page);
  await until(page, `location.search.includes('q=a+red+circle')`);
  await until(page, `document.title.startsWith('a red circle')`);
  const direct = await library.search({ text: 'a red circle' }, { k: 60, fold: true });
  await until(
    page,
    `document.querySelector('#status').textContent.startsWith('${direct.results.length} results')`,
  );
  const names = await tiles(page);
  assert.equal(
    names,
    direct.results.slice(0, names.length).map((hit) => path.posix.basename(hit.media_path)),
  );
  const first = page.locator('.tile').first();
  const similarity = direct.results[0]?.similarity ?? 0;
  assert.is(await first.locator('.score').textContent(), similarity.toFixed(2));
  const bar = await page.evaluate(
    `document.querySelector('.tile .bar').style.getPropertyValue('--value')`,
  );
  assert.ok(Math.abs(Number(bar) - similarity) < 1e-9);
  assert.match((await first.textContent()) ?? '', /\.(jpg|mp4), similarity \d\.\d\d$/, 'its label');
  assert.ok(await page.isHidden('#hint'), 'the built-in model knows drawn pictures');
});

inPage('a slow answer to an older query is dropped', async (page) => {
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await page.route('**/search?*q=slow*', async (route) => {
    await held;
    await route.continue().catch(() => undefined);
  });
  const asked = page.waitForRequest(/q=slow/);
  await page.fill('#q', 'slow');
  await asked;
  await page.fill('#q', 'a blue square');
  await settled(page, '?q=a+blue+square');
  await waitForTiles(page);
  const before = await tiles(page);
  letGo();
  await page.unrouteAll({ behavior: 'wait' });
  assert.equal(await tiles(page), before);
  assert.is(query(page).get('q'), 'a blue square');
});

inPage(
  'a hit opens large; arrows move on; reload restores; Esc returns to the tile',
  async (page) => {
    await waitForTiles(page);
    const names = await tiles(page);
    await page.click('.tile >> nth=1');
    await page.waitForSelector('#viewer[open]');
    assert.is(await shownName(page), names[1]);
    const panel = (await page.textContent('#viewer .panel')) ?? '';
    assert.match(panel, /Cosine-?\d\.\d{4}/);
    assert.match(panel, /Similarity/);
    await page.keyboard.press('ArrowRight');
    assert.is(await shownName(page), names[2]);
    const frame = query(page).get('frame');
    await page.reload();
    await page.waitForSelector('#viewer[open]');
    assert.is(await shownName(page), names[2]);
    assert.is(query(page).get('frame'), frame);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    assert.is(await shownName(page), names[0]);
    await page.keyboard.press('ArrowLeft');
    assert.is(await shownName(page), names[0], 'stops at the first');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#viewer', { state: 'hidden' });
    await until(page, `!location.search.includes('frame=')`);
    assert.is(query(page).get('q'), 'a star');
    assert.is(await focusedIndex(page), 0);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#viewer[open]');
    await page.goBack();
    await page.waitForSelector('#viewer', { state: 'hidden' });
    await page.goForward();
    await page.waitForSelector('#viewer[open]');
    assert.is(await shownName(page), names[0]);
  },
  { address: '/?q=a+star' },
);

inPage(
  'the keyboard reaches everything: / and Ctrl+K, arrows in two dimensions, S, ?',
  async (page) => {
    await waitForTiles(page);
    await page.keyboard.press('ArrowDown');
    assert.is(await focusedIndex(page), 0, 'from the box into the grid');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.is(await focusedIndex(page), 2);
    await page.keyboard.press('ArrowDown');
    const below = await focusedIndex(page);
    assert.ok(below > 3, String(below));
    const centre = (index: number): Promise<number> =>
      page.evaluate<number>(`(() => {
        const { left, width } = document
          .querySelector('li[aria-posinset="${index + 1}"]')
          .getBoundingClientRect();
        return left + width / 2;
      })()`);
    assert.ok(Math.abs((await centre(below)) - (await centre(2))) < 200, 'below, not just next');
    await page.keyboard.press('End');
    const total = Number(await page.locator('li').first().getAttribute('aria-setsize'));
    assert.is(await focusedIndex(page), total - 1);
    const inView = await page.evaluate(`(() => {
      const box = document.activeElement.getBoundingClientRect();
      return box.top >= 0 && box.bottom <= innerHeight;
    })()`);
    assert.ok(inView);
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowUp');
    assert.is(await page.evaluate(`document.activeElement?.id`), 'q', 'up from the first row');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.waitForSelector('#keys[open]');
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    assert.is(await page.evaluate(`document.activeElement?.id`), 'q');
    await page.keyboard.type('?/');
    assert.is(await page.inputValue('#q'), '?/', 'keys are letters while typing');
    await page.fill('#q', 'a star');
    await settled(page, '?q=a+star');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Control+k');
    assert.is(await page.evaluate(`document.activeElement?.id`), 'q');
    await page.keyboard.press('ArrowDown');
    const [name] = await tiles(page);
    await page.keyboard.press('s');
    await page.waitForSelector('#chip:visible');
    await until(page, `location.search.includes('like=')`);
    await settled(page, '');
    assert.not.ok((await tiles(page)).slice(0, 1).includes(name ?? ''), 'itself is not among them');
    await page.click('#chip button');
    await page.waitForSelector('.notice.start');
  },
  { address: '/?q=a+star' },
);

inPage(
  'pictures and videos can be shown apart, and a video plays from its moment',
  async (page) => {
    await waitForTiles(page);
    await page.check('input[name=type][value=image]', { force: true });
    await settled(page, '&type=image');
    assert.is(await page.locator('.tile .time').count(), 0);
    if (noFfmpeg !== undefined) return skip(noFfmpeg);
    await page.check('input[name=type][value=video]', { force: true });
    await settled(page, '&type=video');
    assert.equal(new Set(await tiles(page)), new Set(['film.mp4']));
    assert.match((await page.textContent('.tile .time')) ?? '', /^0:0\d$/);
    await page.click('.tile >> nth=0');
    const link = (await page.getAttribute('#viewer a.action', 'href')) ?? '';
    // The page may stand below a folder: its addresses are made of that.
    assert.match(link, /(^|\/)video\/[0-9a-f]{32}#t=\d/);
    await page.keyboard.press(' ');
    await page.waitForSelector('#viewer video');
    const start = Number(link.split('#t=')[1]);
    await until(page, `(document.querySelector('video')?.currentTime ?? -1) >= ${start}`);
    await page.keyboard.press('Escape');
    assert.is(await page.locator('#viewer video').count(), 0, 'closing stops the film');
  },
  { address: '/?q=a+test+picture' },
);

async function dropPicture(page: Page, kind: 'drop' | 'paste', bytes: Buffer): Promise<void> {
  await page.evaluate(`(() => {
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob('${bytes.toString('base64')}'), (char) => char.charCodeAt(0));
    data.items.add(new File([bytes], 'some.jpg', { type: 'image/jpeg' }));
    const common = { bubbles: true, cancelable: true };
    document.body.dispatchEvent('${kind}' === 'drop'
      ? new DragEvent('drop', { dataTransfer: data, ...common })
      : new ClipboardEvent('paste', { clipboardData: data, ...common }));
  })()`);
}

inPage('a dropped, pasted or chosen picture finds itself, also after a reload', async (page) => {
  const file = (n: number): string => path.join(root, 'drawn', `picture-0${n}.jpg`);
  const firstIs = (name: string): Promise<unknown> =>
    until(page, `document.querySelector('.tile .name')?.textContent === '${name}'`);
  await dropPicture(page, 'drop', readFileSync(file(11)));
  await firstIs('picture-011.jpg');
  assert.match((await page.textContent('#chip')) ?? '', /Your picture/);
  await dropPicture(page, 'paste', readFileSync(file(12)));
  await firstIs('picture-012.jpg');
  await page.setInputFiles('#file', file(13));
  await firstIs('picture-013.jpg');
  await page.reload();
  await firstIs('picture-013.jpg');
  await page.goBack();
  await firstIs('picture-012.jpg');
  await page.fill('#q', 'a star');
  await settled(page, '?q=a+star');
  await page.waitForSelector('#chip', { state: 'hidden' });
});

inPage(
  'a hostile file name is only text, everywhere',
  async (page) => {
    await waitForTiles(page);
    const hostile = page.locator('.tile', { hasText: HOSTILE }).first();
    await hostile.click();
    await page.waitForSelector('#viewer[open]');
    assert.is(await shownName(page), HOSTILE);
    assert.is(await page.locator('img[src="x"]').count(), 0);
    const thrown = await page.evaluate(`(() => {
      try {
        document.body.innerHTML = '<b>x</b>';
        return 'no error';
      } catch (error) {
        return error.name;
      }
    })()`);
    assert.is(thrown, 'TypeError', 'Trusted Types refuse markup');
  },
  // The last step provokes the report that it expects.
  { address: '/?q=a+star', expected: /requires 'TrustedHTML' assignment/ },
);

inPage(
  'on a phone nothing is wider than the window',
  async (page) => {
    const isWide = (): Promise<boolean> =>
      page.evaluate(`document.documentElement.scrollWidth > innerWidth`);
    await waitForTiles(page);
    assert.not.ok(await isWide());
    assert.ok((await page.locator('.tile').count()) >= 4);
    await page.click('.tile >> nth=0');
    await page.waitForSelector('#viewer[open]');
    assert.not.ok(await isWide());
    const close = await page.locator('#viewer .shut').boundingBox();
    assert.ok(close !== null && close.x + close.width <= 390 && close.y >= 0);
  },
  { address: '/?q=a+star', width: 390, height: 844, colorScheme: 'dark' },
);

// SIGHTLINE_SCREENSHOT=FILE draws the page; SIGHTLINE_SCREENSHOT_URL takes it from another server, for example that of `sightline demo`.
const screenshot = process.env.SIGHTLINE_SCREENSHOT ?? '';
const picture = async (): Promise<void> => {
  const { page, close } = await openPage(browser, { colorScheme: 'dark' });
  await page.goto(`${process.env.SIGHTLINE_SCREENSHOT_URL ?? server.url}/?q=a+red+circle`);
  await waitForTiles(page);
  await page.waitForLoadState('networkidle');
  mkdirSync(path.dirname(path.resolve(screenshot)), { recursive: true });
  await page.screenshot({ path: screenshot });
  await close();
};
if (screenshot !== '') inBrowser('the page is drawn as the README shows it', picture);

test.run();
