import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { duration, percent, rate } from '../../lib/format';
import { type Oddity, oddities, rollouts } from '../../lib/habits';
import { niceStep } from '../../lib/prom';
import * as signalbox from '../../lib/signalbox';
import * as tempo from '../../lib/tempo';
import { ago, around } from '../../lib/time';
import { useRange } from '../../state/range';

const SHOWN = 6;
const MINUTE_MS = 60_000;

/** What goes otherwise than just before, and what was rolled out. Nothing odd takes no room. */
export function Unusual({ services }: { services: readonly signalbox.Service[] }) {
  const { window, nowMs } = useRange();
  const spanMs = window.endMs - window.startMs;
  // What was does not change; asked by the minute it is asked once a minute.
  const startMs = Math.floor(window.startMs / MINUTE_MS) * MINUTE_MS;
  const stepS = niceStep(spanMs, 60);
  const before = useQuery({ queryKey: ['services-before', startMs, spanMs], queryFn: ({ signal }) => signalbox.services(startMs - spanMs, startMs, signal), staleTime: MINUTE_MS });
  const versions = useQuery({
    queryKey: ['versions', startMs, spanMs],
    queryFn: ({ signal }) => tempo.metrics('{ kind = server && resource.service.version != nil } | rate() by (resource.service.name, resource.service.version)', startMs, startMs + spanMs + MINUTE_MS, stepS, signal),
    staleTime: MINUTE_MS,
  });
  const odd = useMemo(() => oddities(services, before.data ?? []).slice(0, SHOWN), [services, before.data]);
  const rolled = useMemo(() => rollouts(versions.data ?? [], startMs, stepS * 1000).slice(0, SHOWN), [versions.data, startMs, stepS]);
  if (odd.length === 0 && rolled.length === 0) return null;
  return (
    <Panel title="Otherwise than before" side={<span>against the {duration(spanMs)} before</span>}>
      <ul className="firing">
        {odd.map((one) => (
          <li key={`${one.service}/${one.what}`}>
            <span className="pill" data-tone={one.what === 'errors' ? 'firing' : 'pending'}>{one.what === 'errors' ? 'more errors' : one.what}</span>
            <span className="firing-text"><AppLink to="/service/$name" params={{ name: one.service }}>{one.service}</AppLink> <span className="muted">{said(one)}</span></span>
          </li>
        ))}
        {rolled.map((one) => (
          <li key={`${one.service}/${one.version}`}>
            <span className="pill">new version</span>
            <span className="firing-text"><AppLink to="/service/$name" params={{ name: one.service }} search={around(one.atMs, 10 * MINUTE_MS, 10 * MINUTE_MS)}>{one.service}</AppLink> <b>{one.version}</b> <span className="muted">after {one.before}</span></span>
            <span className="muted firing-since">{ago(one.atMs, nowMs)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function said({ what, now, before }: Oddity): string {
  if (what === 'errors') return `${percent(now)} of its requests fail, ${percent(before)} before`;
  if (what === 'slower') return `p95 ${duration(now)}, ${duration(before)} before`;
  return `${rate(now)} requests a second, ${rate(before)} before`;
}
