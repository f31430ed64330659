/** Links of dashboards, panels and values: their variables filled in, and Grafana's own paths turned into ours. */
import { type Cell, type Field, expandFieldName } from './frames';
import { type Scope, interpolate } from './interpolate';
import { type Json, objs, str } from './json';

export type ReadyLink = { title: string; url: string };

export function linkOf(field: Field, value: Cell, name: string, scope: Scope, row?: (column: string) => Cell): ReadyLink | undefined {
  const [first] = objs(field.config.links);
  if (!first || !str(first.url)) return undefined;
  const fill = (text: string, encode: boolean) => {
    const quote = encode ? encodeURIComponent : (one: string) => one;
    const filled = expandFieldName(text, field, undefined)
      .replace(/\$\{__value\.(raw|text|numeric|time)(?::[^}]*)?\}/g, () => quote(String(value ?? '')))
      .replace(/\$\{__data\.fields(?:\.([\w-]+)|\["?([^"\]]+)"?\])(?:\.(?:text|numeric))?(?::[^}]*)?\}/g, (_whole, a?: string, b?: string) => quote(String(row?.(a ?? b ?? '') ?? '')))
      .replace(/\$\{__(?:series|field)\.name\}/g, () => quote(name));
    return interpolate(filled, scope);
  };
  return { title: fill(str(first.title), false), url: ourPath(fill(str(first.url), true), scope) };
}

export function panelLinks(links: readonly Json[], scope: Scope): ReadyLink[] {
  return links.filter((one) => str(one.url)).map((one) => ({ title: interpolate(str(one.title), scope) || str(one.url), url: ourPath(interpolate(str(one.url), scope), scope) }));
}

/** `/d/uid/slug?var-x=y` is Grafana's address of a dashboard; ours has the same parameters. */
export function ourPath(url: string, scope: Scope): string {
  const filled = url.replace(/\$\{?__url_time_range\}?/g, () => `from=${scope.builtins.__from ?? ''}&to=${scope.builtins.__to ?? ''}`).replace(/\$\{?__all_variables\}?/g, () => allVariables(scope));
  const match = /^(?:\$\{?__url\.path\}?)?\/?(?:grafana\/)?d\/([\w-]+)(?:\/[^?#]*)?(\?[^#]*)?/.exec(filled);
  if (!match) return filled;
  return `/ui/dashboards/${match[1] ?? ''}${match[2] ? repeated(match[2]) : ''}`;
}

/** Several values of one variable stand in one parameter with us. */
function repeated(query: string): string {
  const all = new URLSearchParams(query);
  const out = new URLSearchParams();
  for (const key of new Set(all.keys())) out.set(key, all.getAll(key).map((one) => (key.startsWith('var-') ? one.replace(/\|/g, '\\|') : one)).join('|'));
  return `?${out.toString()}`;
}

export function allVariables(scope: Scope): string {
  const out = new URLSearchParams();
  scope.values.forEach((value, name) => out.set(`var-${name}`, value.all ? '$__all' : typeof value.value === 'string' ? value.value : value.value.join('|')));
  return out.toString();
}
