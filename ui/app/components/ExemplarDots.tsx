import type uPlot from 'uplot';
import { useCallback, useRef, useState } from 'react';
import type { Exemplar } from '../lib/exemplars';
import { thinned } from '../lib/exemplars';
import { sample } from '../lib/format';
import { clockMillis } from '../lib/time';
import { AppLink } from './AppLink';

type Dot = { left: number; top: number; of: Exemplar };

/** Closer than this one cannot hit a dot. */
const EACH_PX = 14;

/** Places exemplars where a chart has just been drawn; what lies outside of its values stands at its lower edge. */
export function useExemplarDots(list: readonly Exemplar[], unit: (value: number) => string = sample) {
  const [dots, setDots] = useState<readonly Dot[]>([]);
  const given = useRef(list);
  given.current = list;
  const place = useCallback((chart: uPlot, scale: string) => {
    const { min, max } = chart.scales.x ?? {};
    if (given.current.length === 0 || min === undefined || max === undefined || min === null || max === null) return setDots((now) => (now.length ? [] : now));
    const { clientHeight, clientWidth } = chart.over;
    const [offsetLeft, offsetTop] = [chart.root.offsetLeft + chart.over.offsetLeft, chart.root.offsetTop + chart.over.offsetTop];
    const shown = thinned(given.current, min * 1000, max * 1000, Math.max(1, Math.floor(clientWidth / EACH_PX)));
    setDots(shown.map((of) => {
      const top = chart.valToPos(of.value, scale);
      return { of, left: offsetLeft + chart.valToPos(of.ms / 1000, 'x'), top: offsetTop + (top >= 0 && top <= clientHeight ? top : clientHeight - 5) };
    }));
  }, []);
  const shown = dots.map(({ of, left, top }) => (
    <AppLink key={`${of.traceId}/${of.ms}`} to="/trace/$traceId" params={{ traceId: of.traceId }} search={of.spanId ? { span: of.spanId } : {}} className="exemplar" title={`${unit(of.value)} at ${clockMillis(of.ms)}\n${Object.entries(of.labels).filter(([key]) => key !== '__name__').slice(0, 8).map(([key, value]) => `${key}=${value}`).join(' ')}\nOpen its trace`} style={{ left, top }}>
      <span className="visually-hidden">Trace of {unit(of.value)} at {clockMillis(of.ms)}</span>
    </AppLink>
  ));
  return { place, shown };
}
