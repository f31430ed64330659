/** The options of panels, one row each: where it stands in the JSON, which types have it, how it is edited. */
import { UNIT_NAMES } from '../../../lib/dash/units';

export type OptionRow = {
  group: string;
  label: string;
  /** `options.…` or `defaults.…` (field configuration). */
  path: string;
  types: readonly string[] | 'numbers' | 'all';
  kind: 'text' | 'number' | 'switch' | 'choice' | 'choices' | 'area';
  choices?: readonly (string | { value: string; label: string })[];
  /** What the panel does if nothing is written. */
  otherwise?: string | boolean;
};

const NUMBERS = ['timeseries', 'stat', 'gauge', 'bargauge', 'barchart', 'table', 'histogram', 'piechart', 'state-timeline', 'status-history', 'heatmap'];
const REDUCED = ['stat', 'gauge', 'bargauge', 'piechart'];
const LEGENDS = ['timeseries', 'barchart', 'piechart', 'state-timeline', 'status-history', 'histogram'];
const CALCS = ['lastNotNull', 'last', 'first', 'mean', 'min', 'max', 'sum', 'count', 'range', 'delta', 'diff', 'median', 'p95', 'p99', 'stdDev'];
const LINE = ['timeseries'];

export function applies(row: OptionRow, type: string): boolean {
  return row.types === 'all' || (row.types === 'numbers' ? NUMBERS.includes(type) : row.types.includes(type));
}

export const OPTION_ROWS: readonly OptionRow[] = [
  { group: 'Value', label: 'Unit', path: 'defaults.unit', types: 'numbers', kind: 'choice', choices: UNIT_NAMES },
  { group: 'Value', label: 'Decimals', path: 'defaults.decimals', types: 'numbers', kind: 'number' },
  { group: 'Value', label: 'Min', path: 'defaults.min', types: 'numbers', kind: 'number' },
  { group: 'Value', label: 'Max', path: 'defaults.max', types: 'numbers', kind: 'number' },
  { group: 'Value', label: 'Name', path: 'defaults.displayName', types: 'numbers', kind: 'text' },
  { group: 'Value', label: 'If there is no value', path: 'defaults.noValue', types: 'numbers', kind: 'text' },
  { group: 'Value', label: 'Calculation', path: 'options.reduceOptions.calcs', types: REDUCED, kind: 'choices', choices: CALCS },
  { group: 'Colour', label: 'Colours', path: 'defaults.color.mode', types: 'numbers', kind: 'choice', choices: ['palette-classic', 'thresholds', 'fixed', 'continuous-GrYlRd', 'continuous-BlPu', 'continuous-blues', 'continuous-reds', 'continuous-greens'] },
  { group: 'Colour', label: 'Fixed colour', path: 'defaults.color.fixedColor', types: 'numbers', kind: 'text' },
  { group: 'Look', label: 'Style', path: 'defaults.custom.drawStyle', types: LINE, kind: 'choice', choices: ['line', 'bars', 'points'], otherwise: 'line' },
  { group: 'Look', label: 'Line', path: 'defaults.custom.lineInterpolation', types: LINE, kind: 'choice', choices: ['linear', 'smooth', 'stepBefore', 'stepAfter'], otherwise: 'linear' },
  { group: 'Look', label: 'Line width', path: 'defaults.custom.lineWidth', types: LINE, kind: 'number' },
  { group: 'Look', label: 'Fill, percent', path: 'defaults.custom.fillOpacity', types: LINE, kind: 'number' },
  { group: 'Look', label: 'Gradient', path: 'defaults.custom.gradientMode', types: LINE, kind: 'choice', choices: ['none', 'opacity'], otherwise: 'none' },
  { group: 'Look', label: 'Points', path: 'defaults.custom.showPoints', types: LINE, kind: 'choice', choices: ['auto', 'always', 'never'], otherwise: 'auto' },
  { group: 'Look', label: 'Connect gaps', path: 'defaults.custom.spanNulls', types: LINE, kind: 'switch' },
  { group: 'Look', label: 'Stack', path: 'defaults.custom.stacking.mode', types: [...LINE, 'barchart'], kind: 'choice', choices: ['none', 'normal', 'percent'], otherwise: 'none' },
  { group: 'Look', label: 'Show thresholds', path: 'defaults.custom.thresholdsStyle.mode', types: LINE, kind: 'choice', choices: ['off', 'line', 'dashed', 'area', 'line+area'], otherwise: 'off' },
  { group: 'Axis', label: 'Side', path: 'defaults.custom.axisPlacement', types: LINE, kind: 'choice', choices: ['auto', 'left', 'right', 'hidden'], otherwise: 'auto' },
  { group: 'Axis', label: 'Label', path: 'defaults.custom.axisLabel', types: LINE, kind: 'text' },
  { group: 'Axis', label: 'Scale', path: 'defaults.custom.scaleDistribution.type', types: LINE, kind: 'choice', choices: ['linear', 'log'], otherwise: 'linear' },
  { group: 'Axis', label: 'Soft min', path: 'defaults.custom.axisSoftMin', types: LINE, kind: 'number' },
  { group: 'Axis', label: 'Soft max', path: 'defaults.custom.axisSoftMax', types: LINE, kind: 'number' },
  { group: 'Look', label: 'Text', path: 'options.textMode', types: ['stat'], kind: 'choice', choices: ['auto', 'value', 'value_and_name', 'name', 'none'], otherwise: 'auto' },
  { group: 'Look', label: 'Colour', path: 'options.colorMode', types: ['stat'], kind: 'choice', choices: ['value', 'background', 'background_solid', 'none'], otherwise: 'value' },
  { group: 'Look', label: 'Small graph', path: 'options.graphMode', types: ['stat'], kind: 'choice', choices: ['area', 'none'], otherwise: 'none' },
  { group: 'Look', label: 'Align', path: 'options.justifyMode', types: ['stat'], kind: 'choice', choices: ['auto', 'center'], otherwise: 'auto' },
  { group: 'Look', label: 'Change in percent', path: 'options.showPercentChange', types: ['stat'], kind: 'switch' },
  { group: 'Look', label: 'Orientation', path: 'options.orientation', types: ['stat', 'gauge', 'bargauge', 'barchart'], kind: 'choice', choices: ['auto', 'horizontal', 'vertical'], otherwise: 'auto' },
  { group: 'Look', label: 'Thresholds around', path: 'options.showThresholdMarkers', types: ['gauge'], kind: 'switch', otherwise: true },
  { group: 'Look', label: 'Bars', path: 'options.displayMode', types: ['bargauge'], kind: 'choice', choices: ['gradient', 'lcd', 'basic'], otherwise: 'gradient' },
  { group: 'Look', label: 'Pie', path: 'options.pieType', types: ['piechart'], kind: 'choice', choices: ['pie', 'donut'], otherwise: 'pie' },
  { group: 'Look', label: 'Cells', path: 'defaults.custom.cellOptions.type', types: ['table'], kind: 'choice', choices: ['auto', 'color-text', 'color-background', 'gauge', 'sparkline'], otherwise: 'auto' },
  { group: 'Look', label: 'Row height', path: 'options.cellHeight', types: ['table'], kind: 'choice', choices: ['sm', 'md', 'lg'], otherwise: 'sm' },
  { group: 'Look', label: 'Count the values', path: 'options.calculate', types: ['heatmap'], kind: 'switch' },
  { group: 'Look', label: 'Scheme', path: 'options.color.scheme', types: ['heatmap'], kind: 'choice', choices: ['Oranges', 'Blues', 'Greens', 'Reds', 'Purples', 'Spectral', 'Turbo', 'Viridis', 'Inferno', 'Magma'], otherwise: 'Oranges' },
  { group: 'Look', label: 'Buckets', path: 'options.bucketCount', types: ['histogram'], kind: 'number' },
  { group: 'Look', label: 'Merge equal values', path: 'options.mergeValues', types: ['state-timeline'], kind: 'switch', otherwise: true },
  { group: 'Look', label: 'Text', path: 'options.content', types: ['text'], kind: 'area' },
  { group: 'Look', label: 'As', path: 'options.mode', types: ['text'], kind: 'choice', choices: ['markdown', 'code', 'html'], otherwise: 'markdown' },
  { group: 'Look', label: 'Wrap lines', path: 'options.wrapLogMessage', types: ['logs'], kind: 'switch' },
  { group: 'Look', label: 'Time', path: 'options.showTime', types: ['logs'], kind: 'switch', otherwise: true },
  { group: 'Look', label: 'Labels', path: 'options.showLabels', types: ['logs'], kind: 'switch' },
  { group: 'Look', label: 'Order', path: 'options.sortOrder', types: ['logs'], kind: 'choice', choices: ['Descending', 'Ascending'], otherwise: 'Descending' },
  { group: 'Legend', label: 'Show', path: 'options.legend.showLegend', types: LEGENDS, kind: 'switch', otherwise: true },
  { group: 'Legend', label: 'As', path: 'options.legend.displayMode', types: LEGENDS, kind: 'choice', choices: ['list', 'table'], otherwise: 'list' },
  { group: 'Legend', label: 'Where', path: 'options.legend.placement', types: LEGENDS, kind: 'choice', choices: ['bottom', 'right'], otherwise: 'bottom' },
  { group: 'Legend', label: 'Values', path: 'options.legend.calcs', types: ['timeseries'], kind: 'choices', choices: CALCS },
  { group: 'Legend', label: 'Tooltip', path: 'options.tooltip.mode', types: ['timeseries'], kind: 'choice', choices: ['single', 'multi', 'none'], otherwise: 'single' },
];
