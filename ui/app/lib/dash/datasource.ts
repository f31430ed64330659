/** Which of our languages a data source reference means: everything of a kind is answered by this server. */
import { type Json, obj, objs, str } from './json';
import { type Dashboard, type DataSourceRef, refOf } from './model';

export type Kind = 'prometheus' | 'loki' | 'tempo' | 'expression' | 'mixed' | 'dashboard' | 'alertmanager' | 'testdata';
export type Source = { kind: Kind } | { unsupported: string };

const KINDS: Record<string, Kind> = {
  prometheus: 'prometheus',
  'grafana-amazonprometheus-datasource': 'prometheus',
  'grafana-azureprometheus-datasource': 'prometheus',
  'victoriametrics-metrics-datasource': 'prometheus',
  'victoriametrics-datasource': 'prometheus',
  mimir: 'prometheus',
  cortex: 'prometheus',
  loki: 'loki',
  tempo: 'tempo',
  jaeger: 'tempo',
  zipkin: 'tempo',
  alertmanager: 'alertmanager',
  __expr__: 'expression',
};

/** What the data source variables and inputs of a dashboard stand for, by name: a type of data source. */
export type SourceNames = ReadonlyMap<string, string>;

export function sourceNames(dashboard: Dashboard): SourceNames {
  const names = new Map<string, string>();
  for (const input of objs(dashboard.__inputs)) if (input.type === 'datasource') names.set(str(input.name), str(input.pluginId));
  for (const variable of dashboard.templating.list) if (variable.type === 'datasource') names.set(variable.name, str(variable.query));
  return names;
}

export function sourceOf(value: unknown, names: SourceNames): Source {
  const ref = refOf(value);
  const special = SPECIAL[ref.uid ?? ''];
  if (special) return { kind: special };
  const type = typeOf(ref, names);
  const kind = KINDS[type];
  if (kind) return { kind };
  return type ? { unsupported: `data source ${type}` } : { kind: 'prometheus' };
}

const SPECIAL: Record<string, Kind> = { '-- Mixed --': 'mixed', '-- Dashboard --': 'dashboard', __expr__: 'expression', grafana: 'testdata', '-- Grafana --': 'testdata' };

function typeOf(ref: DataSourceRef, names: SourceNames): string {
  if (ref.type) return ref.type === 'datasource' ? '' : ref.type;
  const name = /^(?:\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\])$/.exec(ref.uid ?? '');
  const known = names.get(name?.[1] ?? name?.[2] ?? name?.[3] ?? '');
  if (known) return known;
  // A plain name: people call a data source after what it is.
  const said = (ref.uid ?? '').toLowerCase();
  return ['loki', 'tempo', 'jaeger', 'zipkin'].find((kind) => said.includes(kind)) ?? '';
}

/** The source of one query: its own, unless it has none or the panel's is not mixed. */
export function targetSource(panel: { datasource?: unknown; type: string }, target: Json, names: SourceNames): Source {
  const own = obj(target.datasource);
  const given = own.uid || own.type || typeof target.datasource === 'string' ? target.datasource : panel.datasource;
  const ref = refOf(given);
  if (!ref.type && !ref.uid) {
    if (panel.type === 'logs') return { kind: 'loki' };
    if (panel.type === 'traces') return { kind: 'tempo' };
  }
  return sourceOf(given, names);
}
