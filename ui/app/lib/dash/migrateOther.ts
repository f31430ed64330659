/** Tables, texts, heatmaps and pies as older versions wrote them. */
import { type Json, arr, num, obj, objs, str } from './json';

export function migrateTable(panel: Json): Json {
  const overrides = [...objs(obj(panel.fieldConfig).overrides)];
  const hidden: string[] = [];
  for (const style of objs(panel.styles)) {
    const properties: Json[] = [];
    const set = (id: string, value: unknown) => properties.push({ id, value });
    if (style.type === 'hidden') set('custom.hidden', true);
    if (style.alias) set('displayName', style.alias);
    if (style.type === 'date') set('unit', str(style.dateFormat) ? `time: ${str(style.dateFormat)}` : 'dateTimeAsIso');
    if (style.type === 'number') {
      if (style.unit) set('unit', style.unit);
      if (num(style.decimals) !== undefined) set('decimals', num(style.decimals));
      const values = arr(style.thresholds).map((one) => num(one)).filter((one) => one !== undefined);
      if (style.colorMode && values.length) {
        set('thresholds', { mode: 'absolute', steps: arr(style.colors).map((color, i) => ({ color: str(color), value: i === 0 ? null : values[i - 1] })) });
        set('custom.cellOptions', { type: style.colorMode === 'cell' || style.colorMode === 'row' ? 'color-background' : 'color-text' });
      }
    }
    if (style.align) set('custom.align', style.align === 'auto' ? undefined : style.align);
    if (style.link && style.linkUrl) set('links', [{ title: str(style.linkTooltip), url: str(style.linkUrl).replace(/\$__cell\b/g, '${__value.raw}'), targetBlank: style.linkTargetBlank === true }]);
    const pattern = str(style.pattern);
    const regex = /^\/.*\/$/.test(pattern);
    if (properties.length) overrides.push({ matcher: { id: regex ? 'byRegexp' : 'byName', options: pattern }, properties });
    if (style.type === 'hidden') hidden.push(pattern);
  }
  const sort = obj(panel.sort);
  return {
    ...panel,
    type: 'table',
    transformations: [...objs(panel.transformations), ...oldTransform(panel)],
    fieldConfig: { defaults: obj(obj(panel.fieldConfig).defaults), overrides },
    options: { showHeader: panel.showHeader !== false, ...(sort.col !== undefined && sort.col !== null ? { sortByIndex: num(sort.col), sortDesc: sort.desc === true } : {}) },
  };
}

const REDUCERS: Record<string, string> = { avg: 'mean', min: 'min', max: 'max', total: 'sum', current: 'lastNotNull', count: 'count' };

function oldTransform(panel: Json): Json[] {
  const reducers = objs(panel.columns).map((column) => REDUCERS[str(column.value)] ?? str(column.value)).filter(Boolean);
  switch (str(panel.transform)) {
    case 'timeseries_aggregations':
      return [{ id: 'reduce', options: { reducers: reducers.length ? reducers : ['mean'] } }];
    case 'timeseries_to_columns':
      return [{ id: 'seriesToColumns', options: { byField: 'Time' } }];
    case 'timeseries_to_rows':
      return [{ id: 'seriesToRows', options: {} }];
    case 'table':
      return objs(panel.targets).length > 1 ? [{ id: 'merge', options: {} }] : [];
    default:
      return [];
  }
}

export function migrateText(panel: Json): Json {
  const options = obj(panel.options);
  const content = options.content ?? panel.content ?? '';
  const mode = options.mode ?? panel.mode ?? 'markdown';
  return { ...panel, options: { ...options, content: str(content), mode: mode === 'text' ? 'markdown' : str(mode) } };
}

export function migrateHeatmap(panel: Json): Json {
  const options = obj(panel.options);
  const yAxis = obj(panel.yAxis);
  const color = obj(panel.color);
  return {
    ...panel,
    options: {
      ...options,
      calculate: str(panel.dataFormat, 'timeseries') !== 'tsbuckets',
      yAxis: { unit: yAxis.format ?? 'short', decimals: yAxis.decimals, min: num(yAxis.min), max: num(yAxis.max), reverse: panel.reverseYBuckets === true },
      color: { mode: color.mode === 'opacity' ? 'opacity' : 'scheme', scheme: str(color.colorScheme, 'Oranges').replace('interpolate', ''), fill: color.cardColor ?? 'dark-orange', scale: str(color.colorScale) === 'sqrt' ? 'exponential' : 'linear' },
      cellGap: num(obj(panel.cards).cardPadding) ?? 1,
      legend: { show: obj(panel.legend).show === true },
    },
  };
}

export function migratePie(panel: Json): Json {
  const legend = obj(panel.legend);
  const overrides = Object.entries(obj(panel.aliasColors)).map(([name, value]) => ({ matcher: { id: 'byName', options: name }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: str(value) } }] }));
  const calc = { current: 'lastNotNull', min: 'min', max: 'max', avg: 'mean', total: 'sum' }[str(panel.valueName)] ?? 'lastNotNull';
  return {
    ...panel,
    fieldConfig: { defaults: { ...obj(obj(panel.fieldConfig).defaults), ...(panel.format ? { unit: panel.format } : {}) }, overrides },
    options: {
      pieType: panel.pieType === 'donut' ? 'donut' : 'pie',
      reduceOptions: { calcs: [calc], values: false, fields: '' },
      legend: { showLegend: legend.show !== false, displayMode: 'list', placement: str(panel.legendType).startsWith('Right') ? 'right' : 'bottom', values: [...(legend.values ? ['value'] : []), ...(legend.percentage ? ['percent'] : [])] },
    },
  };
}
