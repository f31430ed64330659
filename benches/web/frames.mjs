// What frames cost, read from a Chromium trace: CPU time of the page's main thread, so that other work on the machine counts little.

const CATEGORIES = ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'v8'];
/** Script, style and layout; paint and what the compositor does is not of this measure. */
const WORK = new Set(['FunctionCall', 'EvaluateScript', 'v8.compile', 'FireAnimationFrame', 'FireIdleCallback', 'TimerFire', 'EventDispatch', 'RunMicrotasks', 'XHRReadyStateChange', 'UpdateLayoutTree', 'Layout', 'MinorGC', 'MajorGC', 'v8.callFunction', 'IntersectionObserverController::computeIntersections', 'ResizeObserver']);
const FRAME = 'Commit';

/** Records a trace while `body` runs; the events of the page's main thread. */
export async function traced(cdp, body) {
  const events = [];
  const onData = ({ value }) => events.push(...value);
  cdp.on('Tracing.dataCollected', onData);
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: CATEGORIES } });
  await body();
  const done = new Promise((complete) => cdp.once('Tracing.tracingComplete', complete));
  await cdp.send('Tracing.end');
  await done;
  cdp.off('Tracing.dataCollected', onData);
  return ofMainThread(events);
}

/** The main thread of the renderer that worked most: other tabs and the page before have their own. */
function ofMainThread(events) {
  const key = (one) => `${one.pid}/${one.tid}`;
  const mains = new Set(events.filter((one) => one.name === 'thread_name' && one.args?.name === 'CrRendererMain').map(key));
  const sums = new Map([...mains].map((main) => [main, 0]));
  for (const one of events) if (one.ph === 'X' && WORK.has(one.name) && mains.has(key(one))) sums.set(key(one), sums.get(key(one)) + (one.tdur ?? 0));
  const busiest = [...sums].sort((a, b) => b[1] - a[1])[0]?.[0];
  return events.filter((one) => key(one) === busiest).sort((a, b) => a.ts - b.ts);
}

/** Work that is not inside of other work, each with its CPU time in milliseconds. */
export function work(events) {
  const out = [];
  let until = -Infinity;
  for (const one of events) {
    if (one.ph !== 'X' || !WORK.has(one.name) || one.ts < until) continue;
    until = one.ts + (one.dur ?? 0);
    out.push({ name: one.name, ts: one.ts, ms: (one.tdur ?? one.dur ?? 0) / 1000 });
  }
  return out;
}

/** The cost of each frame: all work since the frame before. */
export function frames(events) {
  const starts = events.filter((one) => one.name === FRAME).map((one) => one.ts);
  const costs = starts.slice(1).map(() => 0);
  for (const one of work(events)) {
    const at = lastAtOrBefore(starts, one.ts);
    if (at >= 0 && at < costs.length) costs[at] += one.ms;
  }
  return costs;
}

function lastAtOrBefore(starts, ts) {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= ts) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

/** Where the time went, for whoever looks for the cause. */
export function byName(events) {
  const sums = new Map();
  for (const one of work(events)) sums.set(one.name, (sums.get(one.name) ?? 0) + one.ms);
  return [...sums].sort((a, b) => b[1] - a[1]).map(([name, ms]) => `${name} ${ms.toFixed(0)}`).join(', ');
}
