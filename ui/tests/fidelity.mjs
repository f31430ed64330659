// How faithful public dashboards are shown: `SIGNALBOX_URL=http://127.0.0.1:9480 node fidelity.mjs FOLDER_OR_FILE …`. Each dashboard gets a
// tenant of its own with data made from its own selectors (dev/fill.mjs), is opened, and every panel is judged by these rules:
//   exact         the report of its JSON says exact, every query answered something, nothing failed, and its picture is not blank
//   approximated  the same, but the report names something that is drawn in another way
//   unsupported   anything else, with the reason
// Without SIGNALBOX_URL only the JSON is judged. Writes one line a panel and the sums, as Markdown.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { launch, openPage } from './browser.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const server = process.env.SIGNALBOX_URL?.replace(/\/+$/, '');
/** A panel that has one colour but for so few pixels shows nothing. */
const INK_MIN = 0.002;

/** The report's code is TypeScript of the app: built as it is, so that both judge alike. */
async function reporter() {
  const out = mkdtempSync(join(tmpdir(), 'fidelity-'));
  execFileSync('node', ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error', '--ssr', 'app/lib/dash/fidelity.ts', '--outDir', out, '--emptyOutDir'], { cwd: ROOT, stdio: 'inherit' });
  const built = readdirSync(out).find((name) => /^fidelity\.m?js$/.test(name));
  const { judge } = await import(join(out, built));
  rmSync(out, { recursive: true, force: true });
  return judge;
}

function files(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).sort().flatMap((name) => files(join(path, name))).filter((name) => name.endsWith('.json'));
}

/** Two runs at once, of other files, do not meet. */
const tenantOf = (file) => `fidelity-${basename(file, '.json').replace(/[^\w-]/g, '-')}`;

async function load(file, model) {
  const tenant = tenantOf(file);
  execFileSync('node', ['dev/fill.mjs', server, file], { cwd: ROOT, env: { ...process.env, TENANT: tenant }, stdio: 'pipe' });
  const saved = await fetch(`${server}/api/signalbox/dashboards/judged`, { method: 'PUT', headers: { 'X-Scope-OrgID': tenant, 'Content-Type': 'application/json' }, body: JSON.stringify({ model, folder: '', message: '' }) });
  if (!saved.ok) throw new Error(`${file}: ${await saved.text()}`);
}

/** What each panel shows, by its id. */
async function shown(browser, file) {
  const { page, close } = await openPage(browser, { width: 1440, height: 1000 });
  await page.addInitScript((tenant) => localStorage.setItem('signalbox.tenant', tenant), tenantOf(file));
  const scratch = await page.context().newPage();
  await page.goto(`${server}/ui/dashboards/judged?from=now-1h&refresh=off`);
  await page.locator('.dash-panel, .dash-row').first().waitFor({ timeout: 60_000 });
  for (let folded = page.locator('.dash-row button[aria-expanded="false"]'); await folded.count(); ) await folded.first().click();
  const found = new Map();
  for (const panel of await page.locator('.dash-panel').all()) {
    await panel.scrollIntoViewIfNeeded();
    const id = Number(await panel.getAttribute('data-panel'));
    const handle = await panel.elementHandle();
    // A panel asks when it comes into view.
    await page.waitForFunction((one) => one.dataset.seen === 'true', handle, { timeout: 60_000 }).catch(() => undefined);
    await page.waitForFunction((one) => !one.querySelector('.dash-busy, [data-state="loading"]'), handle, { timeout: 60_000 }).catch(() => undefined);
    await page.waitForTimeout(60);
    const state = await panel.evaluate((one) => ({ error: one.querySelector('.dash-error')?.textContent ?? '', none: one.querySelector('.viz-none')?.textContent ?? '', unanswered: one.dataset.unanswered ?? '' }));
    const ink = await inkOf(scratch, await panel.locator('.dash-body').screenshot());
    // Of a panel that repeats one without data is enough to tell.
    const before = found.get(id);
    found.set(id, before && before.problem ? before : { problem: problemOf(state, ink) });
  }
  await close();
  return found;
}

function problemOf({ error, none, unanswered }, ink) {
  if (error) return `fails: ${error.split('\n')[0]}`;
  if (unanswered) return `no answer to ${unanswered}`;
  if (none) return none;
  return ink < INK_MIN ? 'its picture is blank' : '';
}

/** The share of pixels that are not of the most frequent colour. */
function inkOf(page, png) {
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return 1 - Math.max(...counts.values()) / pixels.length;
  }, png.toString('base64'));
}

const judge = await reporter();
const browser = server ? await launch() : undefined;
const sums = { exact: 0, approximated: 0, unsupported: 0 };
const say = (line) => process.stdout.write(`${line}\n`);
const cell = (text) => String(text).replace(/[|\n]/g, ' ').slice(0, 160);
for (const file of process.argv.slice(2).flatMap((path) => files(resolve(path)))) {
  const given = JSON.parse(readFileSync(file, 'utf8'));
  const model = given.dashboard ?? given;
  let report;
  let seen;
  try {
    report = judge(model);
    if (server) await load(file, model);
    seen = server ? await shown(browser, file) : undefined;
  } catch (error) {
    say(`\n## ${basename(file)}\n\nnot opened: ${cell(error.message)}`);
    continue;
  }
  const own = { exact: 0, approximated: 0, unsupported: 0 };
  const rows = report.panels.filter((panel) => panel.type !== 'row').map((panel) => {
    const problem = seen ? (seen.get(panel.id)?.problem ?? 'it is not on the page') : '';
    const grade = problem ? 'unsupported' : panel.grade;
    own[grade] += 1;
    sums[grade] += 1;
    return `| ${panel.id} | ${cell(panel.title)} | ${panel.type} | ${grade} | ${cell([problem, ...panel.reasons].filter(Boolean).join('; '))} |`;
  });
  say(`\n## ${basename(file)}: ${cell(report.title)}\n\n${own.exact} exact, ${own.approximated} approximated, ${own.unsupported} unsupported\n\n| id | panel | type | grade | why |\n|---|---|---|---|---|\n${rows.join('\n')}`);
}
const all = sums.exact + sums.approximated + sums.unsupported;
const share = (count) => `${count} (${((100 * count) / Math.max(1, all)).toFixed(1)} %)`;
say(`\n**${all} panels: ${share(sums.exact)} exact, ${share(sums.exact + sums.approximated)} with approximated ones, ${share(sums.unsupported)} unsupported.**`);
await browser?.close();
