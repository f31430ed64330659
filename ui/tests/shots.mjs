// Pictures of every page (or of those named after the folder) for docs/:
// `SIGNALBOX_URL=http://127.0.0.1:9480 node shots.mjs ../../docs/screens`, against a demo that has run for
// some minutes; three quarters of their size, so that the pictures stay small.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { launch, openPage, settled, someTrace } from './browser.mjs';

const out = resolve(process.argv[2] ?? 'screens');
const url = (process.env.SIGNALBOX_URL ?? 'http://127.0.0.1:9480').replace(/\/+$/, '');
const SHOTS = [
  ['home', '/ui/'],
  ['logs', '/ui/logs?from=now-5m&fields=1'],
  ['patterns', '/ui/logs?from=now-5m&view=patterns'],
  ['traces', '/ui/traces?from=now-5m'],
  ['trace', ''],
  ['map', '/ui/map?from=now-5m'],
  ['service', '/ui/service/payments?from=now-5m'],
  ['metrics', `/ui/metrics?from=now-5m&q=${encodeURIComponent('sum by (job) (rate(http_server_request_duration_seconds_count[1m]))')}`],
  ['dashboards', '/ui/dashboards'],
  ['dashboard', '/ui/dashboards/services?from=now-5m'],
  ['dashboard-dark', '/ui/dashboards/services?from=now-5m', 'dark'],
  ['editor', '/ui/dashboards/services?from=now-5m&edit=1&editPanel=6'],
  ['alerts', '/ui/alerts'],
  ['chat', '/ui/chat'],
  ['status', '/ui/status'],
];

mkdirSync(out, { recursive: true });
const browser = await launch();
const only = process.argv.slice(3);
for (const [name, path, scheme = 'light'] of SHOTS.filter(([name]) => only.length === 0 || only.includes(name))) {
  const { page, close } = await openPage(browser, { width: 1280, height: 800, scheme, scale: 0.75 });
  const address = path || `${await someTrace(page, url)}?path=1`;
  await page.goto(url + address);
  await settled(page).catch(() => process.stderr.write(`${name}: still loading\n`));
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(out, `${name}.png`) });
  await close();
}
await browser.close();
