// Dashboards: import as Grafana exports, edit, save, reload, undo a version; what ships shows data.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, search, serve, settled, visit as look } from './browser.mjs';

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

/** What an old Grafana wrote: rows, a graph, an input for the data source, and a title that is hostile. */
const OLD = {
  __inputs: [{ name: 'DS_PROM', type: 'datasource', pluginId: 'prometheus' }],
  title: 'Imported <b onclick="alert(1)">old</b>',
  schemaVersion: 14,
  templating: { list: [{ name: 'job', type: 'custom', query: 'a,b,c', multi: true, includeAll: true, current: { value: ['$__all'] } }] },
  rows: [
    { title: 'Numbers', showTitle: true, height: 200, panels: [{ id: 1, type: 'singlestat', span: 4, title: 'One', datasource: '${DS_PROM}', format: 'percent', targets: [{ expr: 'vector(42)', refId: 'A' }] }, { id: 2, type: 'graph', span: 8, title: 'Line for $job', datasource: '${DS_PROM}', targets: [{ expr: 'vector(7)', refId: 'A', legendFormat: 'seven' }] }] },
    { title: 'Other', showTitle: true, panels: [{ id: 3, type: 'text', span: 6, mode: 'markdown', content: '**bold** <script>alert(1)</script> [bad](javascript:alert(1)) [good](/ui/logs)' }, { id: 4, type: 'worldmap', span: 6, title: 'Map', targets: [] }] },
  ],
};

test('an old export is imported with a report, shows data, is edited, saved, reloaded and taken back', () =>
  visit('/ui/dashboards?import=1', async (page) => {
    const uid = 'imported-b-onclick-alert-1-old-b';
    await page.getByLabel('Dashboard JSON').fill('{"no":1}');
    await page.getByText('it is no Grafana dashboard').waitFor();
    await page.getByLabel('Dashboard JSON').fill(JSON.stringify(OLD));
    await page.getByText('there is no panel of the type worldmap').waitFor();
    await page.getByText('3 exact (75 %)').waitFor();
    await page.getByRole('button', { name: 'Import', exact: true }).last().click();
    await page.waitForURL(new RegExp(`/ui/dashboards/${uid}`));
    await page.locator('[data-panel="1"] .viz-stat-value').getByText('42%').waitFor();
    await page.locator('[data-panel="2"] canvas').waitFor();
    assert.equal(await page.locator('[data-panel="3"] b').textContent(), 'bold');
    assert.equal(await page.locator('main script, main a[href^="javascript"]').count(), 0);

    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.locator('[data-panel="1"]').hover();
    await page.getByRole('button', { name: 'Menu of One' }).click();
    await page.getByRole('menuitem', { name: 'Duplicate' }).click();
    await page.getByRole('region', { name: 'One (copy)' }).waitFor();
    await page.getByRole('button', { name: /^Move One with the arrow keys/ }).focus();
    await page.keyboard.press('Shift+ArrowDown');
    await page.getByText('not saved').waitFor();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByLabel('What changed').fill('one more');
    await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('not saved').waitFor({ state: 'detached' });
    await page.goto(`${site.url}/ui/dashboards/${uid}`);
    await page.getByRole('region', { name: 'One (copy)' }).waitFor();

    await page.getByLabel('More of this dashboard').click();
    await page.getByRole('menuitem', { name: 'Versions' }).click();
    await page.getByRole('dialog').getByText('one more').first().waitFor();
    await page.getByRole('button', { name: 'Compare' }).first().click();
    await page.locator('.diff [data-sign="+"]').first().waitFor();
    await page.getByRole('button', { name: 'Restore' }).first().click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('region', { name: 'One (copy)' }).waitFor({ state: 'detached' });
  }));

test('a panel is dragged to another place', () =>
  visit('/ui/dashboards/services?edit=1&from=now-15m', async (page) => {
    const head = page.locator('[data-panel="1"] .dash-head h2');
    await head.waitFor();
    const before = await page.locator('.dash-cell:has([data-panel="1"])').boundingBox();
    const at = await head.boundingBox();
    await page.mouse.move(at.x + 5, at.y + 5);
    await page.mouse.down();
    await page.mouse.move(at.x + 300, at.y + 5, { steps: 6 });
    await page.mouse.up();
    const after = await page.locator('.dash-cell:has([data-panel="1"])').boundingBox();
    assert.ok(after.x > before.x + 100, `${before.x} -> ${after.x}`);
    await page.keyboard.press('Control+z');
    await page.waitForFunction((x) => Math.abs(document.querySelector('.dash-cell:has([data-panel="1"])').getBoundingClientRect().x - x) < 2, before.x);
  }));

test('a panel is edited: its title, its type and its query', () =>
  visit('/ui/dashboards/services?edit=1&editPanel=1&from=now-15m', async (page) => {
    await page.getByLabel('Title').fill('Renamed');
    await page.getByRole('region', { name: 'Renamed' }).waitFor();
    await page.locator('.query-row .cm-content').first().click();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('vector(3)', { delay: 5 });
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Enter');
    await page.locator('.viz-stat-value').getByText(/^3/).waitFor();
    await page.getByRole('button', { name: 'Back to the dashboard' }).click();
    await page.waitForFunction(() => !new URL(location.href).searchParams.has('editPanel'));
    assert.equal(search(page).get('edit'), '1');
    await page.getByText('not saved').waitFor();
  }));

test('the services that ship have a dashboard with data', { skip: !process.env.SIGNALBOX_URL && 'needs a demo' }, () =>
  // The first lines of errors come with the shop's first outage.
  visit('/ui/dashboards/services?from=now-5m&refresh=5s', async (page) => {
    await settled(page);
    for (const panel of [5, 6, 7]) await page.locator(`[data-type="timeseries"] canvas`).nth(panel - 5).waitFor();
    await page.locator('[data-type="table"] .viz-table-row').first().waitFor();
    await page.locator('[data-type="logs"]').scrollIntoViewIfNeeded();
    await page.locator('.viz-log').first().waitFor();
    assert.equal(await page.locator('.dash-error').count(), 0);
  }));
