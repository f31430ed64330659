/** Many rows as one. */
import { type Cell, type Field, type Frame, displayName, field, frame, guessType, numberFields, timeField } from '../frames';
import { type Json, obj, str, strs } from '../json';
import { calcName, reduceField } from '../reduce';

export function reduce(frames: readonly Frame[], options: Json): Frame[] {
  const reducers = strs(options.reducers);
  const calcs = reducers.length ? reducers : ['max'];
  if (options.mode === 'reduceFields') {
    return frames.map((one) => frame(one.refId, one.name, numberFields(one).map((given) => ({ ...given, values: [reduceField(given, calcs[0] ?? 'max')] }))));
  }
  const found = frames.flatMap((one) => numberFields(one).map((given) => ({ given, name: displayName(given, one, frames.length) })));
  const labelled = options.labelsToFields === true;
  const labels = labelled ? [...new Set(found.flatMap(({ given }) => Object.keys(given.labels ?? {})))] : [];
  const config = found[0]?.given.config ?? {};
  const { displayName: _own, ...shared } = config;
  return [
    frame(frames[0]?.refId ?? '', '', [
      field('Field', 'string', found.map(({ given, name }) => (labelled ? given.name : name))),
      ...labels.map((label) => field(label, 'string', found.map(({ given }) => given.labels?.[label] ?? null))),
      ...calcs.map((calc) => field(calcName(calc), 'number', found.map(({ given }) => reduceField(given, calc)), { config: { ...shared } })),
    ]),
  ];
}

export function groupBy(frames: readonly Frame[], options: Json): Frame[] {
  const settings = obj(options.fields);
  return frames.map((one) => {
    const setting = (given: Field) => obj(settings[displayName(given, one, frames.length)] ?? settings[given.name]);
    const keys = one.fields.filter((given) => setting(given).operation === 'groupby');
    if (keys.length === 0) return one;
    const groups = new Map<string, number[]>();
    for (let row = 0; row < one.length; row += 1) {
      const key = JSON.stringify(keys.map((given) => given.values[row] ?? null));
      const known = groups.get(key);
      if (known) known.push(row);
      else groups.set(key, [row]);
    }
    const rowsOf = [...groups.values()];
    const fields: Field[] = keys.map((given) => ({ ...given, values: rowsOf.map((rows) => given.values[rows[0] ?? 0] ?? null) }));
    for (const given of one.fields) {
      if (setting(given).operation !== 'aggregate') continue;
      for (const calc of strs(setting(given).aggregations)) {
        const values = rowsOf.map((rows) => reduceField({ ...given, values: rows.map((row) => given.values[row] ?? null) }, calc));
        const { legend: _legend, ...rest } = given;
        const type = calc === 'count' || calc.startsWith('distinct') ? 'number' : given.type === 'number' ? 'number' : guessType(values);
        fields.push({ ...rest, name: `${displayName(given, one, frames.length)} (${shortName(calc)})`, type, values });
      }
    }
    return frame(one.refId, one.name, fields);
  });
}

/** The names Grafana writes in brackets, which later steps refer to. */
function shortName(calc: string): string {
  return { lastNotNull: 'lastNotNull', firstNotNull: 'firstNotNull', sum: 'sum', mean: 'mean', min: 'min', max: 'max', count: 'count' }[calc] ?? calc;
}

export function groupingToMatrix(frames: readonly Frame[], options: Json): Frame[] {
  const [one] = frames;
  const find = (name: string, otherwise: string) => one?.fields.find((given) => given.name === (name || otherwise));
  const column = find(str(options.columnField), 'Time');
  const row = find(str(options.rowField), 'Time');
  const value = find(str(options.valueField), 'Value');
  if (!one || !column || !row || !value) return [...frames];
  const columns = [...new Set(column.values)];
  const rows = [...new Set(row.values)];
  const cells = new Map(value.values.map((cell, at) => [`${String(row.values[at])}\n${String(column.values[at])}`, cell]));
  return [frame(one.refId, one.name, [field(`${row.name}\\${column.name}`, guessType(rows), rows), ...columns.map((name) => field(String(name), value.type, rows.map((key) => cells.get(`${String(key)}\n${String(name)}`) ?? null), { config: { ...value.config } }))])];
}

/** Each series as a row of its labels and a cell that holds the whole of it. */
export function timeSeriesTable(frames: readonly Frame[], options: Json): Frame[] {
  const byRef = new Map<string, Frame[]>();
  for (const one of frames) byRef.set(one.refId, [...(byRef.get(one.refId) ?? []), one]);
  return [...byRef].map(([ref, group]) => {
    const timed = group.filter((one) => timeField(one) && numberFields(one).length > 0);
    if (timed.length === 0) return group[0] as Frame;
    const labels = [...new Set(timed.flatMap((one) => Object.keys(numberFields(one)[0]?.labels ?? {})))];
    const stat = str(obj(options[ref]).stat, 'lastNotNull');
    const values: Cell[] = timed.map((one) => reduceField(numberFields(one)[0] as Field, stat));
    const trend: Field = { ...field(`Trend #${ref}`, 'number', values), frames: timed };
    return frame(ref, '', [...labels.map((label) => field(label, 'string', timed.map((one) => numberFields(one)[0]?.labels?.[label] ?? null))), trend]);
  });
}

