/** The request behind a view, for a shell. Never with a token: it would end in somebody's history. */
import { type Params, credentials, encodeParams } from './api';

export function curlOf(path: string, params: Params): string {
  const tenant = credentials.tenant();
  const headers = [tenant ? `-H ${shell(`X-Scope-OrgID: ${tenant}`)}` : '', credentials.token() ? '-H "Authorization: Bearer $TOKEN"' : ''].filter(Boolean);
  return ['curl', ...headers, shell(`${location.origin}${path}?${encodeParams(params)}`)].join(' ');
}

function shell(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`;
}
