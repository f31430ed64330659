// Ways through several pages: from an alert to the line behind it, brushing to compare, keyboard only, silences, the palette.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addressOf, lacks, launch, pageTable, search, serve, settled, visit as look } from './browser.mjs';

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

const visit = (path, body, options) => look(browser, path && site.url + path, body, options);

async function drag(page, box, from, to) {
  const at = await box.boundingBox();
  const point = ([x, y]) => [at.x + at.width * x, at.y + at.height * y];
  await page.mouse.move(...point(from));
  await page.mouse.down();
  await page.mouse.move(...point(to), { steps: 5 });
  await page.mouse.up();
}

test('the palette goes to pages, services and searches by keyboard alone', { skip: lacks('/api/signalbox/map') }, () =>
  visit('/ui/', async (page) => {
    await page.keyboard.press('Control+k');
    const box = page.getByRole('combobox', { name: 'Command' });
    await box.fill('service map');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/ui\/map/);
    await page.keyboard.press('Control+k');
    await box.fill('payments');
    // Until the services are known there is the search for the word only.
    await page.getByRole('option').filter({ hasText: 'Service' }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/ui\/service\/payments/);
    await page.keyboard.press('Control+k');
    await box.fill('xyzzy');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/ui\/logs\?.*text=xyzzy/);
  }));

test('logs are searched, opened and left by keyboard alone', () =>
  visit('/ui/', async (page) => {
    await page.keyboard.press('g');
    await page.keyboard.press('l');
    await page.locator('[data-row]').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('order');
    await page.keyboard.press('Enter');
    await page.waitForURL(/text=order/);
    await settled(page);
    // Keys of a row need rows: those of the search.
    await page.locator('[data-row]').filter({ hasText: /order/i }).first().waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByLabel('Details', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByLabel('Details', { exact: true }).waitFor({ state: 'detached' });
    await page.keyboard.press('[');
    await page.waitForURL(/from=\d+/);
  }));

test('a drag over the histogram of logs chooses its time', () =>
  visit('/ui/logs', async (page) => {
    await drag(page, page.locator('.histogram-plot svg'), [0.4, 0.5], [0.7, 0.5]);
    await page.waitForURL((url) => /^\d+$/.test(url.searchParams.get('from') ?? '') && /^\d+$/.test(url.searchParams.get('to') ?? ''));
    const span = Number(search(page).get('to')) - Number(search(page).get('from'));
    assert.ok(span > 200_000 && span < 400_000, String(span));
  }));

test('a field shows its most frequent values, becomes a column, and a value becomes a filter', () =>
  visit('/ui/logs?fields=1', async (page) => {
    const fields = page.getByLabel('Fields', { exact: true });
    await fields.getByLabel('Find a field').fill('service_name');
    await fields.getByRole('button', { name: 'Column service_name', exact: true }).click();
    await page.waitForURL(/cols=service_name/);
    await fields.getByRole('button', { name: /^service_name/ }).first().click();
    const value = fields.locator('.top-values button').first();
    const name = (await value.locator('span').first().textContent()) ?? '';
    await value.click();
    await page.waitForURL((url) => url.searchParams.get('service') === name);
  }));

test('the lines around a line are shown beside it', () =>
  visit('/ui/logs', async (page) => {
    await page.locator('[data-row]').nth(3).click();
    await page.getByLabel('Details').getByRole('button', { name: 'Show' }).click();
    await page.locator('.context [data-here]').first().waitFor();
    assert.ok((await page.locator('.context li').count()) > 3);
  }));

test('lines are downloaded as CSV', () =>
  visit('/ui/logs?from=now-5m', async (page) => {
    await page.locator('[data-row]').first().waitFor();
    await page.getByLabel('Download and copy').click();
    const waited = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: 'Download CSV' }).click();
    const file = await waited;
    assert.equal(file.suggestedFilename(), 'logs.csv');
  }));

test('a stretch of the scatter is chosen and narrows the list', { skip: lacks('/api/signalbox/difference') }, () =>
  visit('/ui/traces', async (page) => {
    await page.locator('.dot').first().waitFor();
    const all = await page.locator('[data-row]').count();
    await drag(page, page.locator('.scatter svg'), [0.3, 0.02], [0.7, 0.9]);
    await page.waitForURL(/sel=/);
    await page.getByText(/^\d+ traces chosen$/).waitFor();
    await page.getByLabel('What is different').waitFor();
    await page.waitForFunction((before) => document.querySelectorAll('[data-row]').length < before, all);
    await page.getByRole('button', { name: 'Take away' }).click();
    await page.waitForURL((url) => !url.searchParams.has('sel'));
  }));

test('a stretch of the durations is chosen, and says what is different', { skip: lacks('/api/signalbox/difference') }, () =>
  visit('/ui/traces', async (page) => {
    await page.locator('.durations .bar').first().waitFor();
    const all = await page.locator('[data-row]').count();
    await drag(page, page.locator('.durations svg'), [0.5, 0.3], [0.999, 0.3]);
    await page.waitForURL(/sel=/);
    await page.getByLabel('What is different').waitFor();
    await page.waitForFunction((before) => document.querySelectorAll('[data-row]').length < before, all);
    assert.ok((await page.locator('[data-row]').count()) > 0);
  }));

test('in a trace one searches, folds, and sees what took the time', () =>
  visit('/ui/traces', async (page) => {
    await page.locator('a.row-target').nth(2).click();
    await page.waitForURL(/\/ui\/trace\//);
    await page.locator('.span-row').first().waitFor();
    await page.getByRole('button', { name: 'Critical path' }).click();
    await page.locator('.span-path').first().waitFor();
    await page.locator('.path-sums .chip').first().waitFor();
    await page.getByLabel('Find in this trace').fill('zzz-not-there');
    await page.keyboard.press('Enter');
    await page.getByText(/^0 of \d+ spans$/).waitFor();
    const rows = await page.locator('.span-row').count();
    await page.getByRole('button', { name: 'Collapse all' }).click();
    if (rows > 1) await page.waitForFunction((before) => document.querySelectorAll('.span-row').length < before, rows);
  }));

test('two queries are drawn together, as a table, and a mistake is shown where it is', () =>
  visit('/ui/metrics?q=vector(1)&q2=vector(2)', async (page) => {
    await page.locator('.chart canvas').waitFor();
    assert.equal(await page.locator('table.series tbody tr').count(), 2);
    await page.getByRole('button', { name: 'Query B', exact: true }).click();
    await page.waitForFunction(() => document.querySelectorAll('table.series tbody tr').length === 1);
    await page.getByText('Table', { exact: true }).click();
    await page.locator('.viz-table-row').first().waitFor();
  }));

test('a mistake in PromQL is shown with its place', () =>
  visit(
    '/ui/metrics?q=sum(rate(x[1m])',
    async (page) => {
      await page.locator('[data-state="error"]').waitFor();
      await page.locator('.mistake mark').waitFor();
    },
    { allow: [/status of 400/] },
  ));

test('from an outage to the line behind it in four clicks', { skip: lacks('/api/signalbox/map') || (process.env.SIGNALBOX_URL && 'outage.test.mjs waits for a real one') }, () =>
  visit('/ui/', async (page) => {
    await page.locator('.firing li').filter({ hasText: 'PaymentsErrors' }).getByRole('link', { name: 'payments' }).click();
    await page.waitForURL(/\/ui\/service\/payments/);
    const failing = page.locator('.panel').filter({ has: page.getByRole('heading', { name: 'Failing traces' }) });
    await failing.locator('tbody a').first().click();
    await page.waitForURL(/\/ui\/trace\/[0-9a-f]{32}/);
    await page.getByText(/^Logs \(\d+\)$/).click();
    const line = page.locator('.trace-lines .line[data-severity="error"]').first();
    await line.click();
    await page.getByLabel('Details', { exact: true }).waitFor();
  }));

test('every page gives its link, its queries and its requests away', () =>
  visit('/ui/', async (page) => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    for (const row of pageTable().filter((one) => one.shortcut)) {
      await page.goto(site.url + addressOf(row));
      await settled(page);
      await page.getByRole('button', { name: 'Share', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Copy link' }).waitFor();
      await page.getByRole('menuitem', { name: /^Copy as curl/ }).first().click();
      const text = await page.evaluate(() => navigator.clipboard.readText());
      assert.match(text, /^curl 'http/, row.key);
    }
    await page.goto(`${site.url}/ui/logs`);
    await settled(page);
    await page.getByRole('button', { name: 'Share', exact: true }).click();
    await page.getByRole('menuitem', { name: /^LogQL \{service_name/ }).first().click();
    await page.waitForURL((url) => url.searchParams.has('q'));
  }));

test('a rule is made, is evaluated, gets another name and is deleted', async (t) => {
  if (!site.real) return t.skip('the mock keeps no rules');
  await visit('/ui/alerts', async (page) => {
    const dialog = page.getByRole('dialog');
    const saved = () => dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'New rule' }).click();
    await dialog.getByRole('button', { name: 'Save rule' }).click();
    await dialog.getByText('an alert has a name').waitFor();
    await dialog.getByLabel('Name').fill('MadeHere');
    await dialog.getByLabel('Looked at every').fill('1s');
    await dialog.getByLabel('Fires for what this finds').fill('vector(7) > 3');
    await dialog.getByLabel('Summary').click();
    await dialog.locator('.chart canvas').waitFor();
    await dialog.getByRole('button', { name: 'Save rule' }).click();
    await saved();
    const row = (name) => page.locator('.rule').filter({ has: page.getByText(name, { exact: true }) });
    await row('MadeHere').filter({ hasText: 'firing' }).waitFor();
    await row('MadeHere').locator('.rule-head').click();
    await page.getByRole('button', { name: 'Edit rule' }).click();
    await dialog.getByLabel('Name').fill('MadeBetter');
    await dialog.getByRole('button', { name: 'Save rule' }).click();
    await saved();
    await row('MadeBetter').waitFor();
    await row('MadeHere').waitFor({ state: 'detached' });
    await row('MadeBetter').locator('.rule-head').click();
    await page.getByRole('button', { name: 'Edit rule' }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await saved();
    await row('MadeBetter').waitFor({ state: 'detached' });
  });
});

test('an expression that cannot be read is refused with its place, and the form stays', async (t) => {
  if (!site.real) return t.skip('the mock keeps no rules');
  await visit(
    '/ui/alerts',
    async (page) => {
      await page.getByRole('button', { name: 'New rule' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('Broken');
      await dialog.getByLabel('Fires for what this finds').fill('rate(');
      await dialog.getByRole('button', { name: 'Save rule' }).click();
      await dialog.getByRole('alert').filter({ hasText: /parse error|rate\(/ }).waitFor();
      assert.equal(await dialog.getByLabel('Name').inputValue(), 'Broken');
    },
    { allow: [/status of 400/, /status of 4\d\d/] },
  );
});
