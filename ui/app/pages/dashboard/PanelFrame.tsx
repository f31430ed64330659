import { Menu, Tooltip } from '@mantine/core';
import { useIntersection } from '@mantine/hooks';
import { type JSX, memo, useState } from 'react';
import { Icon } from '../../components/Icon';
import { ForeignOrOwnLink } from '../../components/viz/VizLink';
import { vizOf } from '../../components/viz';
import { interpolate } from '../../lib/dash/interpolate';
import { objs, str } from '../../lib/dash/json';
import type { Placed } from '../../lib/dash/layout';
import { panelLinks } from '../../lib/dash/links';
import type { Dashboard } from '../../lib/dash/model';
import type { Mark } from '../../lib/dash/query';
import type { Resolved } from '../../lib/dash/variables';
import { PanelBody, usePanelData } from './PanelBody';
import { exploreLink, panelCurl } from './explore';
import { useGo } from '../../state/search';

export type PanelActions = { view: (id: number) => void; edit: (id: number) => void; duplicate: (id: number) => void; remove: (id: number) => void; inspect: (id: number) => void };

type Props = { placed: Placed; dashboard: Dashboard; variables: readonly Resolved[]; marks: readonly Mark[]; sync: string | undefined; editing: boolean; actions: PanelActions };

/** A panel with its title, its menu, and what went wrong. */
export const PanelFrame = memo(function PanelFrame({ placed, dashboard, variables, marks, sync, editing, actions }: Props) {
  const { panel, scope } = placed;
  const { ref, entry } = useIntersection<HTMLElement>({ rootMargin: '200px' });
  const [seen, setSeen] = useState(false);
  if (entry?.isIntersecting && !seen) setSeen(true);
  const width = Math.round((placed.pos.w / 24) * 1_300);
  const data = usePanelData(panel, dashboard, scope, variables, width, seen || entry?.isIntersecting === true);
  const title = interpolate(panel.title, scope);
  const errors = data.data?.errors ?? [];
  const notices = [...new Set(data.data?.notices ?? [])];
  const links = panelLinks(objs(panel.links), scope);
  return (
    <section ref={ref} className="dash-panel" data-panel={panel.id} data-type={panel.type} data-seen={seen || undefined} data-unanswered={data.data?.unanswered.join(' ') || undefined} data-transparent={panel.transparent === true || undefined} aria-label={title || vizOf(panel.type)?.title || panel.type}>
      <header className="dash-head" data-empty={title ? undefined : true}>
        <h2 className="clip" title={title}>{title}</h2>
        {str(panel.description) ? (
          <Tooltip label={interpolate(str(panel.description), scope).slice(0, 600)} multiline maw={360} events={{ hover: true, focus: true, touch: true }}>
            <span className="dash-info" tabIndex={0} role="note" aria-label={`About: ${str(panel.description).slice(0, 200)}`}><Icon name="info" size={12} /></span>
          </Tooltip>
        ) : null}
        {links.map((link, i) => <ForeignOrOwnLink key={i} href={link.url} className="dash-link" title={link.title}>{link.title.slice(0, 24)}</ForeignOrOwnLink>)}
        {errors.length || notices.length ? (
          <Tooltip label={[...errors.map((one) => `${one.refId}: ${one.message}`), ...notices].join('\n').slice(0, 800)} multiline maw={420}>
            <span className="dash-mark" tabIndex={0} data-bad={errors.length > 0 || undefined}>{errors.length ? '▲' : '!'}</span>
          </Tooltip>
        ) : null}
        <PanelMenu placed={placed} editing={editing} actions={actions} context={data.context} title={title} />
      </header>
      {data.isFetching ? <i className="dash-busy" aria-hidden="true" /> : null}
      <PanelBody panel={panel} data={data} scope={scope} marks={marks} sync={sync} />
    </section>
  );
});

type MenuProps = { placed: Placed; editing: boolean; actions: PanelActions; context: ReturnType<typeof usePanelData>['context']; title: string };

/** A plain button until somebody wants the menu: thirty menus nobody opens cost more than thirty charts. */
function PanelMenu(props: MenuProps) {
  const [used, setUsed] = useState(false);
  const button = (
    <button type="button" className="dash-menu" aria-label={`Menu of ${props.title || 'this panel'}`} aria-haspopup="menu" onClick={used ? undefined : () => setUsed(true)}>
      <Icon name="more" size={14} />
    </button>
  );
  return used ? <OpenMenu {...props} target={button} /> : button;
}

function OpenMenu({ placed, editing, actions, context, target }: MenuProps & { target: JSX.Element }) {
  const { panel } = placed;
  const go = useGo();
  const explore = exploreLink(panel, context);
  const curl = panelCurl(panel, context);
  return (
    <Menu position="bottom-end" width={180} withinPortal defaultOpened>
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => actions.view(panel.id)}>View alone</Menu.Item>
        <Menu.Item onClick={() => actions.edit(panel.id)}>Edit</Menu.Item>
        {explore ? <Menu.Item onClick={() => go(explore.to, explore.search)}>Open query</Menu.Item> : null}
        {curl ? <Menu.Item onClick={() => void navigator.clipboard?.writeText(curl)}>Copy as curl</Menu.Item> : null}
        <Menu.Item onClick={() => void navigator.clipboard?.writeText(linkTo(panel.id))}>Copy link</Menu.Item>
        <Menu.Item onClick={() => actions.inspect(panel.id)}>Inspect</Menu.Item>
        <Menu.Item onClick={() => actions.duplicate(panel.id)}>Duplicate</Menu.Item>
        {editing ? <Menu.Item color="red" onClick={() => actions.remove(panel.id)}>Remove</Menu.Item> : null}
      </Menu.Dropdown>
    </Menu>
  );
}

function linkTo(id: number): string {
  const url = new URL(location.href);
  url.searchParams.set('viewPanel', String(id));
  return url.toString();
}
