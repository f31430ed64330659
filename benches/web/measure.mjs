// What the web app costs a browser: `node benches/web/measure.mjs [PART]`, against the mock with a fresh build. All times are CPU of the page's main
// thread spent on script, style and layout, from Chromium traces, so that other work on the machine counts little; wall times are upper bounds.
// With SIGNALBOX_URL the dashboard is asked of that server: a demo that has run for an hour.
import { gzipSync } from 'node:zlib';
import { launch, openPage, serve } from '../../ui/tests/browser.mjs';
import { byName, frames, quantile, traced, work } from './frames.mjs';

const SPANS = 10_000;
const LINES = Number(process.env.LINES ?? 1_000_000);
const PANELS = 30;

const site = await serve('');
const browser = await launch();

async function opened(prepare) {
  const made = await openPage(browser);
  const cdp = await made.page.context().newCDPSession(made.page);
  await prepare?.(made.page);
  return { ...made, cdp };
}

async function firstLoad() {
  const { page, close } = await opened();
  const bodies = [];
  page.on('response', (response) => {
    if (/\.(js|css)$/.test(new URL(response.url()).pathname)) bodies.push(response.body());
  });
  await page.goto(`${site.url}/ui/`);
  await page.locator('tbody [data-row]').first().waitFor();
  const bytes = (await Promise.all(bodies)).reduce((sum, body) => sum + gzipSync(body, { level: 9 }).length, 0);
  await close();
  return `first load: ${Math.round(bytes / 1024)} KiB of script and style in ${bodies.length} files, compressed (bar 300 KB)`;
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
  const opening = await traced(cdp, async () => {
    await page.locator('a.row-target').first().click();
    await page.locator('.span-row').nth(10).waitFor();
    await calm(page);
  });
  const spent = work(opening).reduce((sum, one) => sum + one.ms, 0);
  const scrolled = await scroll(page, cdp, '.waterfall-rows', 30_000);
  const rows = await page.locator('.span-row').count();
  await close();
  return `trace of ${SPANS} spans: ${spent.toFixed(0)} ms to open (bar 500 ms; ${byName(opening)}); scrolling ${scrolled}; ${rows} rows in the document`;
}

const calm = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)))));

/** Scrolls as a wheel that is spun without a pause does, at 8,000 px a second; what each frame costs. */
async function scroll(page, cdp, selector, distance) {
  const box = await page.locator(selector).boundingBox();
  const events = await traced(cdp, () => cdp.send('Input.synthesizeScrollGesture', { x: box.x + box.width / 2, y: box.y + box.height / 2, yDistance: -distance, speed: 8_000, preventFling: true, gestureSourceType: 'mouse' }));
  const costs = frames(events);
  if (process.env.WHY) process.stdout.write(`  ${byName(events)}\n`);
  return `${costs.length} frames, p50 ${quantile(costs, 0.5).toFixed(1)} ms, p95 ${quantile(costs, 0.95).toFixed(1)} ms, most ${quantile(costs, 1).toFixed(1)} ms a frame`;
}

/** A server with a million lines, a millisecond apart, that answers pages of them. */
function million(route) {
  const url = new URL(route.request().url());
  const query = url.searchParams.get('query') ?? '';
  if (!url.pathname.endsWith('/query_range') || /count_over_time/.test(query)) return route.continue();
  const newest = BigInt(FIRST_MS) * 1_000_000n;
  const end = BigInt(url.searchParams.get('end') ?? newest);
  const start = BigInt(url.searchParams.get('start') ?? 0);
  const limit = Number(url.searchParams.get('limit'));
  const values = [];
  const from = end > newest ? 0n : (newest - end) / 1_000_000n + 1n;
  for (let i = from; i < BigInt(LINES) && values.length < limit; i += 1n) {
    const ns = newest - i * 1_000_000n;
    if (ns < start) break;
    values.push([String(ns), `level=info msg="line ${i} of many" user=u-${i % 500n} path=/cart/items took=${i % 97n}ms`]);
  }
  return route.fulfill({ contentType: 'application/json', body: JSON.stringify({ status: 'success', data: { resultType: 'streams', result: [{ stream: { service_name: 'cart', detected_level: 'info' }, values }] } }) });
}

const FIRST_MS = Date.now() - 1_000;

async function manyLines() {
  const { page, cdp, close } = await opened((made) => made.route((url) => url.pathname.startsWith('/loki/'), million));
  await page.goto(`${site.url}/ui/logs?refresh=off&from=now-1h`);
  await page.locator('.line').nth(10).waitFor();
  await calm(page);
  const top = await scroll(page, cdp, '.lines', 60_000);
  // To the last line, page after page, as End does.
  const box = page.locator('.lines');
  for (let had = -1; ; ) {
    const height = await box.evaluate((element) => {
      element.scrollTop = element.scrollHeight;
      return element.scrollHeight;
    });
    if (height === had && /No older lines/.test((await page.locator('.lines-end').textContent()) ?? '')) break;
    had = height;
    await page.waitForTimeout(60);
  }
  const count = await box.evaluate((element) => Math.round(element.scrollHeight / 23));
  await box.evaluate((element) => {
    element.scrollTop = element.scrollHeight / 2;
  });
  await page.locator('.line').nth(10).waitFor();
  await calm(page);
  const middle = await scroll(page, cdp, '.lines', 60_000);
  const rows = await page.locator('.line').count();
  const heap = await page.evaluate(() => Math.round(performance.memory.usedJSHeapSize / 2 ** 20));
  await close();
  return `log lines: from the newest ${top}; in the middle of ${count} lines ${middle} (bar 8 ms at p95); ${rows} rows in the document (bar 200); heap ${heap} MiB`;
}

async function largeDashboard() {
  const panels = Array.from({ length: PANELS }, (_, i) => ({ id: i + 1, type: 'timeseries', title: `Panel ${i + 1}`, gridPos: { x: (i % 6) * 4, y: Math.floor(i / 6) * 5, w: 4, h: 5 }, targets: [{ refId: 'A', expr: 'sum by (job) (rate(http_server_request_duration_seconds_count[1m]))', legendFormat: `{{service_name}}{{job}} ${i}` }] }));
  const url = process.env.SIGNALBOX_URL?.replace(/\/+$/, '') ?? site.url;
  await fetch(`${url}/api/signalbox/dashboards/measured`, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ model: { title: 'Measured', panels }, folder: '', message: '' }) });
  const { page, cdp, close } = await opened();
  await page.goto(`${url}/ui/dashboards`);
  await page.getByRole('link', { name: 'Measured' }).waitFor();
  let wall = 0;
  const events = await traced(cdp, async () => {
    const started = Date.now();
    await page.goto(`${url}/ui/dashboards/measured?from=now-1h`);
    await page.waitForFunction((wanted) => document.querySelectorAll('.viz-canvas canvas').length >= wanted, PANELS);
    wall = Date.now() - started;
  });
  const spent = work(events).reduce((sum, one) => sum + one.ms, 0);
  await close();
  return `dashboard of ${PANELS} panels over 1 h: ${wall} ms until painted (bar 1000 ms), ${spent.toFixed(0)} ms script, style and layout (${byName(events)})`;
}

const PARTS = { load: firstLoad, trace: largeTrace, lines: manyLines, dashboard: largeDashboard };
const wanted = process.argv.slice(2);
for (const [name, measure] of Object.entries(PARTS)) {
  if (wanted.length === 0 || wanted.includes(name)) process.stdout.write(`${await measure()}\n`);
}
await browser.close();
site.stop();
