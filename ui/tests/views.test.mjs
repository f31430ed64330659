// What a page can be looked at as: flame graphs, breakdowns, comparisons, exemplars, routes of notifications, the query log; and what
// can be taken away from each.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lacks, launch, search, serve, settled, someTrace, visit as look } from './browser.mjs';

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
const operations = lacks('/api/signalbox/routes');

test('a trace is shown as a flame graph, by service, and beside another one', () =>
  visit('', async (page) => {
    await page.goto(site.url + (await someTrace(page, site.url)));
    await page.locator('.span-row').first().waitFor();
    await page.getByText('Flame graph', { exact: true }).click();
    const boxes = page.locator('.flame-box');
    await boxes.nth(1).waitFor();
    await boxes.nth(1).click();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByText('Breakdown', { exact: true }).click();
    await page.getByText('Operations', { exact: true }).click();
    await page.waitForURL(/by=operation/);
    assert.ok((await page.locator('table tbody tr').count()) > 0);
    await page.getByText('Compare', { exact: true }).click();
    await page.locator('.compare tbody tr').first().waitFor();
    await page.waitForURL(/view=compare/);
  }));

test('all found traces are one flame graph', () =>
  visit('/ui/traces', async (page) => {
    await page.getByRole('button', { name: 'Flame graph' }).click();
    await page.locator('.flame-box').nth(1).waitFor();
    assert.match((await page.locator('.flame-box').first().textContent()) ?? '', /^\d+ traces/);
  }));

test('an exemplar leads to its trace', { skip: process.env.SIGNALBOX_URL && 'needs metrics with exemplars' }, () =>
  visit(`/ui/metrics?from=now-15m&q=${encodeURIComponent('histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket[1m])))')}`, async (page) => {
    await page.locator('.exemplar').first().waitFor();
    await page.locator('.exemplar').first().focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/ui\/trace\/[0-9a-f]{32}/);
    await page.locator('.span-row').first().waitFor();
  }));

test('the tree of routes says where an alert would go', { skip: operations }, () =>
  visit('/ui/alerts', async (page) => {
    const box = page.getByLabel('Where would an alert with these labels go?');
    await box.fill('alertname="PaymentsErrors", severity="critical", service_name="payments"');
    await box.press('Enter');
    await page.locator('.route[data-takes]').waitFor();
    assert.match((await page.locator('.route-answer').textContent()) ?? '', /goes to/);
    await box.fill('nonsense');
    await box.press('Enter');
    await page.getByText('nonsense is no matcher').waitFor();
  }));

test('a receiver is tested, and says what came of it', { skip: operations || (process.env.SIGNALBOX_URL && 'would send messages') }, () =>
  visit('/ui/alerts', async (page) => {
    await page.getByRole('button', { name: 'Send a test to payments-team' }).click();
    await page.getByText('✓ webhook took it').waitFor();
    await page.getByText(/email: the server <mail\.example> refused the sender/).waitFor();
  }));

test('the query log shows what was asked, and leads to it', { skip: operations }, () =>
  visit('/ui/logs', async (page) => {
    await page.locator('[data-row]').first().waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await page.getByText('Newest', { exact: true }).click();
    await page.waitForURL(/queries=recent/);
    await page.getByRole('link', { name: /service_name=~/ }).first().click();
    await page.waitForURL(/\/ui\/logs\?/);
    assert.ok(search(page).get('q'));
  }));

test('the configuration in force is shown without secrets', () =>
  visit('/ui/status', async (page) => {
    const config = page.locator('pre.config');
    await config.waitFor();
    assert.doesNotMatch((await config.textContent()) ?? '', /sha256: "?[0-9a-f]{16}/);
  }));

test('logs, traces, a trace and a panel are copied as curl', () =>
  visit('/ui/logs', async (page) => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const copied = async (menu, path) => {
      await menu.click();
      await page.getByRole('menuitem', { name: 'Copy as curl' }).click();
      const text = await page.evaluate(() => navigator.clipboard.readText());
      assert.match(text, /^curl '/);
      assert.ok(text.includes(path), text);
      assert.equal((await fetch(text.slice(6, -1).replaceAll("'\\''", "'"))).status, 200);
    };
    await page.locator('[data-row]').first().waitFor();
    await copied(page.getByLabel('Download and copy'), '/loki/api/v1/query_range');
    await page.goto(`${site.url}/ui/traces`);
    await settled(page);
    await copied(page.getByLabel('Share and open'), '/api/search');
    await page.goto(site.url + (await someTrace(page, site.url)));
    await settled(page);
    await copied(page.getByLabel('Share and open'), '/api/v2/traces/');
    await page.goto(`${site.url}/ui/dashboards/services`);
    const panel = page.locator('.dash-panel[data-type="timeseries"]').first();
    await panel.hover();
    await copied(panel.locator('.dash-menu'), '/api/v1/query_range');
  }));

test('a query that takes long is stopped', () =>
  visit('', async (page) => {
    await page.route((url) => url.pathname.endsWith('/query_range'), () => undefined);
    await page.goto(`${site.url}/ui/metrics?q=vector(1)`);
    const given = page.waitForEvent('requestfailed', (request) => request.url().includes('/query_range'));
    await page.getByRole('button', { name: /^Stop, / }).click();
    assert.equal((await given).failure()?.errorText, 'net::ERR_ABORTED');
  }));
