/** The large view: originals, zoom, the moments of a video, paths; and the line of the server's sync. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import { NO_SYNC, type SyncState } from '../../lib/server';
import { noBrowser, openBrowser, openPage, until } from '../helpers/browser';
import { noFfmpeg, writeVideo } from '../helpers/media';
import { drawing, drawPictures } from '../helpers/media-folder';
import { skip, testUnless } from '../helpers/skip';
import { serve } from '../helpers/served-library';
import { makeTempDir } from '../helpers/temp';

const inBrowser = testUnless(noBrowser);
const root = makeTempDir('page-viewer');
let browser: Browser;
let library: Library;
let state: SyncState = NO_SYNC;
let server: Awaited<ReturnType<typeof serve>>;

test.before(async () => {
  if (noBrowser !== undefined) return;
  browser = await openBrowser();
  await drawPictures(path.join(root, 'drawn'), 3);
  mkdirSync(path.join(root, 'large'));
  // Larger than a stored frame, so that the original shows more.
  const large = sharp(Buffer.from(await drawing(9))).resize(1600, 1200, { fit: 'fill' });
  writeFileSync(path.join(root, 'large', 'big.jpg'), await large.jpeg().toBuffer());
  if (noFfmpeg === undefined) writeVideo(path.join(root, 'film.mp4'), 4);
  library = await openLibrary(root);
  await library.sync();
  server = await serve(library, { sync: () => state });
});
test.after(async () => {
  if (noBrowser !== undefined) return;
  await browser.close();
  await server.close();
  await library.close();
});

async function visit(address: string, body: (page: Page) => Promise<void>): Promise<void> {
  const { page, troubles, close } = await openPage(browser);
  try {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto(server.url + address);
    await page.waitForSelector('.tile img.ready, .notice:visible');
    await body(page);
    assert.equal(troubles, []);
  } finally {
    await close();
  }
}

const panel = async (page: Page): Promise<string> =>
  (await page.textContent('#viewer .panel')) ?? '';
const clipboard = (page: Page): Promise<string> => page.evaluate('navigator.clipboard.readText()');
const shownWidth = (page: Page): Promise<number> =>
  page.evaluate(`document.querySelector('#viewer .stage img').naturalWidth`);

inBrowser('the original is shown, described, saved and found by its path', () =>
  visit('/?q=a+star', async (page) => {
    await page.click('.tile[title="large/big.jpg"]');
    await page.waitForSelector('#viewer[open]');
    const text = await panel(page);
    assert.match(text, /Original1600 × 1200 pixels/);
    assert.match(text, /File[\d.]+ kB/);
    assert.match(text, /Changed\d{4}-\d\d-\d\d \d\d:\d\d/);
    assert.match(text, /Media[0-9a-f]{32}/);
    assert.ok((await shownWidth(page)) <= 512);
    await page.keyboard.press('o');
    await until(page, `document.querySelector('#viewer .stage img').naturalWidth === 1600`);
    assert.match(await panel(page), /Original shown/);
    await page.keyboard.press('p');
    await until(page, `document.querySelector('.path').textContent.startsWith('Copied')`);
    assert.is(await clipboard(page), path.join(root, 'large', 'big.jpg'));
    await page.keyboard.press('c');
    await until(page, `document.querySelector('.copy').textContent.startsWith('Copied')`);
    assert.is(await clipboard(page), page.url());
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.click('#viewer a[download]'),
    ]);
    assert.is(saved.suggestedFilename(), 'big.jpg');
    assert.equal(
      readFileSync(await saved.path()),
      readFileSync(path.join(root, 'large', 'big.jpg')),
    );
  }),
);

inBrowser('keys, wheel and double click zoom, a drag moves, and the original comes by itself', () =>
  visit('/?q=a+star', async (page) => {
    const scale = (): Promise<number> =>
      page.evaluate(
        `new DOMMatrix(getComputedStyle(document.querySelector('#viewer .stage img')).transform).a`,
      );
    await page.click('.tile[title="large/big.jpg"]');
    await page.waitForSelector('#viewer[open]');
    assert.is(await scale(), 1);
    await page.keyboard.press('+');
    await until(page, `document.querySelector('#viewer .stage img').naturalWidth === 1600`);
    assert.is(await scale(), 1.5, 'the original keeps the view');
    await page.keyboard.press('-');
    assert.is(await scale(), 1);
    const stage = await page.locator('#viewer .stage').boundingBox();
    assert.ok(stage !== null);
    const [x, y] = [stage.x + stage.width / 3, stage.y + stage.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, -300);
    await until(page, `document.querySelector('.stage.zoomed') !== null`);
    const shift = (): Promise<number> =>
      page.evaluate(
        `new DOMMatrix(getComputedStyle(document.querySelector('#viewer .stage img')).transform).e`,
      );
    const before = await shift();
    await page.mouse.down();
    await page.mouse.move(x + 40, y, { steps: 4 });
    await page.mouse.up();
    assert.ok((await shift()) > before, 'dragged to the right');
    await page.mouse.dblclick(x, y);
    assert.is(await scale(), 1);
    await page.mouse.dblclick(x, y);
    assert.is(await scale(), 2.5);
    await page.keyboard.press('ArrowRight');
    assert.is(await scale(), 1, 'the next result is fitted');
  }),
);

inBrowser(
  'a video is one tile with a count; its moments open below it, by mouse and keyboard',
  () =>
    visit('/?q=a+star', async (page) => {
      if (noFfmpeg !== undefined) return skip(noFfmpeg);
      assert.is(await page.locator('.tile .time').count(), 1);
      assert.match((await page.textContent('.tile .stack')) ?? '', /^4 moments, best at/);
      await page.click('.tile:has(.stack)');
      await page.waitForSelector('#viewer .moment');
      assert.is(await page.locator('.moment').count(), 4);
      const times = await page.locator('.moment > span').allTextContents();
      assert.equal(times, [...times].sort(), 'in the order of time');
      await page.click('.moment >> nth=0');
      await until(page, `document.querySelector('.moment').ariaCurrent === 'true'`);
      const first = new URL(page.url()).searchParams.get('frame');
      assert.match(await panel(page), /Time0:00/);
      await page.keyboard.press('.');
      await until(page, `document.querySelectorAll('.moment')[1].ariaCurrent === 'true'`);
      assert.is.not(new URL(page.url()).searchParams.get('frame'), first);
      await page.reload();
      await until(page, `document.querySelectorAll('.moment')[1]?.ariaCurrent === 'true'`);
      await page.keyboard.press('Escape');
      await page.waitForSelector('#viewer', { state: 'hidden' });
      assert.match((await page.textContent('#each')) ?? '', /3 more/);
      await page.click('#each');
      await until(page, `document.querySelectorAll('.tile .time').length === 4`);
      assert.ok(page.url().includes('each=1'));
      await page.goBack();
      await until(page, `document.querySelectorAll('.tile .time').length === 1`);
    }),
);

inBrowser('what vanished says so, and the view goes on', async () => {
  const gone = path.join(root, 'drawn', 'picture-001.jpg');
  const bytes = readFileSync(gone);
  const { page, close } = await openPage(browser);
  await page.goto(`${server.url}/?q=a+star`);
  await page.waitForSelector('.tile img.ready');
  writeFileSync(gone, 'other bytes');
  await page.click('.tile[title="drawn/picture-001.jpg"]');
  await page.waitForSelector('#viewer[open]');
  await page.keyboard.press('o');
  await until(
    page,
    `document.querySelector('.original').textContent.startsWith('Not for browsers')`,
  );
  assert.ok((await shownWidth(page)) > 0, 'the stored frame stays');
  writeFileSync(gone, bytes);
  await close();
});

inBrowser('the page says how far a sync is, and what it brought', async () => {
  const { frames } = library.stats();
  state = { ...NO_SYNC, state: 'running', done: 3, total: 9, frames: 1, framesTotal: 4 };
  try {
    await visit('/?q=a+star', async (page) => {
      await page.waitForSelector('#sync progress');
      assert.match((await page.textContent('#sync')) ?? '', /Reading your files: 3 of 9/);
      state = { ...state, done: 9, frames: 2 };
      await until(
        page,
        `document.querySelector('#sync').textContent === 'Making 2 frames searchable'`,
      );
      writeFileSync(path.join(root, 'drawn', 'late.jpg'), await drawing(55));
      await library.sync();
      state = { ...NO_SYNC, state: 'idle', finishedAt: new Date().toISOString() };
      await page.waitForSelector('#sync.news');
      assert.match((await page.textContent('#sync')) ?? '', /^1 new frame can be found/);
      assert.is(
        await page.locator('.tile[title="drawn/late.jpg"]').count(),
        0,
        'nothing moves by itself',
      );
      await page.click('#sync button');
      await page.waitForSelector('.tile[title="drawn/late.jpg"]');
      assert.ok(await page.isHidden('#sync'));
    });
    assert.is(library.stats().frames, frames + 1);
  } finally {
    state = NO_SYNC;
  }
});

test.run();
