import { Tooltip, useMatches } from '@mantine/core';
import { PAGES, pageAt } from '../pages';
import { useAlerts, useVersion } from '../state/queries';
import { usePathname } from '../state/search';
import { AppLink } from './AppLink';
import { Icon, Logo } from './Icon';

export function Rail() {
  const here = pageAt(usePathname())?.key;
  const firing = (useAlerts().data ?? []).filter((alert) => alert.state === 'firing').length;
  const version = useVersion();
  const narrow = useMatches({ base: true, lg: false });
  return (
    <aside className="rail">
      <AppLink to="/" className="brand" title="Signalbox">
        <Logo />
        <span>Signalbox</span>
      </AppLink>
      <nav aria-label="Pages">
        {PAGES.filter((page) => page.shortcut).map((page) => (
          <Tooltip key={page.key} label={page.title} position="right" disabled={!narrow}>
            <div>
              <AppLink to={page.path} className="rail-link" data-active={here === page.key || under(here) === page.key}>
                <Icon name={page.icon} />
                <span>{page.title}</span>
                {page.key === 'alerts' && firing > 0 ? (
                  <span className="rail-count" aria-label={`${firing} firing`}>
                    {firing}
                  </span>
                ) : null}
              </AppLink>
            </div>
          </Tooltip>
        ))}
      </nav>
      <div className="rail-foot">{version ? `v${version.replace(/^v/, '')}` : ''}</div>
    </aside>
  );
}

/** Pages that are reached from another one light that one up. */
function under(key: string | undefined): string | undefined {
  return key ? { trace: 'traces', dashboard: 'dashboards', service: 'map' }[key] : undefined;
}
