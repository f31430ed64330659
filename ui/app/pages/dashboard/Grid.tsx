import { useElementSize } from '@mantine/hooks';
import { type PointerEvent as ReactPointerEvent, useCallback, useMemo, useRef, useState } from 'react';
import { Icon } from '../../components/Icon';
import { interpolate, type Scope } from '../../lib/dash/interpolate';
import { COLUMNS, GAP_PX, type Placed, ROW_PX, moved, place } from '../../lib/dash/layout';
import type { Dashboard, GridPos, Panel } from '../../lib/dash/model';
import type { Mark } from '../../lib/dash/query';
import type { Resolved } from '../../lib/dash/variables';
import { type PanelActions, PanelFrame } from './PanelFrame';

type Props = { dashboard: Dashboard; scope: Scope; variables: readonly Resolved[]; marks: readonly Mark[]; editing: boolean; actions: PanelActions; onMove: (panels: Panel[]) => void; folded: ReadonlyMap<number, boolean>; onFold: (id: number, closed: boolean) => void };

type Drag = { id: number; resize: boolean; from: { x: number; y: number }; pos: GridPos; now: GridPos };

/** On a phone panels stand below each other. */
const NARROW = 620;

export function Grid({ dashboard, scope, variables, marks, editing, actions, onMove, folded, onFold }: Props) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const [drag, setDrag] = useState<Drag>();
  const live = useRef<Drag | undefined>(undefined);
  const panels = useMemo(() => (drag ? moved(dashboard.panels, drag.id, drag.now) : dashboard.panels), [dashboard.panels, drag]);
  const placed = useMemo(() => place({ ...dashboard, panels }, scope, folded), [dashboard, panels, scope, folded]);
  const narrow = width > 0 && width < NARROW;
  const column = (width + GAP_PX) / COLUMNS;
  const bottom = placed.reduce((most, one) => Math.max(most, one.pos.y + one.pos.h), 0);

  const begin = useCallback(
    (event: ReactPointerEvent, panel: Panel, resize: boolean) => {
      if (event.button !== 0 || (event.target as HTMLElement).closest('button, a, input')) return;
      event.preventDefault();
      const start: Drag = { id: panel.id, resize, from: { x: event.clientX, y: event.clientY }, pos: panel.gridPos, now: panel.gridPos };
      live.current = start;
      const move = (at: PointerEvent) => {
        const dx = Math.round((at.clientX - start.from.x) / column);
        const dy = Math.round((at.clientY - start.from.y) / (ROW_PX + GAP_PX));
        const now = shifted(start.pos, dx, dy, resize);
        if (live.current && (now.x !== live.current.now.x || now.y !== live.current.now.y || now.w !== live.current.now.w || now.h !== live.current.now.h)) {
          live.current = { ...live.current, now };
          setDrag(live.current);
        }
      };
      const end = () => {
        document.removeEventListener('pointermove', move);
        document.removeEventListener('pointerup', end);
        const last = live.current;
        live.current = undefined;
        setDrag(undefined);
        if (last && last.now !== last.pos) onMove(moved(dashboard.panels, last.id, last.now));
      };
      document.addEventListener('pointermove', move);
      document.addEventListener('pointerup', end);
    },
    [column, dashboard.panels, onMove],
  );

  return (
    <div ref={ref} className="dash-grid" data-editing={editing || undefined} style={narrow ? {} : { height: bottom * (ROW_PX + GAP_PX) }}>
      {width > 0
        ? placed.map((one) => {
            const style = narrow ? { height: one.panel.type === 'row' ? undefined : Math.max(120, one.pos.h * ROW_PX) } : boxOf(one.pos, column);
            return one.panel.type === 'row' ? (
              <RowHead key={one.key} placed={one} style={style} onFold={onFold} editing={editing} onRemove={() => actions.remove(one.panel.id)} />
            ) : (
              <div key={one.key} className="dash-cell" data-dragged={drag?.id === one.panel.id || undefined} style={style} onPointerDown={editing && !narrow ? (event) => ((event.target as HTMLElement).closest('.dash-head') ? begin(event, one.panel, false) : undefined) : undefined}>
                <PanelFrame placed={one} dashboard={dashboard} variables={variables} marks={marks} sync={dashboard.graphTooltip ? 'dashboard' : undefined} editing={editing} actions={actions} />
                {editing && !narrow ? <Handle panel={one.panel} onPointerDown={(event) => begin(event, one.panel, true)} onKeys={(pos) => onMove(moved(dashboard.panels, one.panel.id, pos))} /> : null}
              </div>
            );
          })
        : null}
    </div>
  );
}

function boxOf(pos: GridPos, column: number): React.CSSProperties {
  return { position: 'absolute', left: pos.x * column, top: pos.y * (ROW_PX + GAP_PX), width: pos.w * column - GAP_PX, height: pos.h * (ROW_PX + GAP_PX) - GAP_PX };
}

function shifted(pos: GridPos, dx: number, dy: number, resize: boolean): GridPos {
  if (resize) return { ...pos, w: Math.max(2, Math.min(COLUMNS - pos.x, pos.w + dx)), h: Math.max(2, pos.h + dy) };
  return { ...pos, x: Math.max(0, Math.min(COLUMNS - pos.w, pos.x + dx)), y: Math.max(0, pos.y + dy) };
}

const KEYS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The corner one drags; with the keyboard arrows move and, with Shift, resize. */
function Handle({ panel, onPointerDown, onKeys }: { panel: Panel; onPointerDown: (event: ReactPointerEvent) => void; onKeys: (pos: GridPos) => void }) {
  return (
    <span
      className="dash-handle"
      tabIndex={0}
      role="button"
      aria-label={`Move ${panel.title || 'this panel'} with the arrow keys, resize with Shift`}
      onPointerDown={onPointerDown}
      onKeyDown={(event) => {
        const step = KEYS[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        onKeys(shifted(panel.gridPos, step[0], step[1], event.shiftKey));
      }}
    />
  );
}

function RowHead({ placed, style, onFold, editing, onRemove }: { placed: Placed; style: React.CSSProperties; onFold: Props['onFold']; editing: boolean; onRemove: () => void }) {
  const { panel } = placed;
  const closed = panel.collapsed === true;
  return (
    <div className="dash-row" style={style}>
      <button type="button" aria-expanded={!closed} onClick={() => onFold(panel.id, !closed)}>
        <Icon name={closed ? 'right' : 'down'} size={12} />
        {interpolate(panel.title, placed.scope) || 'Row'}
        {closed && panel.panels?.length ? <span className="faint"> {panel.panels.length} panels</span> : null}
      </button>
      {editing ? <button type="button" className="faint" onClick={onRemove} aria-label={`Remove the row ${panel.title}`}>×</button> : null}
    </div>
  );
}
