// What needs to know the data: the mock's shop has a firing alert, a chat message, and records that are hostile.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, serve, visit as look } from './browser.mjs';

let site;
let browser;

before(async () => {
  site = await serve('');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.stop();
});

const visit = (path, body, options) => look(browser, site.url + path, body, options);

test('a rule opens with Enter and links to its signals', () =>
  visit('/ui/alerts?state=firing', async (page) => {
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const card = page.locator('.alert-card');
    for (const name of ['Logs', 'Traces', 'Metrics']) await card.getByRole('link', { name }).waitFor();
    await card.getByRole('link', { name: 'Logs' }).click();
    await page.waitForURL(/\/ui\/logs\?.*service=payments/);
  }));

test('an alert is silenced, says so, and is let speak again', () =>
  visit('/ui/alerts?state=firing&rule=shop-errors/PaymentsErrors', async (page) => {
    await page.locator('.rule-body .chart canvas').waitFor();
    await page.getByRole('button', { name: 'Silence', exact: true }).click();
    await page.getByLabel('Why').fill('being repaired');
    await page.getByRole('dialog').getByRole('button', { name: 'Silence', exact: true }).click();
    await page.getByText(/^silenced until/).waitFor();
    await page.locator('[data-silence="active"]').getByText('being repaired').waitFor();
    await page.getByRole('button', { name: 'Expire' }).click();
    await page.locator('[data-silence="expired"]').waitFor();
    await page.getByRole('button', { name: 'Silence', exact: true }).waitFor();
  }));

test('patterns are compared with the time before, and one becomes a filter', () =>
  visit('/ui/logs?view=patterns', async (page) => {
    await page.locator('.patterns-table tbody tr').first().waitFor();
    await page.getByText(/^new \d+$/).click();
    await page.waitForURL(/change=new/);
  }));

test('the map leads to a service and to the calls between two', () =>
  visit('/ui/map', async (page) => {
    await page.locator('.graph-edge').first().dispatchEvent('click');
    await page.getByRole('link', { name: 'Traces of these calls' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.graph-node').filter({ hasText: 'payments' }).click();
    await page.waitForURL(/\/ui\/service\/payments/);
    await page.getByText('Operations').waitFor();
  }));

test('a message in the chat leads to the logs of its service and time', () =>
  visit('/ui/chat', async (page) => {
    const message = page.locator('.message').last();
    assert.equal(await message.getByRole('link', { name: 'evil' }).count(), 0);
    assert.match(await message.getByRole('link', { name: 'runbook' }).getAttribute('rel'), /noopener/);
    await message.getByRole('link', { name: 'Logs' }).click();
    await page.waitForURL((url) => url.searchParams.get('service') === 'payments' && /^\d+$/.test(url.searchParams.get('from')));
    await page.locator('[data-row]').first().waitFor();
  }));

test('data is never markup, and never a script', () =>
  visit(`/ui/logs?q=${encodeURIComponent('{service_name="frontend"} |= "<script>"')}`, async (page) => {
    await page.locator('[data-row]').first().click();
    await page.getByLabel('Details').getByText('<script>').waitFor();
    assert.equal(await page.title(), 'Logs · Signalbox');
    assert.equal(await page.locator('main script, main img').count(), 0);
    await page.goto(`${site.url}/ui/logs?q=${encodeURIComponent('{service_name="search"} |= "index refreshed"')}`);
    await page.locator('[data-row]').first().click();
    await page.getByText('javascript:document').waitFor();
    assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
    assert.equal(await page.getByRole('link', { name: 'https://example.org/runbook' }).count(), 1);
  }));
