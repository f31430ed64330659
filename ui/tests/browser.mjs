// What every browser test needs: a page source (the mock with a fresh build, or a running server), a browser, and a page that
// remembers what went wrong on its console.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { start } from '../dev/mock.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** `SIGNALBOX_URL` may be a server of another version: what it does not answer is not tested against it. */
const OPTIONAL = ['/api/signalbox/map', '/api/signalbox/difference', '/api/signalbox/routes'];
const missing = new Set();
if (process.env.SIGNALBOX_URL) {
  for (const path of OPTIONAL) if ((await fetch(new URL(path, process.env.SIGNALBOX_URL))).status === 404) missing.add(path);
}
export const lacks = (path) => missing.has(path) && `the server has no ${path}`;

/** Pages that need one of those. */
const NEEDS = { map: '/api/signalbox/map', service: '/api/signalbox/map' };

/** Rows of the app's page table, read from its source: a page that is added is tested without a change here. */
export function pageTable() {
  const source = readFileSync(join(ROOT, 'app/pages.tsx'), 'utf8');
  return [...source.matchAll(/\{ key: '(\w+)', path: '([^']+)', title: '([^']+)', icon: '\w+',(?: shortcut: '(\w)',)?/g)].map(([, key, path, title, shortcut]) => ({ key, path, title, shortcut })).filter((row) => !missing.has(NEEDS[row.key]));
}

/** The address of a page, with a thing that exists for its parameter; of traces the test has to find one. */
export function addressOf(row, trace = '0123456789abcdef0123456789abcdef') {
  return `/ui${row.path.replace('$traceId', trace).replace('$uid', 'services').replace('$name', 'payments')}`;
}

/** `SIGNALBOX_URL` tests a running server; otherwise the mock serves `UI_DIST`, or a build made now. `''` is the mock in any case. */
export async function serve(url = process.env.SIGNALBOX_URL) {
  if (url) return { url: url.replace(/\/+$/, ''), real: true, stop: () => {} };
  const given = process.env.UI_DIST;
  const dist = given ? resolve(given) : mkdtempSync(join(tmpdir(), 'signalbox-ui-'));
  if (!given) execFileSync('node', ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error', '--emptyOutDir', '--outDir', dist], { cwd: ROOT, stdio: 'inherit' });
  const mock = await start(Number(process.env.MOCK_PORT ?? 0), dist);
  return {
    url: mock.url,
    real: false,
    stop: () => {
      mock.stop();
      if (!given) rmSync(dist, { recursive: true, force: true });
    },
  };
}

export async function launch() {
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('no chromium found; set CHROMIUM to its path');
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A fresh context with one page. `problems` fills with console errors, exceptions and broken policies. */
export async function openPage(browser, { width = 1440, height = 900, scheme = 'light', scale = 1 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce', deviceScaleFactor: scale });
  const page = await context.newPage();
  // Only a failure takes so long, and a machine under load.
  page.setDefaultTimeout(60_000);
  const problems = [];
  page.on('pageerror', (error) => problems.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`console ${message.type()}: ${message.text()}`);
  });
  // What a page gives up when it is left is no failure.
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') problems.push(`request ${request.url()}: ${reason}`);
  });
  return { page, problems, close: () => context.close() };
}

/** One page, closed whatever happens; nothing may go wrong on it but what the test says. Without an address the test goes there. */
export async function visit(browser, url, body, { allow = [], ...options } = {}) {
  const { page, problems, close } = await openPage(browser, options);
  try {
    if (url) {
      await page.goto(url);
      await settled(page);
    }
    await body(page);
    assert.deepEqual(problems.filter((text) => !allow.some((pattern) => pattern.test(text))), []);
  } finally {
    await close();
  }
}

export const search = (page) => new URL(page.url()).searchParams;

/** The page has drawn what it has: nothing loads any more, and something is there. */
export async function settled(page) {
  await page.waitForSelector('main *');
  await page.waitForFunction(() => !document.querySelector('[data-state="loading"], [data-loading="true"]'));
}

/** How far the document, or a box that should not, scrolls sideways; and what sticks out. */
export function overflow(page) {
  return page.evaluate(() => {
    const wide = [...document.querySelectorAll('.main, .page, .lines, .topbar, .rail, .querybar, .scroll, .side-panel-body, .waterfall-rows, .chat-list')];
    const found = wide.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.className} ${box.scrollWidth} > ${box.clientWidth}`);
    const root = document.documentElement;
    return root.scrollWidth > root.clientWidth ? [`document ${root.scrollWidth} > ${root.clientWidth}`, ...found] : found;
  });
}

/** An address of a trace that exists, from the list of traces. */
export async function someTrace(page, url) {
  await page.goto(`${url}/ui/traces`);
  await settled(page);
  const href = await page.locator('a.row-target').first().getAttribute('href');
  return new URL(href, url).pathname;
}
