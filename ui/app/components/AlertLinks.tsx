import type { AlertLinks as Links } from '../lib/alerts';
import { AppLink } from './AppLink';

export function AlertLinks({ links }: { links: Links }) {
  return (
    <span className="links">
      <AppLink {...links.logs}>Logs</AppLink>
      <AppLink {...links.traces}>Traces</AppLink>
      <AppLink {...links.metrics}>Metrics</AppLink>
    </span>
  );
}
