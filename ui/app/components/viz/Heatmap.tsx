import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import { namedColor, schemeColor } from '../../lib/dash/color';
import { type Heat, heatOf } from '../../lib/dash/heat';
import { num, obj, str } from '../../lib/dash/json';
import { unitText } from '../../lib/dash/units';
import { clock, dateTime } from '../../lib/time';
import type { VizProps } from './types';

const LEFT = 66;
const BOTTOM = 20;
const SCALE = 16;

export function Heatmap({ panel, frames, width, height, startMs, endMs, onZoom }: VizProps) {
  const heat = useMemo(() => heatOf(frames, panel.options, startMs, endMs), [frames, panel.options, startMs, endMs]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useComputedColorScheme('light');
  const [tip, setTip] = useState<{ column: number; row: number; x: number; y: number }>();
  const [drag, setDrag] = useState<number>();
  const scaled = obj(panel.options.legend).show === true;
  const area = { w: Math.max(10, width - LEFT - 8), h: Math.max(10, height - BOTTOM - 4 - (scaled ? SCALE : 0)) };
  const rowHeight = area.h / Math.max(1, heat.rows.length);
  const x = (ms: number) => ((ms - startMs) / (endMs - startMs)) * area.w;
  const cellWidth = Math.max(1, x(startMs + heat.stepMs));

  useEffect(() => {
    const host = canvas.current;
    const ctx = host?.getContext('2d');
    if (!host || !ctx) return;
    const ratio = devicePixelRatio || 1;
    host.width = area.w * ratio;
    host.height = area.h * ratio;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(ctx, heat, panel.options, { ...area, rowHeight, cellWidth, x, dark: scheme === 'dark' });
  });

  if (heat.times.length === 0) return <div className="viz-none">No data</div>;
  const unit = str(obj(panel.options.yAxis).unit) || str(frames[0]?.fields.find((field) => field.type === 'number')?.config.unit);
  const every = Math.max(1, Math.ceil((16 * heat.rows.length) / area.h));
  const label = (name: string) => (name === '+Inf' ? '+Inf' : Number.isNaN(Number(name)) ? name : unitText(Number(name), unit));
  const at = (event: React.PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const move = (event: React.PointerEvent) => {
    const { x: px, y: py } = at(event);
    const ms = startMs + (px / area.w) * (endMs - startMs);
    const column = heat.times.findLastIndex((time) => time - heat.stepMs <= ms);
    const row = heat.rows.length - 1 - Math.floor(py / rowHeight);
    setTip(column >= 0 && heat.cells[row] ? { column, row, x: px, y: py } : undefined);
  };
  return (
    <div className="viz-canvas" style={{ height }}>
      <svg width={width} height={height} aria-hidden="true" style={{ position: 'absolute', inset: 0 }}>
        {heat.rows.map((name, i) => (i % every === 0 ? <text key={i} x={LEFT - 6} y={area.h - i * rowHeight - 1} textAnchor="end" className="axis-text">{label(name)}</text> : null))}
        {[0.1, 0.3, 0.5, 0.7, 0.9].map((part) => <text key={part} x={LEFT + part * area.w} y={height - 5 - (scaled ? SCALE : 0)} textAnchor="middle" className="axis-text">{clock(startMs + part * (endMs - startMs)).slice(0, 5)}</text>)}
      </svg>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`Heatmap of ${heat.rows.length} buckets`}
        style={{ position: 'absolute', left: LEFT, top: 0, width: area.w, height: area.h, cursor: 'crosshair' }}
        onPointerMove={move}
        onPointerLeave={() => setTip(undefined)}
        onPointerDown={(event) => setDrag(at(event).x)}
        onPointerUp={(event) => {
          const to = at(event).x;
          if (drag !== undefined && Math.abs(to - drag) > 5) onZoom(startMs + (Math.min(drag, to) / area.w) * (endMs - startMs), startMs + (Math.max(drag, to) / area.w) * (endMs - startMs));
          setDrag(undefined);
        }}
      />
      {scaled ? <Scale heat={heat} options={panel.options} dark={scheme === 'dark'} /> : null}
      {tip ? (
        <div className="viz-tip" style={tip.x > area.w / 2 ? { right: area.w - tip.x + 16, top: 6 } : { left: LEFT + tip.x + 12, top: 6 }}>
          <div className="viz-tip-time">{dateTime(heat.times[tip.column] ?? 0)}</div>
          <div className="viz-tip-row"><span>≤ {label(heat.rows[tip.row] ?? '')}</span><b>{unitText(heat.cells[tip.row]?.[tip.column] ?? 0, 'short')}</b></div>
        </div>
      ) : null}
    </div>
  );
}

/** From the least to the most, in the colours of the cells. */
function Scale({ heat, options, dark }: { heat: Heat; options: Record<string, unknown>; dark: boolean }) {
  const top = num(obj(options.color).max) ?? heat.max;
  const stops = Array.from({ length: 9 }, (_, i) => colorOf(options, dark, i / 8));
  return (
    <div className="viz-scale" style={{ left: LEFT }}>
      <span>0</span>
      <i style={{ background: `linear-gradient(to right, ${stops.map(({ color, alpha }) => `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`).join(', ')})` }} />
      <span>{unitText(top, 'short')}</span>
    </div>
  );
}

function colorOf(options: Record<string, unknown>, dark: boolean, raw: number): { color: string; alpha: number } {
  const color = obj(options.color);
  const share = raw ** (color.scale === 'exponential' ? (num(color.exponent) ?? 0.5) : 1);
  if (color.mode === 'opacity') return { color: namedColor(str(color.fill, 'dark-orange')), alpha: 0.1 + 0.9 * share };
  const scheme = str(color.scheme, 'Oranges');
  const reversed = (color.reverse === true) !== (dark && LIGHT_FIRST.test(scheme));
  return { color: schemeColor(scheme, reversed ? 1 - share : share), alpha: 1 };
}

type Area = { w: number; h: number; rowHeight: number; cellWidth: number; x: (ms: number) => number; dark: boolean };

function draw(ctx: CanvasRenderingContext2D, heat: Heat, options: Record<string, unknown>, area: Area): void {
  ctx.clearRect(0, 0, area.w, area.h);
  const color = obj(options.color);
  const gap = Math.min(2, num(options.cellGap) ?? 1);
  const least = num(obj(options.filterValues).le) ?? 1e-9;
  const top = num(color.max) ?? heat.max;
  heat.cells.forEach((row, i) => {
    const y = area.h - (i + 1) * area.rowHeight;
    row.forEach((value, column) => {
      if (value === null || value < least) return;
      const fill = colorOf(options, area.dark, Math.min(1, value / (top || 1)));
      ctx.globalAlpha = fill.alpha;
      ctx.fillStyle = fill.color;
      const ms = heat.times[column] ?? 0;
      ctx.fillRect(area.x(ms) - area.cellWidth + gap / 2, y + gap / 2, Math.max(0.5, area.cellWidth - gap), Math.max(0.5, area.rowHeight - gap));
    });
  });
  ctx.globalAlpha = 1;
}

/** Schemes that begin near white: on a dark ground they begin at their dark end, or there would be most light where is least to see. */
const LIGHT_FIRST = /^(blues|reds|greens|purples|oranges|greys|ylorrd|ylgnbu|bugn|gnbu|pubu)$/i;
