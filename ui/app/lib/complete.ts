/** Where in a query the cursor stands, as far as completion wants to know. */

export type LogqlPlace = { kind: 'label' | 'stage' | 'start'; typed: string } | { kind: 'value'; typed: string; label: string };

export function logqlPlace(before: string): LogqlPlace {
  const value = /(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)$/.exec(before);
  if (value && quotesOpen(before)) return { kind: 'value', label: value[1] ?? '', typed: value[2] ?? '' };
  if (quotesOpen(before)) return { kind: 'start', typed: '' };
  const open = before.lastIndexOf('{');
  const typed = /\w*$/.exec(before)?.[0] ?? '';
  if (open > before.lastIndexOf('}')) return { kind: 'label', typed };
  if (/\|\s*\w*$/.test(before)) return { kind: 'stage', typed };
  return { kind: 'start', typed };
}

export type TraceqlPlace = { kind: 'field' | 'pipe'; typed: string } | { kind: 'value'; typed: string; field: string; quoted: boolean };

export function traceqlPlace(before: string): TraceqlPlace {
  const value = /([\w.:-]+)\s*(?:=~|!~|!=|>=|<=|=|>|<)\s*("?)([^"&|}\s]*)$/.exec(before);
  const inside = before.lastIndexOf('{') > before.lastIndexOf('}') || before.lastIndexOf('(') > before.lastIndexOf(')');
  if (value && inside) return { kind: 'value', field: (value[1] ?? '').replace(/^\./, ''), typed: value[3] ?? '', quoted: value[2] === '"' };
  const typed = /[\w.:-]*$/.exec(before)?.[0] ?? '';
  return inside ? { kind: 'field', typed } : { kind: 'pipe', typed: /\w*$/.exec(before)?.[0] ?? '' };
}

function quotesOpen(text: string): boolean {
  let open = false;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '\\' && open) i += 1;
    else if (text[i] === '"') open = !open;
  }
  return open;
}
