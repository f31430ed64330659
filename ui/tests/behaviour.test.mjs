// What a reader does: keyboard, deep links, going back, details, filters; and what the app does when the server fails.
// Holds for any server with data; what needs known answers is in known.test.mjs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addressOf, launch, overflow, pageTable, search, serve, settled, someTrace, visit as look } from './browser.mjs';

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

test('g and a letter goes to each page, ? shows the keys, Escape closes them', () =>
  visit('/ui/', async (page) => {
    for (const row of pageTable().filter((one) => one.shortcut)) {
      await page.keyboard.press('g');
      await page.keyboard.press(row.shortcut);
      await page.waitForURL((url) => url.pathname.replace(/\/$/, '') === `/ui${row.path}`.replace(/\/$/, ''));
    }
    await page.keyboard.press('?');
    await page.getByRole('dialog').getByText('Go to the search box').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }));

test('/ focuses the search box of a page, Escape leaves it', () =>
  visit('/ui/logs', async (page) => {
    await page.locator('[data-search]').waitFor();
    await page.keyboard.press('/');
    await page.waitForFunction(() => document.activeElement?.hasAttribute('data-search'));
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.activeElement?.hasAttribute('data-search'));
    await page.keyboard.press('g');
    await page.keyboard.press('m');
    await page.locator('.cm-content[data-search]').waitFor();
    await page.keyboard.press('/');
    await page.waitForFunction(() => document.activeElement?.classList.contains('cm-content'));
  }));

test('arrows and Enter open a line, Escape closes it', () =>
  visit('/ui/logs', async (page) => {
    await page.locator('[data-row]').first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.locator('[data-row][data-active]').count(), 1);
    await page.keyboard.press('Enter');
    await page.getByLabel('Details').getByText('Attributes').waitFor();
    assert.ok(search(page).get('line'));
    await page.keyboard.press('Escape');
    await page.getByLabel('Details').waitFor({ state: 'detached' });
    assert.equal(search(page).get('line'), null);
  }));

test('a typed filter stands in the URL; back and forward undo and redo it', () =>
  visit('/ui/logs?from=now-30m', async (page) => {
    await page.getByLabel('Text').fill('error');
    await page.keyboard.press('Enter');
    await page.waitForURL(/text=error/);
    await page.getByRole('combobox', { name: 'Level' }).click();
    await page.getByRole('option', { name: 'Error and worse' }).click();
    await page.waitForURL(/level=error/);
    await page.goBack();
    await page.waitForURL((url) => !url.searchParams.has('level') && url.searchParams.get('text') === 'error');
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('input[data-search]')?.value === '');
    await page.goForward();
    await page.waitForFunction(() => document.querySelector('input[data-search]')?.value === 'error');
    assert.equal(search(page).get('from'), 'now-30m');
  }));

test('LogQL starts from the filters and survives a reload', () =>
  visit('/ui/logs?service=payments&level=error', async (page) => {
    await page.getByRole('button', { name: 'LogQL', exact: true }).click();
    await page.waitForURL(/q=/);
    assert.equal(search(page).get('q'), '{service_name="payments"} | detected_level=~"error|fatal|critical"');
    await page.reload();
    await settled(page);
    await page.waitForFunction((wanted) => document.querySelector('.cm-content')?.textContent === wanted, search(page).get('q'));
  }));

test('an attribute becomes a filter, and the chip takes it away', () =>
  visit('/ui/logs', async (page) => {
    await page.locator('[data-row]').first().click();
    const key = await page.locator('.attrs tr').filter({ hasText: 'trace_id' }).locator('td').first().textContent();
    await page.getByLabel(`Only ${key} with this value`).click();
    await page.waitForURL(/terms=/);
    await page.locator('.terms .chip').waitFor();
    await page.locator('.terms .chip button').click();
    await page.waitForURL((url) => !url.searchParams.has('terms'));
  }));

test('from a line to its trace, to a span, and to the logs of the trace', () =>
  visit('/ui/logs', async (page) => {
    await page.locator('[data-row]').first().click();
    await page.getByRole('link', { name: 'Open trace' }).click();
    await page.waitForURL(/\/ui\/trace\/[0-9a-f]{32}/);
    await page.getByLabel('Details').getByText('Resource').waitFor();
    await page.getByText(/^Logs \(\d+\)$/).first().click();
    await page.waitForURL(/view=logs/);
    await page.locator('.trace-lines [data-row]').first().waitFor();
  }));

test('a bar of the histogram zooms into its time', () =>
  visit('/ui/logs', async (page) => {
    await page.locator('.bar').nth(3).click({ force: true });
    await page.waitForURL((url) => /^\d+$/.test(url.searchParams.get('from') ?? ''));
    await page.goBack();
    await page.waitForURL((url) => !url.searchParams.has('from'));
  }));

test('the time range follows from page to page', () =>
  visit('/ui/?from=now-3h', async (page) => {
    await page.getByRole('button', { name: 'Time range' }).getByText('Last 3 hours').waitFor();
    await page.getByRole('link', { name: 'Traces', exact: true }).first().click();
    await page.waitForURL(/\/ui\/traces\?.*from=now-3h/);
    await page.getByRole('button', { name: 'Time range' }).click();
    await page.getByRole('button', { name: 'Last 5 minutes' }).click();
    await page.waitForURL(/from=now-5m/);
  }));

test('Home and Logs take in new data without a reload', () =>
  visit('/ui/logs', async (page) => {
    await page.locator('.live[data-on="true"]').waitFor();
    const before = await page.locator('.line-time').first().textContent();
    await page.waitForFunction((old) => document.querySelector('.line-time')?.textContent !== old, before);
    await page.goto(`${site.url}/ui/`);
    await settled(page);
    const asked = page.waitForRequest((request) => request.url().includes('/api/signalbox/services'));
    await asked;
  }));

test('live tail shows lines as they come', () =>
  visit('/ui/logs?tail=1', async (page) => {
    await page.locator('[data-row]').first().waitFor();
    const before = await page.locator('.line-time').first().textContent();
    await page.waitForFunction((old) => document.querySelector('.line-time')?.textContent !== old, before);
  }));

test('a metric is picked, drawn, and its legend hides it', () =>
  visit('/ui/metrics', async (page) => {
    await page.locator('.metric-name').nth(2).click();
    await page.waitForURL(/q=/);
    await page.locator('.chart canvas, [data-state="empty"]').first().waitFor();
    if (await page.locator('.chart canvas').count()) {
      await page.locator('.legend-button').first().click();
      assert.equal(await page.locator('tr[data-hidden="true"]').count(), 1);
    }
  }));

test('the editor completes names, marks mistakes, and runs with Enter', () =>
  visit('/ui/metrics', async (page) => {
    await page.locator('.cm-content').click();
    await page.keyboard.type('sum by (');
    await page.locator('.cm-lintRange').first().waitFor();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('vector(1)', { delay: 5 });
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Enter');
    await page.waitForURL((url) => url.searchParams.get('q') === 'vector(1)');
  }));

const FAILING = '**/{api,loki}/**';

for (const row of pageTable()) {
  const path = addressOf(row).slice('/ui'.length) + (row.key === 'metrics' ? '?q=up' : '');

  test(`${row.key} says when the server fails, and recovers`, () =>
    visit(
      '',
      async (page) => {
        await page.route(FAILING, (route) => route.fulfill({ status: 500, contentType: 'text/plain', body: 'disk on fire' }));
        await page.goto(`${site.url}/ui${path}`);
        await page.getByText('disk on fire').first().waitFor();
        assert.deepEqual(await overflow(page), []);
        await page.unroute(FAILING);
        if (row.key !== 'trace') {
          await page.keyboard.press('r');
          // Each part that failed has a button of its own.
          const recovered = () => {
            document.querySelectorAll('main [data-state="error"] button').forEach((button) => button.click());
            return !document.querySelector('main [data-state="error"]');
          };
          await page.waitForFunction(recovered, undefined, { polling: 500 });
        }
      },
      { allow: [/status of (500|404)/], width: 800 },
    ));

  test(`${row.key} is calm when there is nothing`, () =>
    visit(
      '',
      async (page) => {
        await page.route(FAILING, (route) => route.fulfill({ status: 200, contentType: 'application/json', body: JSON.stringify(emptyAnswer(new URL(route.request().url()).pathname)) }));
        await page.goto(`${site.url}/ui${path}`);
        await settled(page);
        assert.equal(await page.locator('[data-state="error"]').count(), 0);
        if (row.key !== 'status') await page.locator('[data-state="empty"]').first().waitFor();
        assert.deepEqual(await overflow(page), []);
      },
      { width: 800 },
    ));
}

function emptyAnswer(path) {
  if (path.startsWith('/loki/')) return { status: 'success', data: path.endsWith('query_range') ? { resultType: 'streams', result: [] } : [] };
  if (path.endsWith('/rules')) return { status: 'success', data: { groups: [] } };
  if (path.endsWith('/alerts')) return { status: 'success', data: { alerts: [] } };
  if (path.endsWith('/query_range')) return { status: 'success', data: { resultType: 'matrix', result: [] } };
  if (path.startsWith('/api/v1/')) return { status: 'success', data: path.endsWith('metadata') ? {} : [] };
  if (path.startsWith('/api/v2/traces/')) return { trace: {} };
  if (path === '/api/v2/silences') return [];
  if (path.startsWith('/api/signalbox/')) return { services: [], channels: [], messages: [], version: '0', ready: true, tenants: [] };
  return { traces: [] };
}

test('a 401 asks for a token and sends it', () =>
  visit(
    '',
    async (page) => {
      await page.route(FAILING, async (route) => {
        if (route.request().headers().authorization === 'Bearer s3cret') await route.continue();
        else await route.fulfill({ status: 401, contentType: 'text/plain', body: 'token missing' });
      });
      await page.goto(`${site.url}/ui/`);
      await page.getByText('This server wants a token').waitFor();
      await page.getByLabel('Bearer token').fill('s3cret');
      await page.getByRole('button', { name: 'Use' }).click();
      await page.locator('tbody [data-row]').first().waitFor();
      assert.equal(await page.evaluate(() => localStorage.getItem('signalbox.token')), null);
    },
    { allow: [/status of 401/] },
  ));

test('the chosen colours stay', () =>
  visit('/ui/', async (page) => {
    const scheme = () => page.evaluate(() => document.documentElement.getAttribute('data-mantine-color-scheme'));
    assert.equal(await scheme(), 'light');
    await page.getByLabel('Colours: as the system').click();
    await page.getByLabel('Colours: light').click();
    assert.equal(await scheme(), 'dark');
    await page.reload();
    assert.equal(await scheme(), 'dark');
  }));

test('an unknown address says so', () =>
  visit('/ui/nowhere/at/all', async (page) => {
    await page.getByText('There is no such page').waitFor();
  }));

test('a trace opens with its span selected by the address', () =>
  visit('', async (page) => {
    const trace = await someTrace(page, site.url);
    await page.goto(site.url + trace);
    await settled(page);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(/span=[0-9a-f]{16}/);
    await page.reload();
    await page.getByLabel('Details').getByText('Resource').waitFor();
  }));
