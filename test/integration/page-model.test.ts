/** The button beside the note on photographs: it gets the model, says how far it is, and the note is gone. */
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import { noBrowser, openBrowser, openPage, until } from '../helpers/browser';
import { LoopbackHub } from '../helpers/loopback-hub';
import { drawPictures } from '../helpers/media-folder';
import { writeNoisy } from '../helpers/photographs';
import { serve } from '../helpers/served-library';
import { tinyFiles } from '../helpers/served-model';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const inBrowser = testUnless(noBrowser);
let browser: Browser;
let hub: LoopbackHub;

test.before(async () => {
  if (noBrowser !== undefined) return;
  browser = await openBrowser();
  hub = await LoopbackHub.start();
  hub.publish('Xenova/clip-vit-base-patch32', { files: tinyFiles() });
  process.env['HF_ENDPOINT'] = hub.endpoint;
  process.env['HF_HUB_CACHE'] = makeTempDir('hub-cache');
});
test.after(async () => {
  if (noBrowser !== undefined) return;
  await browser.close();
  await hub.close();
});

async function visit(root: string, body: (page: Page) => Promise<void>): Promise<void> {
  await using library = await openLibrary(root);
  await library.sync();
  const server = await serve(library);
  const { page, troubles, close } = await openPage(browser);
  try {
    await page.goto(`${server.url}/?q=a+cat`);
    await page.waitForSelector('.tile img.ready');
    await body(page);
    assert.equal(troubles, []);
  } finally {
    await close();
    await server.close();
  }
}

inBrowser('on photographs the button gets the model, and searches use it', async () => {
  const root = makeTempDir('photographs');
  for (let i = 0; i < 6; i++) await writeNoisy(path.join(root, `${i}.jpg`), i);
  await visit(root, async (page) => {
    await until(
      page,
      `/photographs \\([\\d.]+ [kM]?B\\)$/.test(document.querySelector('#hint .take')?.textContent)`,
    );
    // First the hub refuses: what went wrong is said, and the same line tries again.
    hub.faults.push({ path: /clip-vit-base-patch32/, times: 1, status: 404 });
    await page.click('#hint .take');
    await page.waitForSelector('#sync.trouble');
    assert.match((await page.textContent('#sync')) ?? '', /not changed: .* \(ERR_MODEL_MISSING\)/);
    assert.ok(await page.isVisible('#hint .take'));
    // Then the download stands still, so that the page can be seen in its middle.
    hub.faults.push({ path: /\/store\//, times: 1, stallsAfter: 500 });
    await page.click('#sync button');
    await hub.stalled;
    await page.waitForSelector('#sync progress');
    await until(
      page,
      `/Getting the model.*: .* of /.test(document.querySelector('#sync').textContent)`,
    );
    assert.ok(await page.isVisible('#hint'));
    assert.is(await page.locator('#hint .take').count(), 0, 'once is enough');
    hub.cutOff();
    await page.waitForSelector('#hint', { state: 'hidden' });
    await page.waitForSelector('#sync', { state: 'hidden' });
    await page.waitForSelector('.tile img.ready');
    const health = await page.evaluate(`fetch('./health').then((answer) => answer.json())`);
    assert.match((health as { model: string }).model, /clip-vit-base-patch32/);
  });
});

inBrowser('on drawn pictures there is neither note nor button', async () => {
  const root = makeTempDir('drawn');
  await drawPictures(root, 4);
  await visit(root, async (page) => {
    assert.ok(await page.isHidden('#hint'));
    assert.is(await page.locator('.take').count(), 0);
  });
});

test.run();
