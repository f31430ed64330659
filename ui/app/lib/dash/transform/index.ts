/** Transformations, one row each: the panel applies those its JSON lists, in their order. */
import { type Frame } from '../frames';
import { type Json, obj, str } from '../json';
import type { Transformation } from '../model';
import { filterByName, filterByRefId, filterByValue, limit, organize, renameByRegex, sortBy } from './choose';
import { calculateField, convertFieldType, formatTime, histogram, rowsToFields } from './compute';
import { concatenate, joinByField, labelsToFields, merge, partition, seriesToRows, transpose } from './join';
import { groupBy, groupingToMatrix, reduce, timeSeriesTable } from './group';

type Transform = (frames: readonly Frame[], options: Json) => Frame[];

export const TRANSFORMS: Record<string, Transform> = {
  organize,
  renameByRegex,
  filterFieldsByName: filterByName,
  filterByName,
  filterByRefId,
  filterFramesByRefId: filterByRefId,
  filterByValue,
  limit,
  sortBy,
  calculateField,
  convertFieldType,
  formatTime,
  histogram,
  rowsToFields,
  joinByField,
  seriesToColumns: joinByField,
  joinByLabels: (frames, options) => joinByField(labelsToFields(frames, options), { byField: str(options.value) }),
  merge: (frames) => merge(frames),
  concatenate,
  seriesToRows: (frames) => seriesToRows(frames),
  labelsToFields,
  partitionByValues: partition,
  prepareTimeSeries: (frames) => [...frames],
  transpose: (frames) => transpose(frames),
  reduce,
  groupBy,
  groupingToMatrix,
  timeSeriesTable,
};

export function transform(frames: readonly Frame[], list: readonly Transformation[]): Frame[] {
  return list.reduce<Frame[]>((now, one) => {
    const apply = TRANSFORMS[one.id];
    if (!apply || one.disabled) return now;
    const wanted = one.filter?.id === 'byRefId' ? str(one.filter.options) : '';
    if (!wanted) return apply(now, obj(one.options));
    const picked = asPattern(wanted);
    const inside = now.filter((frame) => picked.test(frame.refId));
    return [...apply(inside, obj(one.options)), ...now.filter((frame) => !picked.test(frame.refId))];
  }, [...frames]);
}

function asPattern(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text.replace(/^\/|\/$/g, '')})$`);
  } catch {
    return /$^/;
  }
}
