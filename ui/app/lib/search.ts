/** The query string as flat texts: what is in the URL is what a person would type, and nothing in it is trusted. */

export type Search = Record<string, string>;

export function parseSearch(text: string): Search {
  const out: Search = {};
  for (const [key, value] of new URLSearchParams(text)) {
    if (value !== '') out[key] = value;
  }
  return out;
}

/** Empty values leave the URL, so that a cleared filter and no filter are one address. */
export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (typeof value === 'string' && value !== '') query.set(key, value);
  }
  const text = query.toString().replace(/%3A/g, ':').replace(/%2C/g, ',');
  return text ? `?${text}` : '';
}

/** Only the keys a page knows, as texts. */
export function pick<K extends string>(keys: readonly K[]): (search: Record<string, unknown>) => Partial<Record<K, string>> {
  return (search) => {
    const out: Partial<Record<K, string>> = {};
    for (const key of keys) {
      const value = search[key];
      if (typeof value === 'string' && value !== '') out[key] = value;
    }
    return out;
  };
}
