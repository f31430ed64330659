// The documents API of the mock: what ships, and what is saved while it runs.
import { readFileSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';

const SHIPPED = resolve(import.meta.dirname, '../../query/dashboards');
const PATH = '/api/signalbox/dashboards';

/** A store of its own for each mock. Answers whether the request was for it. */
export function dashboards() {
  const shipped = readdirSync(SHIPPED).map((file) => JSON.parse(readFileSync(`${SHIPPED}/${file}`, 'utf8')));
  const saved = new Map();
  const find = (uid) => saved.get(uid) ?? shippedAs(shipped.find((one) => one.uid === uid));
  return (request, url, response) => {
    if (url.pathname !== PATH && !url.pathname.startsWith(`${PATH}/`)) return false;
    const [uid, , version] = url.pathname.slice(PATH.length + 1).split('/');
    const answer = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const one = find(uid);
    if (!uid) answer(200, { dashboards: [...new Set([...saved.keys(), ...shipped.map((each) => each.uid)])].map((each) => summary(each, find(each))) });
    else if (request.method === 'PUT') read(request, (body) => answer(...save(saved, uid, one, JSON.parse(body))));
    else if (!one) answer(404, { error: `there is no dashboard "${uid}"` });
    else if (request.method === 'DELETE') answer(saved.delete(uid) ? 200 : 400, { uid });
    else if (version) answer(200, { uid, version: Number(version), model: one.versions.find((each) => each.version === Number(version))?.model });
    else answer(200, { ...summary(uid, one), versions: one.shipped ? [] : one.versions.map(({ model: _model, ...rest }) => rest).reverse(), model: one.versions.at(-1).model });
    return true;
  };
}

function shippedAs(model) {
  return model && { shipped: true, folder: 'Signalbox', versions: [{ version: 0, at_ms: 0, by: '', message: '', model }] };
}

function save(saved, uid, one, { model, folder, message, version }) {
  const newest = one && !one.shipped ? one.versions.at(-1).version : 0;
  if (version !== undefined && version !== newest) return [409, { error: `the dashboard was saved by somebody else: its newest version is ${newest}`, version: newest }];
  const next = { shipped: false, folder, versions: [...(one && !one.shipped ? one.versions : []), { version: newest + 1, at_ms: Date.now(), by: 'anonymous', message, model }] };
  saved.set(uid, next);
  return [200, summary(uid, next)];
}

function summary(uid, one) {
  const { model, version, at_ms } = one.versions.at(-1);
  return { uid, title: model.title, folder: one.folder, tags: model.tags ?? [], version, updated_ms: at_ms, shipped: one.shipped };
}

function read(request, done) {
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => done(body));
}
