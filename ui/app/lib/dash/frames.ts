/** Tables of columns: what queries answer, what transformations change, and what panels draw. */
import type { Labels } from '../prom';
import type { Json } from './json';

export type FieldType = 'time' | 'number' | 'string' | 'boolean' | 'other';
export type Cell = number | string | boolean | null;

export type Field = {
  name: string;
  type: FieldType;
  values: Cell[];
  labels?: Labels;
  /** The legend of the query, before field configuration has its say. */
  legend?: string;
  /** Set by field configuration. */
  config: Json;
  /** Small lines in cells. */
  frames?: Frame[];
};

export type Frame = { refId: string; name: string; fields: Field[]; length: number; meta?: Json };

export function field(name: string, type: FieldType, values: Cell[], more: Partial<Field> = {}): Field {
  return { name, type, values, config: {}, ...more };
}

export function frame(refId: string, name: string, fields: Field[], meta?: Json): Frame {
  return { refId, name, fields, length: fields.reduce((most, one) => Math.max(most, one.values.length), 0), ...(meta ? { meta } : {}) };
}

export function timeField(one: Frame): Field | undefined {
  return one.fields.find((candidate) => candidate.type === 'time');
}

export function numberFields(one: Frame): Field[] {
  return one.fields.filter((candidate) => candidate.type === 'number');
}

export function guessType(values: readonly unknown[]): FieldType {
  const first = values.find((value) => value !== null && value !== undefined);
  return typeof first === 'number' ? 'number' : typeof first === 'boolean' ? 'boolean' : 'string';
}

/** As Grafana names fields in matchers and tables: what was configured, the legend, the labels, or the plain name. */
export function displayName(one: Field, owner: Frame | undefined, frames: number): string {
  const configured = one.config.displayName;
  if (typeof configured === 'string' && configured) return expandFieldName(configured, one, owner);
  if (one.legend) return one.legend;
  if (one.type === 'time' && (!one.labels || Object.keys(one.labels).length === 0)) return one.name;
  const labels = Object.entries(one.labels ?? {});
  if (labels.length === 0) return one.name === 'Value' && frames > 1 && owner?.name ? owner.name : one.name;
  if (one.name !== 'Value' && labels.length > 0) return `${one.name} {${labels.map(([key, value]) => `${key}="${value}"`).join(', ')}}`;
  return labels.length === 1 ? (labels[0]?.[1] ?? '') : `{${labels.map(([key, value]) => `${key}="${value}"`).join(', ')}}`;
}

export function expandFieldName(text: string, one: Field, owner: Frame | undefined): string {
  return text.replace(/\$\{__(field|series)\.(name|labels|displayName|label)(?:\.([\w.-]+)|\["([^"]+)"\])?\}|\$__cell_\d|\$\{__cell_\d\}/g, (_whole, of?: string, what?: string, key?: string, quoted?: string) => {
    if (of === undefined) return '';
    if (of === 'series' || what === 'displayName') return one.legend ?? owner?.name ?? one.name;
    if (what === 'labels') {
      const label = key ?? quoted;
      return label ? (one.labels?.[label] ?? '') : Object.entries(one.labels ?? {}).map(([k, v]) => `${k}="${v}"`).join(', ');
    }
    return one.name;
  });
}
