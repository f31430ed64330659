// What the web app costs a browser: `node measure.mjs`, against the mock with a fresh build. Script time is the CPU the page's own thread spent
// on script, style and layout, so that other work on the machine counts little; wall times are upper bounds.
import { gzipSync } from 'node:zlib';
import { launch, openPage, serve } from './browser.mjs';

const SPANS = 10_000;
const LINES = 5_000;
const PANELS = 30;

const site = await serve('');
const browser = await launch();

/** Seconds of script, style and layout so far. */
async function cost(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics');
  const of = (name) => metrics.find((one) => one.name === name)?.value ?? 0;
  return of('ScriptDuration') + of('LayoutDuration') + of('RecalcStyleDuration');
}

async function opened(prepare) {
  const made = await openPage(browser);
  const cdp = await made.page.context().newCDPSession(made.page);
  await cdp.send('Performance.enable');
  await prepare?.(made.page);
  return { ...made, cdp };
}

async function firstLoad() {
  const { page, close } = await opened();
  let bytes = 0;
  page.on('response', async (response) => {
    if (/\.(js|css)$/.test(new URL(response.url()).pathname)) bytes += gzipSync(await response.body(), { level: 9 }).length;
  });
  await page.goto(`${site.url}/ui/`);
  await page.locator('tbody [data-row]').first().waitFor();
  await page.waitForTimeout(500);
  await close();
  return `first load: ${Math.round(bytes / 1024)} KiB of script and style, compressed (bar 300 KB)`;
}

function bigTrace() {
  const id = (n, bytes) => Buffer.from(n.toString(16).padStart(bytes * 2, '0'), 'hex').toString('base64');
  const spans = Array.from({ length: SPANS }, (_, i) => ({ traceId: id(1, 16), spanId: id(i + 1, 8), ...(i ? { parentSpanId: id(Math.floor((i - 1) / 4) + 1, 8) } : {}), name: `operation ${i % 40}`, kind: 'SPAN_KIND_SERVER', startTimeUnixNano: String(1_763_930_000_000_000_000n + BigInt(i) * 50_000n), endTimeUnixNano: String(1_763_930_001_000_000_000n), attributes: [{ key: 'http.route', value: { stringValue: `/r/${i % 9}` } }], status: {} }));
  return JSON.stringify({ trace: { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'big' } }] }, scopeSpans: [{ spans }] }] } });
}

async function largeTrace() {
  const body = bigTrace();
  const { page, cdp, close } = await opened((made) => made.route('**/api/v2/traces/**', (route) => route.fulfill({ contentType: 'application/json', body })));
  await page.goto(`${site.url}/ui/traces`);
  await page.locator('a.row-target').first().waitFor();
  const before = await cost(cdp);
  await page.locator('a.row-target').first().click();
  await page.locator('.span-row').nth(10).waitFor();
  const opening = await cost(cdp);
  const steps = await scroll(page, cdp, '.waterfall-rows', 60);
  const rows = await page.locator('.span-row').count();
  await close();
  return `trace of ${SPANS} spans: ${ms(opening - before)} to open (bar 500 ms), ${steps} a scroll step, ${rows} rows in the document`;
}

/** The p95 of what one step of the wheel costs. */
async function scroll(page, cdp, selector, times) {
  const box = await page.locator(selector).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const costs = [];
  for (let i = 0; i < times; i += 1) {
    const before = await cost(cdp);
    await page.mouse.wheel(0, 700);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    costs.push((await cost(cdp)) - before);
  }
  costs.sort((a, b) => a - b);
  return `p50 ${ms(costs[Math.floor(times / 2)])}, p95 ${ms(costs[Math.floor(times * 0.95)])}`;
}

async function manyLines() {
  const now = BigInt(Date.now()) * 1_000_000n;
  const lines = Array.from({ length: LINES }, (_, i) => [String(now - BigInt(i) * 1_000_000n), `level=info msg="line ${i}" user=u-${i % 500}`]);
  const body = JSON.stringify({ status: 'success', data: { resultType: 'streams', result: [{ stream: { service_name: 'cart', detected_level: 'info' }, values: lines }] } });
  const lists = (url) => url.pathname.endsWith('/query_range') && !/count_over_time/.test(url.searchParams.get('query') ?? '');
  const { page, cdp, close } = await opened((made) => made.route((url) => url.pathname.startsWith('/loki/') && lists(url), (route) => route.fulfill({ contentType: 'application/json', body })));
  await page.goto(`${site.url}/ui/logs?refresh=off`);
  await page.locator('.line').nth(10).waitFor();
  const steps = await scroll(page, cdp, '.lines', 120);
  const rows = await page.locator('.line').count();
  await close();
  return `${LINES} log lines: ${steps} a scroll step (bar 8 ms a frame; a step is two), ${rows} rows in the document (bar 200)`;
}

async function largeDashboard() {
  const panels = Array.from({ length: PANELS }, (_, i) => ({ id: i + 1, type: 'timeseries', title: `Panel ${i + 1}`, gridPos: { x: (i % 6) * 4, y: Math.floor(i / 6) * 5, w: 4, h: 5 }, targets: [{ refId: 'A', expr: 'sum by (service_name) (rate(http_server_request_duration_seconds_count[1m]))', legendFormat: '{{service_name}}' }] }));
  await fetch(`${site.url}/api/signalbox/dashboards/measured`, { method: 'PUT', body: JSON.stringify({ model: { title: 'Measured', panels }, folder: '', message: '' }) });
  const { page, cdp, close } = await opened();
  await page.goto(`${site.url}/ui/dashboards`);
  await page.getByRole('link', { name: 'Measured' }).waitFor();
  const started = Date.now();
  await page.goto(`${site.url}/ui/dashboards/measured?from=now-1h`);
  await page.waitForFunction((wanted) => document.querySelectorAll('.viz-canvas canvas').length >= wanted, PANELS);
  const result = `dashboard of ${PANELS} panels over 1 h: ${Date.now() - started} ms until painted (bar 1000 ms), of them ${ms(await cost(cdp))} script, style and layout`;
  await close();
  return result;
}

const ms = (seconds) => `${(seconds * 1000).toFixed(1)} ms`;

for (const measure of [firstLoad, largeTrace, manyLines, largeDashboard]) process.stdout.write(`${await measure()}\n`);
await browser.close();
site.stop();
