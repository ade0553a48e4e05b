/**
 * One browser, one address, two libraries after each other: no picture of the first is ever shown for
 * the second, although both number their frames from 0.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import { noBrowser, openBrowser, until } from '../helpers/browser';
import { serve } from '../helpers/served-library';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

type Colour = 'red' | 'blue' | 'lime';

const inBrowser = testUnless(noBrowser);
let browser: Browser | undefined;
let context: BrowserContext;
/** The first server takes a free port, the others the same. */
let port = 0;

test.before(async () => {
  if (noBrowser !== undefined) return;
  browser = await openBrowser();
  context = await browser.newContext();
});
test.after(async () => {
  await browser?.close();
});

async function draw(root: string, name: string, colour: Colour): Promise<void> {
  mkdirSync(root, { recursive: true });
  const picture = sharp({ create: { width: 96, height: 96, channels: 3, background: colour } });
  writeFileSync(path.join(root, name), await picture.jpeg().toBuffer());
}

/** What the page shows of each file, by the pixel in the middle; and what `/frame/0` is in its cache. */
async function shown(root: string): Promise<Record<string, string>> {
  const library = await openLibrary(root);
  await library.sync();
  const server = await serve(library, { port });
  port = server.port;
  const page = await context.newPage();
  try {
    await page.goto(`${server.url}/?q=colour`);
    const files = library.stats().frames;
    await until(page, `document.querySelectorAll('.tile img.ready').length === ${files}`);
    return await page.evaluate<Record<string, string>>(`(async () => {
      const colourOf = async (image) => {
        await image.decode();
        const canvas = document.createElement('canvas');
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0, 1, 1, 0, 0, 1, 1);
        const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
        return red > 200 ? 'red' : green > 200 ? 'lime' : blue > 200 ? 'blue' : 'other';
      };
      const found = {};
      for (const tile of document.querySelectorAll('.tile'))
        found[tile.title] = await colourOf(tile.querySelector('img'));
      const bare = new Image();
      bare.src = '/frame/0';
      found.bare = await colourOf(bare).catch(() => 'none');
      return found;
    })()`);
  } finally {
    await page.close();
    await server.close();
    await library.close();
  }
}

/** Which ids the copy's frames have is its own affair. */
const without = ({ bare: _, ...tiles }: Record<string, string>): Record<string, string> => tiles;

inBrowser('two libraries at one address, one after the other', async () => {
  const [one, two] = [makeTempDir('cache-one'), makeTempDir('cache-two')];
  await draw(one, 'x.jpg', 'red');
  await draw(two, 'x.jpg', 'blue');
  assert.equal(await shown(one), { 'x.jpg': 'red', bare: 'red' });
  assert.equal(await shown(two), { 'x.jpg': 'blue', bare: 'blue' });
  assert.equal(await shown(one), { 'x.jpg': 'red', bare: 'red' });
});

inBrowser('a library that was deleted and made again', async () => {
  const root = makeTempDir('cache-again');
  await draw(root, 'm.jpg', 'red');
  assert.equal(await shown(root), { 'm.jpg': 'red', bare: 'red' });
  rmSync(path.join(root, '.sightline'), { recursive: true });
  await draw(root, 'a.jpg', 'lime');
  assert.equal(await shown(root), { 'a.jpg': 'lime', 'm.jpg': 'red', bare: 'lime' });
});

inBrowser('a library that was copied, after which both went on', async () => {
  const [one, two] = [makeTempDir('cache-left'), path.join(makeTempDir('cache-right'), 'copy')];
  await draw(one, 'm.jpg', 'red');
  await shown(one);
  cpSync(one, two, { recursive: true, preserveTimestamps: true });
  await draw(one, 'n.jpg', 'blue');
  await draw(two, 'n.jpg', 'lime');
  assert.equal(without(await shown(one)), { 'm.jpg': 'red', 'n.jpg': 'blue' });
  assert.equal(without(await shown(two)), { 'm.jpg': 'red', 'n.jpg': 'lime' });
});

test.run();
