import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';
import { type Asked, askedLately, forgetAsked } from '../lib/api';
import { curlOf } from '../lib/curl';
import { useGo, usePathname } from '../state/search';
import { Icon } from './Icon';

const SHOWN = 9;

/** The page of a language, and the parameter its query stands in. */
const LANGUAGES = [
  { path: /^\/api\/v1\/query(_range)?$/, name: 'PromQL', to: '/metrics', param: 'query' },
  { path: /^\/loki\/api\/v1\/query(_range)?$/, name: 'LogQL', to: '/logs', param: 'query' },
  { path: /^\/api\/search$/, name: 'TraceQL', to: '/traces', param: 'q' },
] as const;

/** Of every page: its address, the queries behind it, and its requests for a shell. */
export function Requests() {
  const [opened, setOpened] = useState(false);
  const pathname = usePathname();
  useEffect(() => forgetAsked, [pathname]);
  return (
    <Menu position="bottom-end" width={380} opened={opened} onChange={setOpened}>
      <Menu.Target>
        <Tooltip label="Share, open the query, copy as curl">
          <ActionIcon aria-label="Share"><Icon name="share" /></ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>{opened ? <Items /> : null}</Menu.Dropdown>
    </Menu>
  );
}

function Items() {
  const go = useGo();
  const copy = (text: string) => void navigator.clipboard?.writeText(text);
  const all = askedLately();
  const queries = all.flatMap((one) => {
    const language = LANGUAGES.find((row) => row.path.test(one.path));
    const text = language ? String(one.params[language.param] ?? '') : '';
    return language && text ? [{ ...language, text }] : [];
  });
  return (
    <>
      <Menu.Item onClick={() => copy(location.href)}>Copy link</Menu.Item>
      {queries.length ? <Menu.Label>Open the query</Menu.Label> : null}
      {queries.slice(0, SHOWN).map((one) => (
        <Menu.Item key={`${one.name}${one.text}`} onClick={() => go(one.to, { q: one.text })}>
          <span className="request"><b>{one.name}</b> <span className="mono clip">{one.text.slice(0, 200)}</span></span>
        </Menu.Item>
      ))}
      {all.length ? <Menu.Label>Copy as curl</Menu.Label> : null}
      {all.slice(0, SHOWN).map((one) => (
        <Menu.Item key={labelOf(one)} onClick={() => copy(curlOf(one.path, one.params))} aria-label={`Copy as curl ${labelOf(one)}`}>
          <span className="request mono clip">{labelOf(one)}</span>
        </Menu.Item>
      ))}
    </>
  );
}

function labelOf({ path, params }: Asked): string {
  const text = String(params.query ?? params.q ?? '');
  return text ? `${path} ${text.slice(0, 120)}` : path;
}
