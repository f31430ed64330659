import { useMemo, useState } from 'react';
import { type Run, bandsOfStates } from '../../lib/dash/states';
import { num, obj, str } from '../../lib/dash/json';
import { clock, dateTime } from '../../lib/time';
import { readable } from './Stat';
import type { VizProps } from './types';

const BOTTOM = 20;
const CELLS_MAX = 4_000;

/** State timeline and status history: time across, a band for each series, colour for the state. */
export function States({ panel, frames, width, height, startMs, endMs }: VizProps) {
  const history = panel.type === 'status-history';
  const bands = useMemo(() => bandsOfStates(frames, endMs, !history && panel.options.mergeValues !== false), [frames, endMs, history, panel.options.mergeValues]);
  const [tip, setTip] = useState<{ run: Run; name: string; x: number } | undefined>();
  if (bands.length === 0) return <div className="viz-none">No data</div>;
  const left = Math.min(160, Math.max(...bands.map((band) => band.name.length)) * 6.5 + 14);
  const legend = obj(panel.options.legend).showLegend !== false;
  const states = legend ? [...new Map(bands.flatMap((band) => band.runs.map((run): [string, string] => [run.look.text, run.look.color]))).entries()].slice(0, 12) : [];
  const legendHeight = states.length ? 22 : 0;
  const area = { w: width - left - 8, h: height - BOTTOM - legendHeight };
  const step = area.h / bands.length;
  const thick = step * Math.min(1, num(panel.options.rowHeight) ?? 0.9);
  const x = (ms: number) => left + (Math.max(0, Math.min(1, (ms - startMs) / (endMs - startMs)))) * area.w;
  const show = str(panel.options.showValue, 'auto');
  const opacity = (num(obj(bands[0]?.field.config.custom).fillOpacity) ?? 70) / 100;
  let drawn = 0;
  return (
    <div className="viz-plot">
      <div className="viz-canvas" style={{ height: height - legendHeight }}>
        <svg width={width} height={height - legendHeight} role="img" aria-label={`States of ${bands.map((band) => band.name).slice(0, 10).join(', ')}`} onPointerLeave={() => setTip(undefined)}>
          {bands.map((band, i) => (
            <g key={i}>
              <text x={left - 8} y={(i + 0.5) * step + 4} textAnchor="end" className="axis-text">{band.name.length > 22 ? `${band.name.slice(0, 21)}…` : band.name}</text>
              {band.runs.map((run) => {
                drawn += 1;
                if (drawn > CELLS_MAX) return null;
                const from = x(run.startMs);
                const wide = Math.max(1, x(run.endMs) - from - (history ? 1.5 : 0.5));
                const fits = show === 'always' || (show === 'auto' && wide > run.look.text.length * 6.5 + 8 && thick > 14);
                return (
                  <g key={run.startMs} onPointerEnter={(event) => setTip({ run, name: band.name, x: event.nativeEvent.offsetX })}>
                    <rect x={from} y={i * step + (step - thick) / 2} width={wide} height={thick} fill={run.look.color} fillOpacity={Math.max(0.25, opacity)} rx={1.5} />
                    {fits ? <text x={from + 5} y={(i + 0.5) * step + 4} fontSize={11} fill={opacity > 0.5 ? readable(run.look.color) : 'var(--text)'}>{run.look.text}</text> : null}
                  </g>
                );
              })}
            </g>
          ))}
          {[0.1, 0.3, 0.5, 0.7, 0.9].map((part) => <text key={part} x={left + part * area.w} y={height - legendHeight - 5} textAnchor="middle" className="axis-text">{clock(startMs + part * (endMs - startMs)).slice(0, 5)}</text>)}
        </svg>
        {tip ? (
          <div className="viz-tip" style={tip.x > width / 2 ? { right: width - tip.x + 10, top: 6 } : { left: tip.x + 10, top: 6 }}>
            <div className="viz-tip-time">{dateTime(tip.run.startMs)} – {clock(tip.run.endMs)}</div>
            <div className="viz-tip-row"><i style={{ background: tip.run.look.color }} /><span className="clip">{tip.name}</span><b>{tip.run.look.text}</b></div>
          </div>
        ) : null}
      </div>
      {legendHeight ? <div className="viz-legend" style={{ height: legendHeight }}>{states.map(([text, color]) => <span key={text} className="viz-legend-item"><i style={{ background: color }} /><span className="clip">{text}</span></span>)}</div> : null}
    </div>
  );
}
