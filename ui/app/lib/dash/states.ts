/** State timelines: runs of the same value, one band for each series. */
import { fieldColor } from './color';
import { type Look, look, rangeOf } from './config';
import { type Cell, type Field, type Frame, displayName, timeField } from './frames';
import { obj } from './json';

export type Run = { startMs: number; endMs: number; value: Cell; look: Look };
export type Band = { name: string; field: Field; runs: Run[] };

/** Runs that touch and say the same become one, unless each sample is to stand for itself. */
export function bandsOfStates(frames: readonly Frame[], endMs: number, merge: boolean): Band[] {
  let index = 0;
  return frames.flatMap((owner) => {
    const time = timeField(owner);
    if (!time) return [];
    return owner.fields.filter((field) => field !== time && field.type !== 'other' && obj(obj(field.config.custom).hideFrom).viz !== true).map((field): Band => {
      const range = rangeOf(field);
      const runs: Run[] = [];
      const at = index;
      index += 1;
      field.values.forEach((value, row) => {
        const startMs = time.values[row] as number;
        const until = (time.values[row + 1] as number | undefined) ?? endMs;
        const last = runs.at(-1);
        if (merge && last && last.value === value && last.endMs >= startMs - 1) last.endMs = until;
        else if (value !== null) runs.push({ startMs, endMs: until, value, look: colored(field, value, at, range) });
      });
      return { name: displayName(field, owner, frames.length), field, runs };
    });
  });
}

/** Without thresholds or mappings a text has a colour of its own. */
function colored(field: Field, value: Cell, index: number, range: { min: number; max: number }): Look {
  const shown = look(field, value, index, range);
  if (shown.mapped || typeof value === 'number') return shown;
  const hash = [...String(value)].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 997, 7);
  return { ...shown, color: fieldColor({}, hash, null, 0, 1) };
}
