/** Where panels stand: 24 columns, rows that fold, panels that repeat, and what moves out of the way. */
import { num, str } from './json';
import type { Scope, VariableValue } from './interpolate';
import type { Dashboard, GridPos, Panel } from './model';

export const COLUMNS = 24;
export const ROW_PX = 30;
export const GAP_PX = 8;

export type Placed = { panel: Panel; pos: GridPos; scope: Scope; key: string };

/** What is drawn: repeats unfolded, panels of folded rows left out, everything below pushed down by what grew. */
export function place(dashboard: Dashboard, scope: Scope, folded: ReadonlyMap<number, boolean>): Placed[] {
  const out: Placed[] = [];
  let shift = 0;
  for (const section of sections(dashboard)) {
    const { row } = section;
    const times = row?.repeat ? repeatScopes(str(row.repeat), scope) : [{ scope, suffix: '' }];
    const begin = row ? row.gridPos.y : (section.panels[0]?.gridPos.y ?? 0);
    const end = section.panels.reduce((most, panel) => Math.max(most, panel.gridPos.y + panel.gridPos.h), begin + (row ? 1 : 0));
    times.forEach((time, n) => {
      if (n > 0) shift += end - begin;
      shift += placeSection(section, time, shift, folded, out);
    });
  }
  return settled(out);
}

/** What overlaps goes down, what hangs in the air goes up: as the saved positions are meant. */
function settled(placed: readonly Placed[]): Placed[] {
  const order = [...placed].sort((a, b) => a.pos.y - b.pos.y || a.pos.x - b.pos.x);
  const done: GridPos[] = [];
  let floor = 0;
  return order.map((one) => {
    const pos = fit(one.pos, done, one.panel.type === 'row' ? Math.max(floor, bottomOf(done)) : floor);
    if (one.panel.type === 'row') floor = pos.y + 1;
    done.push(pos);
    return { ...one, pos };
  });
}

const bottomOf = (boxes: readonly GridPos[]) => boxes.reduce((most, pos) => Math.max(most, pos.y + pos.h), 0);

function fit(wanted: GridPos, done: readonly GridPos[], floor: number): GridPos {
  let pos = { ...wanted, y: Math.max(floor, wanted.y) };
  while (pos.y > floor && !done.some((one) => collides(one, { ...pos, y: pos.y - 1 }))) pos = { ...pos, y: pos.y - 1 };
  for (let hit = done.find((one) => collides(one, pos)); hit; hit = done.find((one) => collides(one, pos))) pos = { ...pos, y: hit.y + hit.h };
  return pos;
}

type Section = { row: Panel | undefined; panels: Panel[]; collapsed: boolean };

export function sections(dashboard: Dashboard): Section[] {
  const ordered = [...dashboard.panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const out: Section[] = [{ row: undefined, panels: [], collapsed: false }];
  for (const panel of ordered) {
    if (panel.type === 'row') out.push({ row: panel, panels: panel.collapsed ? shifted(panel) : [], collapsed: panel.collapsed === true });
    else out.at(-1)?.panels.push(panel);
  }
  return out.filter((section) => section.row || section.panels.length > 0);
}

/** Panels of a collapsed row may have been saved anywhere: they begin right below it. */
function shifted(row: Panel): Panel[] {
  const inside = row.panels ?? [];
  const top = inside.reduce((least, panel) => Math.min(least, panel.gridPos.y), Infinity);
  return inside.map((panel) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y - top + row.gridPos.y + 1 } }));
}

/** Places one section and answers how much it grew (or shrank) against the saved layout. */
function placeSection(section: Section, time: { scope: Scope; suffix: string }, shift: number, folded: ReadonlyMap<number, boolean>, out: Placed[]): number {
  const { row } = section;
  const closed = row ? (folded.get(row.id) ?? section.collapsed) : false;
  if (row) out.push({ panel: { ...row, collapsed: closed }, pos: { ...row.gridPos, x: 0, w: COLUMNS, h: 1, y: row.gridPos.y + shift }, scope: time.scope, key: `${row.id}${time.suffix}` });
  const top = row ? row.gridPos.y + 1 : 0;
  const bottom = section.panels.reduce((most, panel) => Math.max(most, panel.gridPos.y + panel.gridPos.h), top);
  if (closed) return section.collapsed ? 0 : top - bottom;
  let grown = 0;
  for (const line of linesOf(section.panels)) {
    let most = 0;
    for (const panel of line) {
      const cells = repeatPanel(panel, time);
      cells.forEach((cell) => out.push({ ...cell, pos: { ...cell.pos, y: cell.pos.y + shift + grown } }));
      const last = cells.reduce((lowest, cell) => Math.max(lowest, cell.pos.y + cell.pos.h), 0);
      most = Math.max(most, last - (panel.gridPos.y + panel.gridPos.h));
    }
    grown += most;
  }
  return grown + (section.collapsed ? bottom - top : 0);
}

/** Panels that begin in one line grow together. */
function linesOf(panels: readonly Panel[]): Panel[][] {
  const lines = new Map<number, Panel[]>();
  for (const panel of panels) lines.set(panel.gridPos.y, [...(lines.get(panel.gridPos.y) ?? []), panel]);
  return [...lines].sort(([a], [b]) => a - b).map(([, line]) => line);
}

function repeatPanel(panel: Panel, time: { scope: Scope; suffix: string }): Placed[] {
  if (!panel.repeat) return [{ panel, pos: panel.gridPos, scope: time.scope, key: `${panel.id}${time.suffix}` }];
  const scopes = repeatScopes(panel.repeat, time.scope);
  const { y, h } = panel.gridPos;
  if (panel.repeatDirection === 'v') return scopes.map((one, i) => ({ panel, pos: { ...panel.gridPos, y: y + i * h }, scope: one.scope, key: `${panel.id}${time.suffix}${one.suffix}` }));
  const perRow = Math.max(1, Math.min(scopes.length, num(panel.maxPerRow) ?? 4));
  const w = Math.max(1, Math.floor(COLUMNS / perRow));
  return scopes.map((one, i) => ({ panel, pos: { x: (i % perRow) * w, y: y + Math.floor(i / perRow) * h, w, h }, scope: one.scope, key: `${panel.id}${time.suffix}${one.suffix}` }));
}

/** More copies than this are a list nobody reads. */
const REPEATS_MAX = 60;

function repeatScopes(name: string, scope: Scope): { scope: Scope; suffix: string }[] {
  const found = scope.values.get(name);
  const list = found && typeof found.value !== 'string' ? found.value : found ? [found.value] : [];
  if (!found || list.length === 0) return [{ scope, suffix: '' }];
  return list.slice(0, REPEATS_MAX).map((value, i) => {
    const text = typeof found.text === 'string' || found.all ? value : (found.text[i] ?? value);
    const one: VariableValue = { value, text, all: false };
    return { scope: { ...scope, values: new Map(scope.values).set(name, one) }, suffix: `/${value}` };
  });
}

// === moving ===

type Box = { id: number; gridPos: GridPos };

export function collides(a: GridPos, b: GridPos): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** One panel gets a new place; what it covers goes below it, and then all float up where there is room. */
export function moved<T extends Box>(boxes: readonly T[], id: number, to: GridPos): T[] {
  const fixed = { ...to, x: Math.max(0, Math.min(COLUMNS - to.w, to.x)), y: Math.max(0, to.y) };
  const others = boxes.filter((box) => box.id !== id).sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const done: GridPos[] = [fixed];
  const places = new Map<number, GridPos>([[id, fixed]]);
  for (const box of others) {
    let pos = box.gridPos;
    for (let hit = done.find((one) => collides(one, pos)); hit; hit = done.find((one) => collides(one, pos))) pos = { ...pos, y: hit.y + hit.h };
    done.push(pos);
    places.set(box.id, pos);
  }
  return compacted(boxes.map((box) => ({ ...box, gridPos: places.get(box.id) ?? box.gridPos })));
}

export function compacted<T extends Box>(boxes: readonly T[]): T[] {
  const order = [...boxes].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const done: GridPos[] = [];
  const places = new Map<number, GridPos>();
  for (const box of order) {
    let { y } = box.gridPos;
    while (y > 0 && !done.some((one) => collides(one, { ...box.gridPos, y: y - 1 }))) y -= 1;
    const pos = { ...box.gridPos, y };
    done.push(pos);
    places.set(box.id, pos);
  }
  return boxes.map((box) => ({ ...box, gridPos: places.get(box.id) ?? box.gridPos }));
}

/** The first free place of that size, else below everything. */
export function freePlace(dashboard: Dashboard, w: number, h: number): GridPos {
  const bottom = dashboard.panels.reduce((most, panel) => Math.max(most, panel.gridPos.y + panel.gridPos.h), 0);
  for (let y = 0; y < bottom; y += 1) {
    for (let x = 0; x + w <= COLUMNS; x += 1) {
      const pos = { x, y, w, h };
      if (!dashboard.panels.some((panel) => collides(panel.gridPos, pos) || (panel.type === 'row' && panel.gridPos.y >= y && panel.gridPos.y < y + h))) return pos;
    }
  }
  return { x: 0, y: bottom, w, h };
}
