// Data for dashboards: `node dev/fill.mjs SERVER DASHBOARD.json …` reads the selectors of every PromQL query and sends series that
// match them, an hour of them and a quarter ahead, over remote write; lines and traces are made by fillEvents.mjs. `TENANT` keeps the data of one dashboard from another's. What a dashboard asks for is then there, so that what stays empty is our fault.
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { fillEvents } from './fillEvents.mjs';
import { matching } from './matching.mjs';

const STEP_MAX_S = 15;
const STEP_MIN_S = 5;
const HOURS = Number(process.env.HOURS ?? 1);
/** So that what is asked "now" some minutes later still has data. */
const AHEAD_S = 900;
const BUCKETS = ['0.005', '0.01', '0.05', '0.1', '0.5', '1', '5', '+Inf'];
const COUNTERS = /_(total|count|sum|bucket)$/;

/** As often as the dashboard believes its targets are scraped: its panels' least intervals. */
function stepOf(dashboards) {
  const found = dashboards.flatMap((one) => [...JSON.stringify(one.panels ?? one.rows ?? []).matchAll(/"interval":"(\d+)s"/g)].map((match) => Number(match[1])));
  return Math.min(STEP_MAX_S, Math.max(STEP_MIN_S, Math.min(STEP_MAX_S, ...found.filter((s) => s > 0))));
}

/** Labels that a table renames, orders or keeps. */
function columnsOf(panel) {
  const names = (panel.transformations ?? []).flatMap(({ options = {} }) => [...Object.keys(options.renameByName ?? {}), ...Object.keys(options.indexByName ?? {}), ...(options.include?.names ?? []), ...String(options.include?.pattern ?? '').split('|')]);
  return [...new Set(names)].filter((name) => /^[a-z_]\w*$/.test(name) && !/^(__name__|le)$/.test(name));
}

/** All PromQL texts of a dashboard: targets, variables, annotations. */
function texts(dashboard) {
  const found = [];
  const walk = (panels) => {
    for (const panel of panels ?? []) {
      const columns = columnsOf(panel).map((name) => `{{${name}}}`).join(' ');
      for (const target of panel.targets ?? []) if (typeof target.expr === 'string') found.push({ text: target.expr, legend: `${target.legendFormat ?? ''} ${target.format === 'table' ? columns : ''}` });
      walk(panel.panels);
    }
  };
  walk(dashboard.panels);
  for (const row of dashboard.rows ?? []) walk(row.panels);
  for (const variable of dashboard.templating?.list ?? []) {
    const query = typeof variable.query === 'string' ? variable.query : variable.query?.query;
    const inside = /^(?:label_values|query_result)\((.*)\)$/s.exec(query ?? '')?.[1];
    if (inside && variable.type === 'query') {
      const label = /,\s*(\w+)\s*$/.exec(inside)?.[1];
      found.push({ text: inside.replace(/,\s*\w+\s*$/, ''), legend: label ? `{{${label}}}` : '' });
    }
  }
  return found;
}

/** Variables become what a regex or a number can be. */
function plain(text) {
  return text
    .replace(/\$__(?:rate_)?interval|\$\{__(?:rate_)?interval(?::\w+)?\}|\$__range|\$\{__range\}|\[\$\w+\]/g, (whole) => (whole.startsWith('[') ? '[5m]' : '5m'))
    .replace(/"\$\{?(\w+)(?::\w+)?\}?"/g, '"@$1"')
    .replace(/"[^"]*\$[^"]*"/g, (whole) => whole.replace(/\$\{?(\w+)(?::\w+)?\}?/g, '@$1@'))
    .replace(/\[\[(\w+)\]\]/g, '@$1')
    .replace(/\$\{?(\w+)(?::\w+)?\}?/g, (_whole, name) => (/interval|range|window/.test(name) ? '5m' : `v_${name}`));
}

/** Selectors and the labels that are grouped, joined or shown. */
function selectors({ text, legend }) {
  const query = plain(text);
  const out = [];
  const labels = new Set([...legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map((match) => match[1]));
  parser.parse(query).iterate({
    enter: (node) => {
      const said = query.slice(node.from, node.to);
      if (node.name === 'VectorSelector') out.push(selector(node.node, query));
      if (node.name === 'GroupingLabels') for (const match of said.matchAll(/\w+/g)) labels.add(match[0]);
    },
  });
  return { found: out.filter((one) => one.name), labels };
}

function selector(node, query) {
  const at = (child) => (child ? query.slice(child.from, child.to) : '');
  const matchers = [...at(node).matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)].map(([, label, op, value]) => ({ label, op, value }));
  const name = /^[a-zA-Z_:][\w:]*/.exec(at(node))?.[0] ?? matchers.find((one) => one.label === '__name__' && one.op === '=')?.value ?? '';
  // What is compared with one number is asked for having it.
  const equal = /^[\s)]*==\s*(?:bool\s*)?(\d+(?:\.\d+)?)/.exec(query.slice(node.to))?.[1];
  return { name, matchers, equal: equal === undefined ? undefined : Number(equal) };
}

const asked = ({ query }) => (typeof query === 'string' ? query : query?.query)?.trim() ?? '';

/** The label that each variable of a query takes its values from. */
function sourcesOf(dashboard) {
  const found = (dashboard.templating?.list ?? []).filter((one) => one.type === 'query').map((one) => [one.name, /^label_values\(.*,\s*(\w+)\s*\)$/s.exec(asked(one))?.[1] ?? cutOut(one)]);
  return new Map(found.filter(([, label]) => label));
}

/** The label whose value a regex cuts out of the series of a `query_result`. */
function cutOut(variable) {
  const end = /(\w+)="\(/.exec(variable.regex ?? '')?.[1];
  return end && asked(variable).startsWith('query_result(') ? [...asked(variable).matchAll(/by\s*\(\s*(\w+)/g)].map((match) => match[1]).find((label) => label.endsWith(end)) : undefined;
}

function chosen({ current }) {
  const value = [current?.value].flat()[0];
  return value && value !== '$__all' ? String(value) : undefined;
}

/** What variables that list their values are: what was chosen, or the first of `a, b` or `A : a, B : b`. */
function optionsOf(dashboard) {
  const found = (dashboard.templating?.list ?? []).filter((one) => one.type === 'custom').map((one) => [one.name, chosen(one) ?? asked(one).split(',')[0].split(' : ').at(-1).trim()]);
  return new Map(found.filter(([, value]) => value));
}

/** A variable amid other text, `"($namespace)/(api.*)"`, becomes what it will be, if that is known; else all of it a variable. */
function spelled({ label, op, value: wanted }, sources, options) {
  if (options.has(wanted.replace(/^@/, '')) && /^@\w+$/.test(wanted)) return { label, op, value: options.get(wanted.slice(1)) };
  const inside = [...wanted.matchAll(/@(\w+)@/g)].map((match) => match[1]);
  if (inside.length === 0) return { label, op, value: wanted };
  const clear = inside.every((name) => sources.has(name) && sources.get(name) !== label);
  return { label, op, value: clear ? wanted.replace(/@(\w+)@/g, (_whole, name) => `${sources.get(name)}-1`) : `@${inside.at(-1)}` };
}

/** A value that a matcher takes; the same for the same label, so that joins meet. */
function value(label, op, wanted) {
  if (wanted === undefined || op === '!=' || op === '!~' || wanted.startsWith('@')) return `${label}-1`;
  if (op === '=') return wanted;
  const text = matching(wanted.replace(/\\\\/g, '\\'), `${label}-1`);
  return text || `${label}-1`;
}

function seriesOf(dashboards) {
  const all = new Map();
  for (const dashboard of dashboards) {
    const sources = sourcesOf(dashboard);
    const options = optionsOf(dashboard);
    const read = texts(dashboard).map(selectors);
    for (const one of read.flatMap(({ found }) => found)) one.matchers = one.matchers.map((matcher) => spelled(matcher, sources, options));
    const known = new Map([['job', 'job-1'], ['instance', 'instance-1']]);
    for (const { found, labels } of read) {
      for (const label of labels) if (!known.has(label)) known.set(label, `${label}-1`);
      // What one selector names, others join with.
      for (const { matchers } of found) for (const { label, op, value: wanted } of matchers) if (op.startsWith('=') && !wanted.startsWith('@') && ['job', 'cluster', 'metrics_path', 'service', 'namespace'].includes(label) && !known.get(label)?.includes('!')) known.set(label, value(label, op, wanted));
    }
    // A variable that has another label's values is matched by these.
    const borrowed = (label, wanted) => {
      const from = wanted.startsWith('@') ? sources.get(wanted.slice(1)) : undefined;
      return from && from !== label ? (known.get(from) ?? `${from}-1`) : undefined;
    };
    known.delete('le');
    known.delete('__name__');
    for (const { found } of read) {
      for (const { name, matchers, equal } of found) {
        const labels = new Map(known);
        // A variable has the values its label has elsewhere.
        for (const { label, op, value: wanted } of matchers) if (op.startsWith('=') && borrowed(label, wanted)) labels.set(label, borrowed(label, wanted));
        for (const { label, op, value: wanted } of matchers) if (label !== '__name__' && !(wanted.startsWith('@') && op.startsWith('=') && labels.has(label))) labels.set(label, value(label, op, wanted));
        const buckets = /_bucket(?::|$)/.test(name) ? (labels.get('le') ? [...new Set([labels.get('le'), ...BUCKETS])] : BUCKETS) : [undefined];
        buckets.forEach((le, i) => {
          const own = new Map([['__name__', name], ...labels]);
          if (le) own.set('le', le);
          const key = JSON.stringify([...own].sort());
          if (all.has(key) && equal !== undefined) all.get(key).equal = equal;
          if (!all.has(key)) all.set(key, { equal, own, labels: [...own].filter(([, text]) => text !== '').sort(([a], [b]) => (a < b ? -1 : 1)), counter: COUNTERS.test(name), weight: (i + 1) / buckets.length });
        });
      }
    }
  }
  return alone([...all.values()]);
}

/** Without series that another one covers: joins want one of a name. What asks for the lack of a label keeps its own. */
function alone(all) {
  const named = new Map();
  for (const one of all) named.set(one.own.get('__name__'), [...(named.get(one.own.get('__name__')) ?? []), one]);
  const covers = (large, small) => large.labels.length > small.labels.length && small.labels.every(([label, text]) => large.own.get(label) === text) && large.labels.every(([label]) => small.own.get(label) !== '');
  return all.filter((one) => {
    const larger = named.get(one.own.get('__name__')).find((other) => covers(other, one));
    if (larger) larger.equal ??= one.equal;
    return !larger;
  });
}

// === remote write ===

const varint = (n) => {
  const out = [];
  let rest = BigInt(n);
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
};
const bytes = (tag, body) => Buffer.concat([Buffer.from([(tag << 3) | 2]), varint(body.length), body]);
const double = (tag, n) => {
  const body = Buffer.alloc(9);
  body[0] = (tag << 3) | 1;
  body.writeDoubleLE(n, 1);
  return body;
};
const label = ([name, text]) => bytes(1, Buffer.concat([bytes(1, Buffer.from(name)), bytes(2, Buffer.from(text))]));
const sample = (ms, n) => bytes(2, Buffer.concat([double(1, n), Buffer.from([16]), varint(ms)]));

/** Snappy of literals only: valid, and as large as what went in. */
function snappy(body) {
  const out = [varint(body.length)];
  for (let at = 0; at < body.length; at += 60) {
    const part = body.subarray(at, at + 60);
    out.push(Buffer.from([(part.length - 1) << 2]), part);
  }
  return Buffer.concat(out);
}

async function send(server, body) {
  const response = await fetch(`${server}/api/v1/write`, { method: 'POST', body: snappy(body), headers: { 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0', ...(process.env.TENANT ? { 'X-Scope-OrgID': process.env.TENANT } : {}) } });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

const [server, ...files] = process.argv.slice(2);
const dashboards = files.map((file) => JSON.parse(readFileSync(file, 'utf8'))).map((one) => one.dashboard ?? one);
const STEP_S = stepOf(dashboards);
const series = seriesOf(dashboards);
const end = Math.floor(Date.now() / 1000 / STEP_S) * STEP_S;
const times = Array.from({ length: (HOURS * 3600 + AHEAD_S) / STEP_S + 1 }, (_, i) => end - HOURS * 3600 + i * STEP_S);
let batch = [];
for (const [n, one] of series.entries()) {
  let total = 0;
  const samples = times.map((s, i) => {
    const wave = 1 + Math.sin(i / 17 + n) * 0.5 + ((i * 7919 + n * 104_729) % 97) / 200;
    total += wave * one.weight * 10;
    return sample(s * 1000, one.equal ?? (one.counter ? total : wave * one.weight * 40));
  });
  batch.push(bytes(1, Buffer.concat([...one.labels.map(label), ...samples])));
  if (batch.length === 100 || n === series.length - 1) {
    await send(server, Buffer.concat(batch));
    batch = [];
  }
}
const events = await fillEvents(server, dashboards, (end - HOURS * 3600) * 1000, Date.now());
process.stdout.write(`${series.length} series, ${series.length * times.length} samples, ${events.lines} lines, ${events.traces} traces\n`);
