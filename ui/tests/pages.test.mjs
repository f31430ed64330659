// Every page of the table, in both colour schemes and two widths: it draws, complains of nothing, and does not scroll sideways.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibility } from './accessible.mjs';
import { addressOf, launch, openPage, overflow, pageTable, serve, settled, someTrace } from './browser.mjs';

const shots = process.env.SHOTS;
let site;
let browser;

before(async () => {
  site = await serve();
  browser = await launch();
  if (shots) mkdirSync(shots, { recursive: true });
});

after(async () => {
  await browser?.close();
  site?.stop();
});

test('the table of pages is read', () => {
  assert.ok(pageTable().length >= 8);
});

for (const scheme of ['light', 'dark']) {
  for (const width of [800, 1440]) {
    test(`all pages in ${scheme} at ${width} pixels`, async () => {
      const { page, problems, close } = await openPage(browser, { width, scheme });
      const trace = await someTrace(page, site.url);
      for (const row of pageTable()) {
        await page.goto(site.url + (row.key === 'trace' ? trace : `${addressOf(row)}${EXAMPLES[row.key] ?? ''}`));
        await settled(page);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 150))));
        if (shots) await page.screenshot({ path: join(shots, `${row.key}-${scheme}-${width}.png`) });
        assert.equal(await page.locator('.topbar h1').textContent(), row.title);
        assert.deepEqual(await overflow(page), [], row.key);
        assert.equal(await page.locator('[data-state="error"]').count(), 0, `${row.key} shows an error`);
        assert.deepEqual(problems, [], row.key);
        if (width === 1440) assert.deepEqual(await accessibility(page), [], row.key);
      }
      await close();
    });
  }
}

/** Pages that show nothing until they are asked. */
const EXAMPLES = { metrics: process.env.SIGNALBOX_URL ? '?q=process_uptime_seconds' : '?q=up' };
