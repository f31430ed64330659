// Texts that come with data and mean harm: markup, scripts, `javascript:` addresses, terminal colours, controls of writing direction, a
// megabyte on one line. They are shown as text, nothing of them runs, and the page keeps its shape.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, overflow, serve, settled, visit as look } from './browser.mjs';

const MARKUP = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
const LINK = 'javascript:window.ran=1';
const TERMINAL = '\u001b[31mred\u001b[0m \u001b]0;title\u0007';
const BACKWARDS = '\u202egnp.exe\u2066\u2067\u200f';
const LONG = 'x'.repeat(1 << 20);
const HOSTILE = [MARKUP, `see ${LINK}`, TERMINAL, BACKWARDS, LONG, `{"url":"${LINK}","html":"${MARKUP.replaceAll('"', '\\"')}"}`];

let site;
let browser;

before(async () => {
  // The mock in any case: no server would take some of these names.
  site = await serve('');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.stop();
});

/** A page whose server answers such texts wherever the pattern meets. */
function visit(path, answers, body) {
  return look(browser, '', async (page) => {
    for (const [pattern, make] of answers) await page.route(pattern, (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(make(new URL(route.request().url()))) }));
    await page.goto(site.url + path);
    await settled(page);
    await body(page);
    await harmless(page);
  });
}

async function harmless(page) {
  assert.equal(await page.evaluate(() => window.ran), undefined, 'something ran');
  assert.equal(await page.locator('main img, main script, main iframe').count(), 0);
  assert.deepEqual(await page.locator('a[href]').evaluateAll((all) => all.map((one) => one.getAttribute('href')).filter((href) => /^\s*(javascript|data|vbscript):/i.test(href))), []);
  assert.deepEqual(await overflow(page), []);
  const wide = await page.evaluate(() => Math.max(0, ...[...document.querySelectorAll('main *')].map((one) => one.clientHeight)));
  assert.ok(wide < 100_000, `something is ${wide} pixels high`);
}

const ns = (i) => `${Date.now() - 1_000 - i}000000`;
const lines = () => ({ status: 'success', data: { resultType: 'streams', result: [{ stream: { service_name: MARKUP, [`a${BACKWARDS}`]: LINK, detected_level: 'error' }, values: HOSTILE.map((text, i) => [ns(i), text]) }] } });
const isList = (url) => url.pathname === '/loki/api/v1/query_range' && !url.searchParams.get('query')?.includes('count_over_time');

test('log lines and their labels', () =>
  visit('/ui/logs?refresh=off&fields=1&cols=service_name', [[isList, lines]], async (page) => {
    await page.getByText('<img src=x', { exact: false }).first().waitFor();
    await page.locator('.line').first().click();
    await page.getByLabel('Details', { exact: true }).waitFor();
    await harmless(page);
    await page.goto(`${site.url}/ui/logs?refresh=off&wrap=1`);
    await page.locator('.line').nth(HOSTILE.length - 1).waitFor();
    // A line that turns the direction of writing does not turn what stands beside it.
    const [time, text] = await page.locator('.line').nth(3).evaluate((line) => ['.line-time', '.line-text'].map((part) => line.querySelector(part).getBoundingClientRect().left));
    assert.ok(time < text);
  }));

test('a megabyte on one line leaves the list quick to draw', () =>
  visit('/ui/logs?refresh=off', [[isList, lines]], async (page) => {
    const shown = await page.locator('.line-text').evaluateAll((all) => Math.max(...all.map((one) => one.textContent.length)));
    assert.ok(shown < 1_000, `${shown} characters are in the list`);
  }));

test('span names, attributes, events and links', () => {
  const id = (n, bytes) => Buffer.from(n.toString(16).padStart(bytes * 2, '0'), 'hex').toString('base64');
  const attributes = HOSTILE.map((text, i) => ({ key: `${i}${MARKUP}`, value: { stringValue: text } }));
  const span = (n, name) => ({ traceId: id(1, 16), spanId: id(n, 8), ...(n > 1 ? { parentSpanId: id(1, 8) } : {}), name, kind: 'SPAN_KIND_SERVER', startTimeUnixNano: ns(50), endTimeUnixNano: ns(0), attributes, events: [{ timeUnixNano: ns(20), name: MARKUP, attributes }], links: [{ traceId: id(2, 16), spanId: id(9, 8), attributes }], status: { code: 'STATUS_CODE_ERROR', message: MARKUP } });
  const trace = () => ({ trace: { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: MARKUP } }] }, scopeSpans: [{ spans: HOSTILE.map((text, i) => span(i + 1, text)) }] }] } });
  return visit('/ui/trace/00000000000000000000000000000001', [['**/api/v2/traces/**', trace]], async (page) => {
    await page.locator('.span-row').nth(2).click();
    await page.getByLabel('Details', { exact: true }).waitFor();
    for (const view of ['flame', 'breakdown', 'logs']) {
      await page.goto(`${site.url}/ui/trace/00000000000000000000000000000001?view=${view}&by=operation`);
      await settled(page);
      await harmless(page);
    }
  });
});

test('metric names, labels and legends', () => {
  const series = () => ({ status: 'success', data: { resultType: 'matrix', result: HOSTILE.slice(0, 4).map((text) => ({ metric: { __name__: MARKUP, [`l${MARKUP}`]: text }, values: [[Date.now() / 1000 - 60, '1'], [Date.now() / 1000, '2']] })) } });
  return visit('/ui/metrics?q=up', [['**/api/v1/query_range**', series], ['**/api/v1/label/__name__/values**', () => ({ status: 'success', data: [MARKUP, LINK, BACKWARDS] })]], async (page) => {
    await page.locator('table.series tbody tr').first().waitFor();
  });
});

test('titles, texts and links of dashboards', () => {
  const links = [{ title: MARKUP, url: LINK, type: 'link' }, { title: 'data', url: 'data:text/html,<script>1</script>', type: 'link' }];
  const panels = [
    { id: 1, type: 'text', title: MARKUP, gridPos: { x: 0, y: 0, w: 12, h: 5 }, options: { mode: 'html', content: `${MARKUP}[click](${LINK})<a href="${LINK}">x</a>` }, links },
    { id: 2, type: 'timeseries', title: BACKWARDS, description: MARKUP, gridPos: { x: 12, y: 0, w: 12, h: 5 }, targets: [{ refId: 'A', expr: 'vector(1)', legendFormat: MARKUP }], fieldConfig: { defaults: { links, unit: MARKUP, displayName: MARKUP, mappings: [{ type: 'value', options: { 1: { text: MARKUP, color: `red;background:url(${LINK})` } } }] }, overrides: [] } },
  ];
  const stored = () => ({ uid: 'hostile', title: MARKUP, folder: MARKUP, tags: [MARKUP], version: 1, updated_ms: 1, shipped: false, versions: [], model: { title: MARKUP, tags: [MARKUP], links, panels, templating: { list: [{ type: 'custom', name: 'v', label: MARKUP, query: `${MARKUP},${LINK}` }] } } });
  return visit('/ui/dashboards/hostile?from=now-15m', [['**/api/signalbox/dashboards/hostile', stored]], async (page) => {
    await page.getByRole('heading', { name: MARKUP }).first().waitFor();
    await page.locator('.viz-canvas canvas').first().waitFor();
  });
});

test('what an alert says', () => {
  const alert = { labels: { alertname: MARKUP, evil: LINK }, annotations: { summary: MARKUP, runbook_url: LINK }, state: 'firing', activeAt: new Date().toISOString(), value: '1' };
  const rules = () => ({ status: 'success', data: { groups: [{ name: MARKUP, file: BACKWARDS, interval: 5, rules: [{ type: 'alerting', name: MARKUP, query: 'up == 0', state: 'firing', health: 'ok', alerts: [alert], annotations: alert.annotations, labels: {} }] }] } });
  return visit('/ui/alerts', [['**/api/v1/rules', rules]], async (page) => {
    await page.locator('.rule-head').first().click();
    await page.locator('.alert-card').first().waitFor();
  });
});
