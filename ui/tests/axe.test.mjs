// axe over every page of the table in both colour schemes: nothing it calls serious or critical. The views that a page shows only
// when asked are in the list below.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addressOf, launch, openPage, pageTable, serve, settled, someTrace } from './browser.mjs';

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
let site;
let browser;

before(async () => {
  site = await serve();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.stop();
});

/** Views of a page beside its first one. */
const VIEWS = {
  logs: ['', '?fields=1', '?view=patterns', '?view=table', '?wrap=1'],
  traces: ['', '?view=flame'],
  trace: ['', '?path=1', '?view=flame', '?view=breakdown', '?view=logs', '?view=compare'],
  metrics: ['?q=vector(1)'],
  dashboard: ['', '?edit=1'],
};

/** What axe holds against the page, one line a rule with the elements it is about. */
async function violations(page) {
  // Not as a script element: the policy of the pages allows none from elsewhere.
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.ok(found.passes.length > 10, 'axe has not looked');
  return found.violations.filter((one) => one.impact === 'serious' || one.impact === 'critical').map((one) => `${one.id} (${one.impact}): ${one.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary.split('\n')[1]?.trim()}`).join(' | ')}`);
}

for (const scheme of ['light', 'dark']) {
  test(`axe finds nothing serious on any page in ${scheme}`, async () => {
    const { page, close } = await openPage(browser, { scheme });
    const trace = await someTrace(page, site.url);
    const found = {};
    for (const row of pageTable()) {
      for (const view of VIEWS[row.key] ?? ['']) {
        const path = (row.key === 'trace' ? trace : addressOf(row)) + view;
        await page.goto(site.url + path);
        await settled(page);
        let said = await violations(page);
        // Lines that are about to be replaced are dimmed: what is wrong with the page is still wrong when they are not.
        for (let again = 0; said.length && again < 5; again++) {
          await page.waitForFunction(() => !document.querySelector('.stale'));
          said = await violations(page);
        }
        if (said.length) found[`${row.key}${view}`] = said;
      }
    }
    await close();
    assert.deepEqual(found, {});
  });
}
