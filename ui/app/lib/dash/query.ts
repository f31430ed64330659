/** A panel's queries asked, and their answers as frames. */
import { type Params, getJson } from '../api';
import * as loki from '../loki';
import { type Exemplar, exemplars } from '../exemplars';
import * as prom from '../prom';
import { instant } from '../time';
import { evaluate } from './expression';
import { type SourceNames, targetSource } from './datasource';
import type { Frame } from './frames';
import { field, frame } from './frames';
import { type Escape, type Scope, interpolate } from './interpolate';
import { num, obj, str } from './json';
import type { Panel, Target } from './model';
import { promFrames } from './promFrames';
import { traceFrames } from './tempoFrames';

export type QueryContext = {
  startMs: number;
  endMs: number;
  scope: Scope;
  names: SourceNames;
  /** How many points are drawn: the panel's width. */
  points: number;
  adhoc: readonly { key: string; operator: string; value: string }[];
  signal?: AbortSignal;
};

export type PanelData = { frames: Frame[]; exemplars: Exemplar[]; /** Queries that found nothing. */ unanswered: string[]; errors: { refId: string; message: string }[]; notices: string[]; startMs: number; endMs: number };

/** Prometheus' own scrape interval where nothing says another. */
const SCRAPE_S = 15;
const LINES_MAX = 1_000;

export async function runPanel(panel: Panel, given: QueryContext, others: (id: number) => Panel | undefined = () => undefined): Promise<PanelData> {
  const ctx = withPanelTime(panel, given);
  const data: PanelData = { frames: [], exemplars: [], unanswered: [], errors: [], notices: [], startMs: ctx.startMs, endMs: ctx.endMs };
  const shared = panel.targets.find((target) => num(target.panelId) !== undefined && obj(target.datasource).uid === '-- Dashboard --');
  const source = shared ? others(num(shared.panelId) ?? -1) : undefined;
  if (source) return runPanel(source, given);
  const visible = panel.targets.filter((target) => target.hide !== true);
  const needed = panel.targets.some((target) => kindOf(panel, target, ctx) === 'expression') ? panel.targets : visible;
  const answers = await Promise.all(needed.filter((target) => kindOf(panel, target, ctx) !== 'expression').map((target) => ask(panel, target, ctx, data, visible.length)));
  const byRef = new Map(answers);
  for (const target of needed) {
    if (kindOf(panel, target, ctx) !== 'expression') continue;
    attempt(target, data, () => byRef.set(target.refId, evaluate({ ...target, expression: interpolateRefs(str(target.expression), ctx.scope) }, byRef)));
  }
  data.unanswered = visible.filter((target) => !isBlank(panel, target, ctx) && !byRef.get(target.refId)?.some((one) => one.length > 0)).map((target) => target.refId);
  data.frames = visible.flatMap((target) => byRef.get(target.refId) ?? []);
  return data;
}

/** A row of the editor in which nobody wrote anything. */
function isBlank(panel: Panel, target: Target, ctx: QueryContext): boolean {
  const kind = kindOf(panel, target, ctx);
  return (kind === 'prometheus' || kind === 'loki') && !(str(target.expr) || str(target.query)).trim();
}

/** In math `$A` is a query, even where a variable has that name. */
function interpolateRefs(text: string, scope: Scope): string {
  return text.replace(/\$\{?([A-Z]\w*)\}?|\$\{?\w+\}?/g, (whole, ref?: string) => (ref ? whole : interpolate(whole, scope)));
}

function kindOf(panel: Panel, target: Target, ctx: QueryContext): string {
  const source = targetSource(panel, target, ctx.names);
  return 'kind' in source ? source.kind : 'unsupported';
}

function attempt(target: Target, data: PanelData, what: () => void): void {
  try {
    what();
  } catch (cause) {
    data.errors.push({ refId: target.refId, message: cause instanceof Error ? cause.message : String(cause) });
  }
}

async function ask(panel: Panel, target: Target, ctx: QueryContext, data: PanelData, count: number): Promise<[string, Frame[]]> {
  const source = targetSource(panel, target, ctx.names);
  try {
    if ('unsupported' in source) throw new Error(`${source.unsupported} is not supported`);
    switch (source.kind) {
      case 'prometheus':
        return [target.refId, await askProm(panel, target, ctx, data, count)];
      case 'loki':
        return [target.refId, await askLoki(panel, target, ctx)];
      case 'tempo':
        return [target.refId, await traceFrames(panel, target, ctx)];
      default:
        return [target.refId, []];
    }
  } catch (cause) {
    if (ctx.signal?.aborted) throw cause;
    data.errors.push({ refId: target.refId, message: cause instanceof Error ? cause.message : String(cause) });
    return [target.refId, []];
  }
}

/** `Last 2 hours` of its own, or shifted back. */
function withPanelTime(panel: Panel, ctx: QueryContext): QueryContext {
  let { startMs, endMs } = ctx;
  const from = interpolate(str(panel.timeFrom), ctx.scope);
  if (from) {
    const [since = from, until = 'now'] = from.startsWith('now') ? from.split(/\s+to\s+/) : [`now-${from}`];
    startMs = instant(since, endMs) ?? startMs;
    endMs = instant(until, endMs) ?? endMs;
  }
  const shift = interpolate(str(panel.timeShift), ctx.scope);
  if (shift) {
    const by = endMs - (instant(`now-${shift}`, endMs) ?? endMs);
    startMs -= by;
    endMs -= by;
  }
  return { ...ctx, startMs, endMs };
}

export type Step = { stepS: number; scope: Scope };

/** The step of a query and what `$__interval` and its kin mean with it. */
export function stepOf(panel: Panel, target: Target, ctx: QueryContext): Step {
  const wanted = num(panel.maxDataPoints) ?? ctx.points;
  const least = seconds(interpolate(str(target.interval) || str(panel.interval), ctx.scope)) ?? 0;
  const nice = prom.niceStep(ctx.endMs - ctx.startMs, Math.max(10, Math.min(wanted, 2_000)));
  const stepS = Math.max(nice, least, Math.ceil((ctx.endMs - ctx.startMs) / 1000 / 10_900)) * Math.max(1, num(target.intervalFactor) ?? 1);
  const rangeS = Math.round((ctx.endMs - ctx.startMs) / 1000);
  const scrape = least || SCRAPE_S;
  const builtins = {
    ...ctx.scope.builtins,
    __interval: text(stepS),
    __interval_ms: String(stepS * 1000),
    __rate_interval: text(Math.max(stepS + scrape, 4 * scrape)),
    __rate_interval_ms: String(Math.max(stepS + scrape, 4 * scrape) * 1000),
    __auto: text(stepS),
    interval: ctx.scope.values.has('interval') ? '' : text(stepS),
    __range: text(rangeS),
    __range_s: String(rangeS),
    __range_ms: String(rangeS * 1000),
    __from: String(Math.round(ctx.startMs)),
    __to: String(Math.round(ctx.endMs)),
  };
  if (ctx.scope.values.has('interval')) delete (builtins as Record<string, string>).interval;
  return { stepS, scope: { ...ctx.scope, builtins } };
}

const text = (s: number) => `${s}s`;

function seconds(given: string): number | undefined {
  const match = /^\s*>?=?\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?\s*$/.exec(given);
  if (!match) return undefined;
  return Number(match[1]) * ({ ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[match[2] ?? 's'] ?? 1);
}

/** What a query says after its variables are filled in; also for "look at it on its own page". */
export function queryText(panel: Panel, target: Target, ctx: QueryContext, escape: Escape = 'promql'): { query: string; stepS: number } {
  const { stepS, scope } = stepOf(panel, target, ctx);
  const query = interpolate(str(target.expr) || str(target.query), scope, escape).trim();
  return { query: withAdhoc(query, ctx.adhoc), stepS };
}

/** Ad-hoc filters go into every selector in braces. */
export function withAdhoc(query: string, filters: QueryContext['adhoc']): string {
  if (filters.length === 0) return query;
  const added = filters.map(({ key, operator, value }) => `${key}${operator}${JSON.stringify(value)}`).join(',');
  return query.replace(/\{([^{}]*)\}/g, (_whole, inside: string) => `{${inside.trim() ? `${inside.replace(/,\s*$/, '')},` : ''}${added}}`);
}

async function askProm(panel: Panel, target: Target, ctx: QueryContext, data: PanelData, count: number): Promise<Frame[]> {
  const { query, stepS } = queryText(panel, target, ctx);
  if (!query) return [];
  const format = str(target.format, 'time_series');
  // Like Grafana, a table or an instant query asks once, everything else over the range.
  const once = target.instant === true && target.range !== true;
  const startMs = Math.floor(ctx.startMs / (stepS * 1000)) * stepS * 1000;
  // A panel without its exemplars is still a panel.
  const asked = target.exemplar === true && !once ? exemplars(query, startMs, ctx.endMs, ctx.signal).catch((): Exemplar[] => []) : [];
  const answer = once ? await prom.queryInstant(query, ctx.endMs, ctx.signal) : await prom.queryRange(query, startMs, ctx.endMs, stepS, ctx.signal);
  data.exemplars.push(...(await asked));
  data.notices.push(...answer.warnings);
  const legend = interpolate(str(target.legendFormat), ctx.scope);
  return promFrames(answer.series, { refId: target.refId, format, legend, stepMs: once ? 0 : stepS * 1000, several: count > 1, endMs: ctx.endMs });
}

const METRIC = /^\s*(?!\{)/;

async function askLoki(panel: Panel, target: Target, ctx: QueryContext): Promise<Frame[]> {
  const { query, stepS } = queryText(panel, target, ctx, 'logql');
  if (!query) return [];
  if (METRIC.test(query)) {
    const once = target.instant === true || target.queryType === 'instant';
    const answer = await loki.volume(query, ctx.startMs, ctx.endMs, once ? Math.ceil((ctx.endMs - ctx.startMs) / 1000) : stepS, ctx.signal);
    const legend = interpolate(str(target.legendFormat), ctx.scope);
    return promFrames(answer.series, { refId: target.refId, format: once && panel.type === 'table' ? 'table' : 'time_series', legend, stepMs: once ? 0 : stepS * 1000, several: panel.targets.length > 1, endMs: ctx.endMs });
  }
  const limit = Math.min(LINES_MAX, num(target.maxLines) ?? num(target.limit) ?? 500);
  const found = await loki.lines(query, loki.nanos(ctx.startMs), loki.nanos(ctx.endMs), limit, ctx.signal);
  return [
    frame(target.refId, 'Logs', [
      field('labels', 'other', found.map((line) => JSON.stringify(line.labels))),
      field('Time', 'time', found.map((line) => line.ms)),
      field('Line', 'string', found.map((line) => line.text)),
      field('tsNs', 'string', found.map((line) => line.ns)),
      field('id', 'string', found.map((line) => line.key)),
    ], { kind: 'logs' }),
  ];
}

/** Vertical lines of a dashboard's annotation queries. */
export type Mark = { startMs: number; endMs: number; title: string; color: string };

export async function annotations(list: readonly Record<string, unknown>[], ctx: QueryContext): Promise<Mark[]> {
  const asked = list.filter((one) => one.enable !== false).map(async (one): Promise<Mark[]> => {
    const source = targetSource({ type: '', datasource: one.datasource }, {}, ctx.names);
    const kind = 'kind' in source ? source.kind : undefined;
    if (kind === 'testdata') return ownMarks(one, ctx);
    if (!str(one.expr)) return [];
    if (kind === 'loki') return lineMarks(one, ctx);
    if (kind !== 'prometheus') return [];
    const stepS = prom.niceStep(ctx.endMs - ctx.startMs, 250);
    const { series } = await prom.queryRange(interpolate(str(one.expr), ctx.scope, 'promql'), ctx.startMs, ctx.endMs, stepS, ctx.signal);
    return series.flatMap((found) => regions(found.points.filter(([, value]) => value > 0).map(([at]) => at), stepS * 1000).map(([startMs, endMs]) => ({
      startMs,
      endMs,
      title: str(one.titleFormat) ? filled(str(one.titleFormat), found.labels) : str(one.name),
      color: str(one.iconColor, 'red'),
    })));
  });
  return (await Promise.all(asked.map((one) => one.catch(() => [])))).flat();
}

/** Marks that were sent to the server: those of this dashboard, or those with certain tags. */
async function ownMarks(one: Record<string, unknown>, ctx: QueryContext): Promise<Mark[]> {
  const target = obj(one.target);
  const tags = (Array.isArray(target.tags) ? target.tags : []).map((tag) => interpolate(str(tag), ctx.scope)).filter(Boolean);
  const whose: Params = str(target.type, str(one.type)) === 'tags' ? { tags } : { dashboardUID: ctx.scope.builtins['__dashboard.uid'] };
  const found = await getJson<{ time: number; timeEnd?: number; text: string; tags?: string[] }[] | null>('/grafana/api/annotations', { from: Math.floor(ctx.startMs), to: Math.ceil(ctx.endMs), limit: num(target.limit) ?? 100, ...whose }, ctx.signal);
  return (found ?? []).map((mark) => ({ startMs: mark.time, endMs: mark.timeEnd ?? mark.time, title: [mark.text, ...(mark.tags ?? [])].join(' ').slice(0, 300), color: str(one.iconColor, 'blue') }));
}

/** Each line that matches, at its time. */
async function lineMarks(one: Record<string, unknown>, ctx: QueryContext): Promise<Mark[]> {
  const found = await loki.lines(interpolate(str(one.expr), ctx.scope, 'logql'), loki.nanos(ctx.startMs), loki.nanos(ctx.endMs), MARKS_MAX, ctx.signal);
  return found.map((line) => ({ startMs: line.ms, endMs: line.ms, title: (str(one.titleFormat) ? filled(str(one.titleFormat), line.labels) : loki.firstLine(line.text)).slice(0, 300), color: str(one.iconColor, 'red') }));
}

const MARKS_MAX = 200;

function filled(text: string, labels: Record<string, string>): string {
  return text.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_whole, label: string) => labels[label] ?? '');
}

function regions(times: readonly number[], stepMs: number): [number, number][] {
  const out: [number, number][] = [];
  for (const at of times) {
    const last = out.at(-1);
    if (last && at - last[1] <= stepMs * 1.5) last[1] = at;
    else out.push([at, at]);
  }
  return out;
}

