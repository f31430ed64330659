// Pictures of every page (or of those named after the folder) for docs/:
// `SIGNALBOX_URL=http://127.0.0.1:9480 node shots.mjs ../../docs/screens`, against a demo that has run for
// some minutes; three quarters of their size, so that the pictures stay small.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { launch, openPage, settled } from './browser.mjs';

const out = resolve(process.argv[2] ?? 'screens');
const url = (process.env.SIGNALBOX_URL ?? 'http://127.0.0.1:9480').replace(/\/+$/, '');
const SHOTS = [
  ['home', '/ui/'],
  ['logs', '/ui/logs?from=now-5m&fields=1'],
  ['patterns', '/ui/logs?from=now-5m&view=patterns'],
  ['traces', '/ui/traces?from=now-5m'],
  ['flames', '/ui/traces?from=now-5m&view=flame'],
  ['trace', 'TRACE?path=1'],
  ['trace-flame', 'TRACE?view=flame'],
  ['compare', 'TRACE?view=compare'],
  ['map', '/ui/map?from=now-5m'],
  ['service', '/ui/service/payments?from=now-5m'],
  ['metrics', `/ui/metrics?from=now-5m&q=${encodeURIComponent('sum by (job) (rate(http_server_request_duration_seconds_count[1m]))')}`],
  ['dashboards', '/ui/dashboards'],
  ['dashboard', '/ui/dashboards/services?from=now-5m'],
  ['dashboard-dark', '/ui/dashboards/services?from=now-5m', 'dark'],
  ['editor', '/ui/dashboards/services?from=now-5m&edit=1&editPanel=6'],
  ['alerts', '/ui/alerts?where=severity%3D%22critical%22'],
  ['rule', '/ui/alerts?rule=shop%2FPaymentsErrors'],
  ['chat', '/ui/chat'],
  ['status', '/ui/status'],
];

/** A trace in which the shop's checkout failed; any trace if none did. */
async function failing(page) {
  for (const search of ['service=checkout&status=error', 'status=error', '']) {
    await page.goto(`${url}/ui/traces?from=now-15m&${search}`);
    await settled(page);
    const link = page.locator('a.row-target').first();
    if (await link.count()) return new URL(await link.getAttribute('href'), url).pathname;
  }
  throw new Error('there are no traces yet');
}

mkdirSync(out, { recursive: true });
const browser = await launch();
const only = process.argv.slice(3);
for (const [name, path, scheme = 'light'] of SHOTS.filter(([name]) => only.length === 0 || only.includes(name))) {
  const { page, close } = await openPage(browser, { width: 1280, height: 800, scheme, scale: 0.75 });
  const address = path.startsWith('TRACE') ? `${await failing(page)}${path.slice(5)}` : path;
  await page.goto(url + address);
  await settled(page).catch(() => process.stderr.write(`${name}: still loading\n`));
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(out, `${name}.png`) });
  await close();
}
await browser.close();
