/** Singlestat panels, and the options that stat, gauge and bar gauge had in Grafana 6 and 7.0. */
import { type Json, arr, isEmpty, num, obj, objs, str } from './json';

const VALUE_NAMES: Record<string, string> = {
  current: 'lastNotNull', avg: 'mean', total: 'sum', last_time: 'lastNotNull', first: 'first', min: 'min', max: 'max', delta: 'delta', diff: 'diff', range: 'range', name: 'lastNotNull',
};

export function migrateSinglestat(panel: Json): Json {
  const gauge = obj(panel.gauge);
  const isGauge = gauge.show === true;
  const colors = arr(panel.colors).map((color) => str(color));
  const given = str(panel.thresholds).split(',').map((one) => num(one)).filter((one) => one !== undefined);
  const defaults: Json = { ...obj(obj(panel.fieldConfig).defaults) };
  if (panel.format) defaults.unit = panel.format;
  if (num(panel.decimals) !== undefined) defaults.decimals = num(panel.decimals);
  if (panel.nullText) defaults.noValue = panel.nullText;
  if (colors.length) defaults.thresholds = { mode: 'absolute', steps: colors.slice(0, given.length + 1).map((color, i) => ({ color, value: i === 0 ? null : given[i - 1] })) };
  const mappings = [...objs(panel.valueMaps).map(valueMap), ...objs(panel.rangeMaps).map(rangeMap)].filter((one) => one !== undefined);
  const only = num(panel.mappingType) === 2 ? 'range' : 'value';
  if (mappings.length) defaults.mappings = mappings.filter((one) => one.type === only || one.type === 'special');
  if (isGauge) Object.assign(defaults, { min: num(gauge.minValue) ?? 0, max: num(gauge.maxValue) ?? 100 });
  if (panel.prefix || panel.postfix) defaults.affixes = { prefix: str(panel.prefix), postfix: str(panel.postfix) };
  const colored = panel.colorBackground ? 'background' : panel.colorValue ? 'value' : 'none';
  const reduceOptions = { calcs: [VALUE_NAMES[str(panel.valueName)] ?? 'mean'], fields: panel.tableColumn ? `/^${str(panel.tableColumn)}$/` : '', values: false };
  return {
    ...panel,
    type: isGauge ? 'gauge' : 'stat',
    fieldConfig: { defaults, overrides: objs(obj(panel.fieldConfig).overrides) },
    options: isGauge
      ? { reduceOptions, showThresholdMarkers: gauge.thresholdMarkers !== false, showThresholdLabels: gauge.thresholdLabels === true }
      : { reduceOptions, colorMode: colored, graphMode: obj(panel.sparkline).show ? 'area' : 'none', textMode: panel.valueName === 'name' ? 'name' : 'auto', justifyMode: 'auto' },
  };
}

function valueMap(given: Json): Json | undefined {
  if (isEmpty(given.value)) return undefined;
  if (given.value === 'null') return { type: 'special', options: { match: 'null', result: { text: str(given.text) } } };
  return { type: 'value', options: { [str(given.value)]: { text: str(given.text) } } };
}

function rangeMap(given: Json): Json | undefined {
  if (given.from === 'null' && given.to === 'null') return { type: 'special', options: { match: 'null', result: { text: str(given.text) } } };
  return { type: 'range', options: { from: num(given.from) ?? null, to: num(given.to) ?? null, result: { text: str(given.text) } } };
}

/** `fieldOptions` and `valueOptions` became the field configuration; mappings and thresholds changed their shape. */
export function migrateOldOptions(panel: Json): Json {
  const options = obj(panel.options);
  const config = obj(panel.fieldConfig);
  let defaults = { ...obj(config.defaults) };
  let next = options;
  const old = obj(options.fieldOptions);
  if (!isEmpty(old)) {
    const { fieldOptions: _gone, ...others } = options;
    const { mappings, thresholds } = old;
    defaults = { ...obj(old.defaults), ...(mappings ? { mappings } : {}), ...(thresholds ? { thresholds } : {}), ...defaults };
    next = { ...others, reduceOptions: { calcs: arr(old.calcs).length ? old.calcs : ['mean'], values: old.values === true, fields: '' } };
  }
  const value = obj(options.valueOptions);
  if (!isEmpty(value)) {
    const { valueOptions: _gone, ...others } = next;
    defaults = { unit: value.unit, decimals: value.decimals, affixes: { prefix: str(value.prefix), postfix: str(value.suffix) }, ...defaults };
    next = { ...others, reduceOptions: { calcs: [VALUE_NAMES[str(value.stat)] ?? (str(value.stat) || 'mean')], values: false, fields: '' } };
    for (const key of ['minValue', 'maxValue'] as const) if (options[key] !== undefined) defaults[key === 'minValue' ? 'min' : 'max'] ??= options[key];
    if (options.thresholds) defaults.thresholds ??= options.thresholds;
    if (options.valueMappings) defaults.mappings ??= options.valueMappings;
  }
  if (Array.isArray(defaults.thresholds)) defaults.thresholds = { mode: 'absolute', steps: objs(defaults.thresholds).map((one, i) => ({ color: one.color, value: i === 0 ? null : (num(one.value) ?? null) })) };
  if (defaults.title !== undefined && defaults.displayName === undefined) defaults.displayName = defaults.title;
  if (Array.isArray(defaults.mappings)) defaults.mappings = migrateMappings(objs(defaults.mappings));
  const overrides = objs(config.overrides).map((one) => ({
    ...one,
    properties: objs(one.properties).map((property) => (property.id === 'mappings' ? { ...property, value: migrateMappings(objs(property.value)) } : property)),
  }));
  return { ...panel, options: next, fieldConfig: { ...config, defaults, overrides } };
}

/** Before Grafana 8 a mapping was `{type: 1, value, text}` or `{type: 2, from, to, text}`. */
export function migrateMappings(given: readonly Json[]): Json[] {
  return given.flatMap((one): Json[] => {
    if (typeof one.type === 'string') return [one];
    const mapped = num(one.type) === 2 ? rangeMap(one) : valueMap(one);
    return mapped ? [mapped] : [];
  });
}
