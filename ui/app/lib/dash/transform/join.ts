/** Several frames as one, and one as several. */
import { type Cell, type Field, type Frame, displayName, field, frame, guessType, timeField } from '../frames';
import { type Json, str, strs } from '../json';

/** Rows that have the same value in one column stand beside each other. Outer: a missing one is empty. */
export function joinByField(frames: readonly Frame[], options: Json): Frame[] {
  if (frames.length === 0) return [];
  const wanted = str(options.byField);
  const inner = options.mode === 'inner';
  const parts = frames.flatMap((one) => {
    const key = wanted ? one.fields.find((given) => given.name === wanted || displayName(given, one, frames.length) === wanted) : (timeField(one) ?? one.fields[0]);
    return key ? [{ one, key }] : [];
  });
  const first = parts[0];
  if (!first) return [...frames];
  if (parts.length === 1) return frames.length === 1 ? [...frames] : [first.one];
  const keys = new Map<Cell, number>();
  for (const { key } of parts) for (const value of key.values) if (!keys.has(value)) keys.set(value, keys.size);
  let ordered = [...keys.keys()];
  if (inner) ordered = ordered.filter((value) => parts.every(({ key }) => key.values.includes(value)));
  if (first.key.type === 'time') ordered.sort((a, b) => Number(a) - Number(b));
  const fields: Field[] = [{ ...first.key, values: ordered }];
  for (const { one, key } of parts) {
    const at = new Map(key.values.map((value, row) => [value, row]));
    for (const given of one.fields) {
      if (given === key) continue;
      const values = ordered.map((value) => {
        const row = at.get(value);
        return row === undefined ? null : (given.values[row] ?? null);
      });
      fields.push({ ...given, values, ...(given.legend || !one.name || given.type !== 'number' || given.labels ? {} : { legend: given.name === 'Value' ? one.name : given.name }) });
    }
  }
  return [frame(first.one.refId, first.one.name, uniqueNames(fields))];
}

/** Columns of one name from several queries get numbers, as Grafana gives them. */
function uniqueNames(fields: Field[]): Field[] {
  const total = new Map<string, number>();
  fields.forEach((one) => total.set(one.name, (total.get(one.name) ?? 0) + 1));
  const seen = new Map<string, number>();
  return fields.map((one) => {
    if ((total.get(one.name) ?? 0) < 2 || one.legend || one.type === 'number' && one.labels) return one;
    const n = (seen.get(one.name) ?? 0) + 1;
    seen.set(one.name, n);
    return { ...one, name: `${one.name} ${n}` };
  });
}

/** All rows in one table; rows whose shared columns agree become one. */
export function merge(frames: readonly Frame[]): Frame[] {
  const filled = frames.filter((one) => one.fields.length > 0 && one.length > 0);
  if (filled.length === 0) return [];
  if (filled.length === 1) return [...filled];
  const columns = new Map<string, Field>();
  for (const one of filled) for (const given of one.fields) if (!columns.has(nameIn(given, one))) columns.set(nameIn(given, one), given);
  const names = [...columns.keys()];
  const shared = names.filter((name) => filled.every((one) => one.fields.some((given) => nameIn(given, one) === name)));
  const rows: Map<string, Cell>[] = [];
  const known = new Map<string, Map<string, Cell>[]>();
  for (const one of filled) {
    const named = one.fields.map((given) => ({ name: nameIn(given, one), given }));
    for (let row = 0; row < one.length; row += 1) {
      const cells = new Map(named.map(({ name, given }) => [name, given.values[row] ?? null]));
      const key = JSON.stringify(shared.map((name) => cells.get(name) ?? null));
      const twins = known.get(key) ?? [];
      const twin = shared.length ? twins.find((other) => [...cells].every(([name, value]) => !other.has(name) || other.get(name) === value)) : undefined;
      if (twin) cells.forEach((value, name) => twin.set(name, value));
      else {
        rows.push(cells);
        known.set(key, [...twins, cells]);
      }
    }
  }
  const fields = names.map((name) => ({ ...(columns.get(name) as Field), name, values: rows.map((cells) => cells.get(name) ?? null) }));
  return [frame(filled[0]?.refId ?? '', filled[0]?.name ?? '', fields)];
}

function nameIn(given: Field, one: Frame): string {
  const name = given.config.displayName;
  return typeof name === 'string' && name ? name : given.type === 'number' && given.legend && given.name === 'Value' ? displayName(given, one, 1) : given.name;
}

export function concatenate(frames: readonly Frame[], options: Json): Frame[] {
  if (frames.length < 2) return [...frames];
  const labelled = options.frameNameMode === 'label';
  const fields = frames.flatMap((one) => one.fields.map((given) => ({ ...given, ...(labelled && one.name ? { labels: { ...given.labels, frame: one.name } } : {}) })));
  return [frame(frames[0]?.refId ?? '', '', fields)];
}

export function seriesToRows(frames: readonly Frame[]): Frame[] {
  const rows: { time: Cell; metric: string; value: Cell }[] = [];
  for (const one of frames) {
    const time = timeField(one);
    for (const given of one.fields) {
      if (given.type !== 'number' || !time) continue;
      const metric = displayName(given, one, frames.length);
      given.values.forEach((value, row) => rows.push({ time: time.values[row] ?? null, metric, value }));
    }
  }
  rows.sort((a, b) => Number(b.time) - Number(a.time));
  return [frame('', '', [field('Time', 'time', rows.map((row) => row.time)), field('Metric', 'string', rows.map((row) => row.metric)), field('Value', 'number', rows.map((row) => row.value))])];
}

/** Labels become columns. */
export function labelsToFields(frames: readonly Frame[], options: Json): Frame[] {
  const keep = strs(options.keepLabels);
  const valueLabel = str(options.valueLabel);
  const asRows = options.mode === 'rows';
  const out = frames.map((one) => {
    const fields: Field[] = [];
    const labels = new Map<string, string>();
    for (const given of one.fields) {
      for (const [key, value] of Object.entries(given.labels ?? {})) if (keep.length === 0 || keep.includes(key)) labels.set(key, value);
      const { labels: _labels, legend: _legend, ...rest } = given;
      const named = valueLabel ? given.labels?.[valueLabel] : undefined;
      fields.push({ ...rest, name: named ?? given.name });
    }
    if (asRows) return frame(one.refId, one.name, [field('label', 'string', [...labels.keys()]), field('value', 'string', [...labels.values()])]);
    const added = [...labels].filter(([key]) => key !== valueLabel && key !== '__name__').map(([key, value]) => field(key, 'string', new Array<Cell>(one.length).fill(value)));
    const [first, ...others] = fields;
    return frame(one.refId, one.name, first ? [first, ...added, ...others] : added);
  });
  return asRows ? out : merge(out);
}

export function partition(frames: readonly Frame[], options: Json): Frame[] {
  const wanted = strs(options.fields);
  return frames.flatMap((one) => {
    const keys = one.fields.filter((given) => wanted.includes(given.name) || wanted.includes(displayName(given, one, frames.length)));
    if (keys.length === 0) return [one];
    const groups = new Map<string, number[]>();
    for (let row = 0; row < one.length; row += 1) {
      const key = keys.map((given) => String(given.values[row])).join(' ');
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    const rest = options.keepFields === true ? one.fields : one.fields.filter((given) => !keys.includes(given));
    return [...groups].map(([name, rows]) => frame(one.refId, name, rest.map((given) => ({ ...given, values: rows.map((row) => given.values[row] ?? null), ...(given.type === 'number' ? { legend: name } : {}) }))));
  });
}

export function transpose(frames: readonly Frame[]): Frame[] {
  return frames.map((one) => {
    const [head, ...rest] = one.fields;
    if (!head) return one;
    const columns = head.values.map((name, row) => {
      const values = rest.map((given) => given.values[row] ?? null);
      return field(String(name), guessType(values), values);
    });
    return frame(one.refId, one.name, [field('Field', 'string', rest.map((given) => displayName(given, one, frames.length))), ...columns]);
  });
}
