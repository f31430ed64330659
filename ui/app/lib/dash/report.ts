/** How faithful a dashboard is shown: for every panel exact, approximated or unsupported, each with its reasons. A table, not a judgement. */
import { MATCHERS } from './config';
import { type SourceNames, sourceNames, targetSource } from './datasource';
import { type Json, isEmpty, obj, objs, str, strs } from './json';
import { type Dashboard, type Panel, allPanels } from './model';
import { isCalc } from './reduce';
import { TRANSFORMS } from './transform';
import { isKnownUnit } from './units';
import { variableQuery } from './variables';

export type Grade = 'exact' | 'approximated' | 'unsupported';
export type PanelReport = { id: number; title: string; type: string; grade: Grade; reasons: string[] };
export type Report = { panels: PanelReport[]; variables: { name: string; grade: Grade; reasons: string[] }[]; counts: Record<Grade, number> };

/** Options each type applies, or that make no difference to a picture. */
const COMMON_CUSTOM = ['hideFrom', 'axisPlacement', 'axisLabel', 'axisSoftMin', 'axisSoftMax', 'axisCenteredZero', 'axisColorMode', 'axisGridShow', 'axisWidth', 'axisBorderShow', 'scaleDistribution'];
const REDUCE = ['reduceOptions', 'orientation', 'text'];
const LEGEND = ['legend', 'tooltip'];
export const PANEL_TYPES: Record<string, { options: readonly string[]; custom: readonly string[] }> = {
  timeseries: { options: [...LEGEND, 'timezone', 'annotations'], custom: [...COMMON_CUSTOM, 'drawStyle', 'lineWidth', 'fillOpacity', 'gradientMode', 'lineInterpolation', 'lineStyle', 'showPoints', 'pointSize', 'pointColor', 'spanNulls', 'insertNulls', 'stacking', 'thresholdsStyle', 'barAlignment', 'barWidthFactor', 'barMaxWidth', 'transform', 'lineColor', 'fillBelowTo', 'fillColor', 'showValues'] },
  stat: { options: [...REDUCE, 'colorMode', 'graphMode', 'justifyMode', 'textMode', 'wideLayout', 'showPercentChange', 'percentChangeColorMode'], custom: ['hideFrom'] },
  gauge: { options: [...REDUCE, 'showThresholdMarkers', 'showThresholdLabels', 'sizing', 'minVizWidth', 'minVizHeight'], custom: ['hideFrom', 'neutral'] },
  bargauge: { options: [...REDUCE, 'displayMode', 'showUnfilled', 'namePlacement', 'valueMode', 'sizing', 'minVizWidth', 'minVizHeight', 'maxVizHeight', 'legend'], custom: ['hideFrom'] },
  barchart: { options: [...LEGEND, 'orientation', 'stacking', 'xField', 'showValue', 'barWidth', 'groupWidth', 'xTickLabelRotation', 'xTickLabelSpacing', 'xTickLabelMaxLength', 'barRadius', 'fullHighlight', 'colorByField', 'text'], custom: [...COMMON_CUSTOM, 'lineWidth', 'fillOpacity', 'gradientMode', 'thresholdsStyle'] },
  table: { options: ['showHeader', 'sortBy', 'sortByIndex', 'sortDesc', 'footer', 'frameIndex', 'cellHeight', 'enablePagination', 'frozenColumns', 'showTypeIcons', 'disableKeyboardEvents'], custom: ['align', 'cellOptions', 'displayMode', 'hidden', 'hideFrom', 'width', 'minWidth', 'filterable', 'inspect', 'footer', 'wrapText', 'wrapHeaderText', 'tooltip', 'hideFrom'] },
  heatmap: { options: [...LEGEND, 'calculate', 'calculation', 'yAxis', 'color', 'cellGap', 'cellRadius', 'cellValues', 'filterValues', 'rowsFrame', 'showValue', 'exemplars', 'selectionMode'], custom: ['hideFrom', 'scaleDistribution'] },
  histogram: { options: [...LEGEND, 'bucketCount', 'bucketSize', 'bucketOffset', 'combine'], custom: [...COMMON_CUSTOM, 'lineWidth', 'fillOpacity', 'gradientMode', 'stacking'] },
  piechart: { options: [...REDUCE, ...LEGEND, 'pieType', 'displayLabels', 'sort'], custom: ['hideFrom'] },
  'state-timeline': { options: [...LEGEND, 'mergeValues', 'showValue', 'alignValue', 'rowHeight', 'perPage'], custom: ['lineWidth', 'fillOpacity', 'spanNulls', 'insertNulls', 'hideFrom', 'axisPlacement'] },
  'status-history': { options: [...LEGEND, 'showValue', 'rowHeight', 'colWidth', 'perPage'], custom: ['lineWidth', 'fillOpacity', 'hideFrom', 'axisPlacement'] },
  text: { options: ['content', 'mode', 'code'], custom: [] },
  logs: { options: ['showTime', 'showLabels', 'showCommonLabels', 'wrapLogMessage', 'prettifyLogMessage', 'enableLogDetails', 'dedupStrategy', 'sortOrder', 'showLogContextToggle', 'detailsMode', 'enableInfiniteScrolling', 'showControls', 'showLogAttributes', 'fontSize', 'syntaxHighlighting', 'unwrappedColumns', 'noInteractions', 'timestampResolution', 'showFieldSelector'], custom: ['hideFrom'] },
  traces: { options: ['spanFilters'], custom: ['hideFrom'] },
  nodeGraph: { options: ['zoomMode', 'layoutAlgorithm', 'edges', 'nodes'], custom: [] },
  alertlist: { options: ['stateFilter', 'alertName', 'maxItems', 'sortOrder', 'groupMode', 'groupBy', 'alertInstanceLabelFilter', 'dashboardAlerts', 'viewMode', 'folder', 'datasource', 'showInstances', 'showInactiveAlerts', 'dashboardTitle', 'show', 'folderId'], custom: [] },
  dashlist: { options: ['maxItems', 'query', 'showHeadings', 'showSearch', 'showStarred', 'showRecentlyViewed', 'tags', 'keepTime', 'includeVars', 'folderUID', 'showFolderNames', 'folderId'], custom: [] },
};

/** Settings of lines and bars: other types keep them in their JSON when a panel changed its type, and Grafana reads them there as little. */
const WITHOUT_LINES = new Set(['stat', 'gauge', 'bargauge', 'piechart', 'table', 'text', 'logs', 'heatmap']);
const OF_LINES = new Set([...(PANEL_TYPES.timeseries?.custom ?? []), ...(PANEL_TYPES.barchart?.custom ?? []), 'showValues']);
const leftOver = (type: string, key: string) => WITHOUT_LINES.has(type) && OF_LINES.has(key);

/** Applied in part: what is said unless the value is one that makes no difference. */
type Rough = { path: string; harmless?: readonly unknown[]; reason: string };
const ROUGH: readonly Rough[] = [
  { path: 'timeseries.custom.fillBelowTo', reason: 'the area between two series is filled down to zero' },
  { path: 'timeseries.custom.showValues', harmless: [false], reason: 'values stand in the tooltip, not at their points' },
  { path: 'timeseries.custom.gradientMode', harmless: ['none', 'opacity', 'hue'], reason: 'a gradient by value is drawn in the colour of the series' },
  { path: 'timeseries.custom.axisColorMode', harmless: ['text'], reason: 'axes have the colour of text, not of their series' },
  { path: 'timeseries.custom.barAlignment', harmless: [0], reason: 'bars stand in the middle of their time' },
  { path: 'timeseries.custom.axisBorderShow', harmless: [false], reason: 'axes have no border' },
  { path: 'timeseries.custom.axisWidth', reason: 'axes are as wide as their texts' },
  { path: 'timeseries.custom.barWidthFactor', harmless: [0.6, 0.8, 1], reason: 'bars have one width' },
  { path: 'timeseries.custom.barMaxWidth', reason: 'bars have one width' },
  { path: 'timeseries.custom.insertNulls', harmless: [false], reason: 'lines break at gaps of one and a half steps' },
  { path: 'gauge.options.sizing', harmless: ['auto'], reason: 'gauges take the room there is' },
  { path: 'bargauge.options.sizing', harmless: ['auto'], reason: 'bars take the room there is' },
  { path: 'bargauge.options.namePlacement', harmless: ['auto', 'hidden'], reason: 'names stand beside their bars' },
  { path: 'stat.options.percentChangeColorMode', harmless: ['standard'], reason: 'the change has the colour of text' },
  { path: 'barchart.options.showValue', harmless: ['auto', 'never'], reason: 'values stand in the tooltip, not on the bars' },
  { path: 'barchart.options.xTickLabelRotation', harmless: [0], reason: 'labels are not turned' },
  { path: 'barchart.options.colorByField', reason: 'bars have the colour of their series, not of another field' },
  { path: 'table.custom.filterable', harmless: [false], reason: 'columns can be sorted, but not filtered' },
  { path: 'table.options.enablePagination', harmless: [false], reason: 'rows scroll instead of standing on pages' },
  { path: 'heatmap.options.showValue', harmless: ['never', 'auto'], reason: 'values stand in the tooltip, not in the cells' },
  { path: 'heatmap.custom.scaleDistribution', reason: 'buckets have rows of one height' },
  { path: 'state-timeline.options.alignValue', harmless: ['left'], reason: 'texts stand at the left of their states' },
  { path: 'logs.options.dedupStrategy', harmless: ['none'], reason: 'lines are not deduplicated' },
  { path: 'logs.options.showCommonLabels', harmless: [false], reason: 'common labels are not shown apart' },
  { path: 'nodeGraph.options.layoutAlgorithm', harmless: ['layered'], reason: 'nodes stand in layers' },
  { path: 'text.options.mode', harmless: ['markdown', 'code'], reason: 'HTML is shown as its text' },
  { path: 'alertlist.options.dashboardAlerts', harmless: [false], reason: 'alerts are not filtered by the dashboard they belong to' },
  { path: 'alertlist.options.viewMode', harmless: ['list'], reason: 'alerts are listed, not counted' },
  { path: 'alertlist.options.groupBy', reason: 'alerts are not grouped' },
  { path: 'dashlist.options.showStarred', harmless: [false], reason: 'there are no starred dashboards' },
];
const CELLS = new Set(['auto', 'color-text', 'color-background', 'color-background-solid', 'gauge', 'sparkline', 'basic', 'lcd-gauge', 'gradient-gauge']);

function roughness(path: string, value: unknown): string | undefined {
  if (isEmpty(value)) return undefined;
  const type = str(obj(value).type);
  if (path === 'table.custom.cellOptions' && !CELLS.has(type)) return `cells of the type ${type} are shown as text`;
  if (path === 'heatmap.custom.scaleDistribution' && type === 'linear') return undefined;
  return ROUGH.find((row) => row.path === path && !row.harmless?.includes(value))?.reason;
}

const PROPERTIES = new Set(['color', 'unit', 'decimals', 'displayName', 'min', 'max', 'mappings', 'thresholds', 'links', 'noValue', 'actions', 'filterable', 'description', 'fieldMinMax', 'unitScale', 'nullValueMode', 'affixes', 'custom', 'displayNameFromDS', 'title', 'type']);
const COLOR_MODES = /^(fixed|shades|thresholds|palette-classic(-by-name)?|continuous-.*)?$/;

export function reportOf(dashboard: Dashboard): Report {
  const names = sourceNames(dashboard);
  const panels = allPanels(dashboard).map((panel) => reportPanel(panel, names));
  const variables = dashboard.templating.list.map((variable) => {
    const reasons: string[] = [];
    if (variable.type === 'query' && variableQuery(variable).kind === 'unknown' && !isEmpty(variable.query)) reasons.push('its query is not understood');
    if (!['query', 'custom', 'constant', 'textbox', 'interval', 'datasource', 'adhoc', 'switch'].includes(variable.type)) reasons.push(`variables of the type ${variable.type} are left out`);
    return { name: variable.name, grade: (reasons.length ? 'unsupported' : 'exact') as Grade, reasons };
  });
  const counts: Record<Grade, number> = { exact: 0, approximated: 0, unsupported: 0 };
  for (const panel of panels) counts[panel.grade] += 1;
  return { panels, variables, counts };
}

function reportPanel(panel: Panel, names: SourceNames): PanelReport {
  const blocking: string[] = [];
  const rough: string[] = [];
  const known = PANEL_TYPES[panel.type];
  if (!known) blocking.push(panel.libraryPanel ? 'library panels are not in the file' : `there is no panel of the type ${panel.type}`);
  else optionReasons(panel, known, rough);
  queryReasons(panel, names, blocking);
  for (const one of panel.transformations) if (!TRANSFORMS[one.id] && !one.disabled) rough.push(`the transformation ${one.id} is left out`);
  configReasons(panel, known?.custom ?? [], rough);
  const reasons = [...new Set([...blocking, ...rough])];
  return { id: panel.id, title: panel.title, type: panel.type, grade: blocking.length ? 'unsupported' : rough.length ? 'approximated' : 'exact', reasons };
}

function optionReasons(panel: Panel, known: { options: readonly string[] }, rough: string[]): void {
  for (const [key, value] of Object.entries(panel.options)) {
    if (key === 'pluginVersion' || isEmpty(value)) continue;
    // A legend where the type has none is left from the type it had.
    const stale = (key === 'legend' || key === 'tooltip') && WITHOUT_LINES.has(panel.type);
    if (!known.options.includes(key) && !stale) rough.push(`the option ${key} is not applied`);
    const reason = roughness(`${panel.type}.options.${key}`, value);
    if (reason) rough.push(reason);
  }
  for (const calc of strs(obj(panel.options.reduceOptions).calcs)) if (!isCalc(calc)) rough.push(`the calculation ${calc} is not known`);
}

function queryReasons(panel: Panel, names: SourceNames, blocking: string[]): void {
  if (['text', 'alertlist', 'dashlist', 'row'].includes(panel.type)) return;
  for (const target of panel.targets) {
    const source = targetSource(panel, target, names);
    if ('unsupported' in source) blocking.push(`${source.unsupported} cannot be asked`);
    else if (source.kind === 'expression' && !['math', 'reduce', 'resample', 'threshold'].includes(str(target.type))) blocking.push(`expressions of the kind ${str(target.type)} are not evaluated`);
    else if (source.kind === 'testdata' && target.queryType !== 'snapshot') blocking.push('Grafana’s own test data is not there');
  }
}

function configReasons(panel: Panel, custom: readonly string[], rough: string[]): void {
  const property = (id: string, value: unknown) => {
    if (isEmpty(value)) return;
    if (id.startsWith('custom.')) {
      const key = id.slice(7);
      if (!custom.includes(key) && !leftOver(panel.type, key)) rough.push(`the setting ${key} is not applied`);
      const reason = roughness(`${panel.type}.custom.${key}`, value);
      if (reason) rough.push(reason);
    } else if (!PROPERTIES.has(id)) rough.push(`the setting ${id} is not applied`);
    else if (id === 'unit' && !isKnownUnit(str(value))) return;
    else if (id === 'color' && !COLOR_MODES.test(str(obj(value).mode))) rough.push(`the colours ${str(obj(value).mode)} are not known`);
  };
  for (const [key, value] of Object.entries(panel.fieldConfig.defaults)) {
    if (key === 'custom') Object.entries(value as Json).forEach(([inner, one]) => property(`custom.${inner}`, one));
    else property(key, value);
  }
  for (const override of panel.fieldConfig.overrides) {
    if (!MATCHERS.includes(override.matcher.id)) rough.push(`overrides by ${override.matcher.id} are left out`);
    for (const { id, value } of objs(override.properties)) property(str(id), value);
  }
}
