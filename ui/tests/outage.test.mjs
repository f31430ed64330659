// The demo's first outages as a newcomer sees them: the shop breaks, the alert is in the chat once, and from there it is one click to
// the logs and one to the traces of it. Needs `signalbox demo`, started for this test: the outage comes 45 s after the start.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, settled, visit as look } from './browser.mjs';

const OUTAGE_MS = 180_000;
const TITLE = 'Firing: ReviewDown (review)';
const url = process.env.SIGNALBOX_URL;
let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

async function fires(name) {
  const { data } = await (await fetch(`${url}/api/v1/alerts`)).json();
  return data.alerts.some((alert) => alert.labels.alertname === name && alert.state === 'firing');
}

test('an outage is told in chat, once, and leads to its logs and traces', { skip: !url && 'needs a demo' }, () =>
  look(browser, `${url}/ui/chat`, async (page) => {
    const message = page.locator('.message').filter({ hasText: TITLE });
    await message.first().waitFor({ timeout: OUTAGE_MS });
    assert.equal(await message.count(), 1);

    // It lasts a minute: on a slow machine it may be over by now.
    await page.goto(`${url}/ui/`);
    const home = page.locator('main').getByText('ReviewDown').first();
    for (;;) {
      const looked = await home.waitFor({ timeout: 1_000 }).then(() => true, () => false);
      if (looked || !(await fires('ReviewDown'))) break;
    }
    await page.goto(`${url}/ui/alerts`);
    await settled(page);
    await page.getByText('ReviewDown', { exact: true }).first().waitFor();
    assert.equal(await page.locator('tr').filter({ hasText: TITLE }).count(), 1, 'one notification, not one each for sent and arrived');

    await page.goto(`${url}/ui/chat`);
    // What the message says may have links to the same.
    const links = message.locator('.message-links');
    await links.getByRole('link', { name: 'Logs' }).click();
    await page.waitForURL(/\/ui\/logs\?/);
    await page.locator('[data-row]').filter({ hasText: /review/i }).first().waitFor();

    await page.goto(`${url}/ui/chat`);
    await links.getByRole('link', { name: 'Traces' }).click();
    await page.waitForURL(/\/ui\/traces\?/);
    await page.locator('a.row-target').first().click();
    await page.waitForURL(/\/ui\/trace\/[0-9a-f]{32}/);
    await page.locator('.span-row .error-count').first().waitFor();
  }));

test('from the second outage to the line behind it in four clicks', { skip: !url && 'needs a demo' }, () =>
  look(browser, `${url}/ui/`, async (page) => {
    // Home is live: the alert is there when it fires, two and a half minutes after the start.
    const service = page.locator('.firing li').filter({ hasText: 'PaymentsErrors' }).getByRole('link', { name: 'payments' });
    await service.click({ timeout: 2 * OUTAGE_MS });
    await page.waitForURL(/\/ui\/service\/payments/);
    const failing = page.locator('.panel').filter({ has: page.getByRole('heading', { name: 'Failing traces' }) });
    await failing.locator('tbody a').first().click();
    await page.waitForURL(/\/ui\/trace\/[0-9a-f]{32}/);
    await page.getByText(/^Logs \(\d+\)$/).click();
    await page.locator('.trace-lines .line[data-severity="error"]').first().click();
    await page.getByLabel('Details', { exact: true }).waitFor();
  }));
