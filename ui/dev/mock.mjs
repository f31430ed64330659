// A stand-in for the server while one works on the app: `node dev/mock.mjs [PORT] [DIST]`. Serves the built app below /ui/ with the
// content security policy of the real server, and every API the app reads, from an invented shop.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve } from 'node:path';
import { Refused, loki, own, prometheus, streams, tempo } from './answers.mjs';
import { dashboards } from './dashboards.mjs';
import { silences } from './derived.mjs';
import { logPredicate } from './languages.mjs';
import { configText, grafana, metricsText, note, tested } from './operations.mjs';
import { linesOf, tracesOf } from './shop.mjs';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8' };
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

/** Starts the mock; answers its base URL and how to stop it. */
export function start(port, dist) {
  const [saved, quiet] = [dashboards(), silences()];
  const documents = (...all) => saved(...all) || quiet(...all);
  const server = createServer((request, response) => handle(request, response, dist, documents));
  const open = new Set();
  server.on('upgrade', (request, socket) => tail(request, socket, open));
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  return new Promise((started) => {
    server.listen(port, '127.0.0.1', () => {
      const stop = () => {
        open.forEach((socket) => socket.destroy());
        server.close();
      };
      started({ url: `http://127.0.0.1:${server.address().port}`, stop });
    });
  });
}

const FAMILIES = [
  ['/loki/api/v1/', loki],
  ['/api/signalbox/', own],
  ['/grafana/api/', grafana],
  ['/api/v1/', prometheus],
  ['/api/', tempo],
];

function handle(request, response, dist, documents) {
  const url = new URL(request.url, 'http://mock');
  if (documents(request, url, response)) return undefined;
  if (url.pathname === '/api/signalbox/live') return live(response);
  if (url.pathname === '/metrics') return response.writeHead(200, { 'content-type': 'text/plain' }).end(metricsText());
  if (url.pathname === '/config') return response.writeHead(200, { 'content-type': 'text/plain' }).end(configText());
  if (/^\/api\/signalbox\/receivers\/[^/]+\/test$/.test(url.pathname)) return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tested()));
  if (url.pathname === '/') return response.writeHead(302, { location: '/ui/' }).end();
  if (url.pathname === '/ui' || url.pathname.startsWith('/ui/')) return file(url.pathname.slice(3), response, dist);
  const began = performance.now();
  const family = FAMILIES.find(([prefix]) => url.pathname.startsWith(prefix));
  try {
    const answer = family?.[1](decodeURIComponent(url.pathname.slice(family[0].length)), url.searchParams);
    if (answer === undefined) throw new Refused(404, 'no such endpoint');
    note(url.pathname, url.searchParams, performance.now() - began, 200);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  } catch (error) {
    const status = error instanceof Refused ? error.status : 500;
    const asText = url.pathname.startsWith('/loki/');
    response.writeHead(status, { 'content-type': asText ? 'text/plain' : 'application/json' });
    response.end(asText ? error.message : JSON.stringify({ status: 'error', errorType: 'bad_data', error: error.message }));
  }
  return undefined;
}

function file(path, response, dist) {
  const wanted = join(dist, normalize(path));
  const isFile = wanted.startsWith(dist) && existsSync(wanted) && statSync(wanted).isFile();
  if (!isFile && path.startsWith('/assets/')) return response.writeHead(404).end();
  const found = isFile ? wanted : join(dist, 'index.html');
  response.writeHead(200, { 'content-type': TYPES[extname(found)] ?? 'application/octet-stream', 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff' });
  return createReadStream(found).pipe(response);
}

function live(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  const timer = setInterval(() => {
    const s = Math.floor(Date.now() / 1000) - 1;
    const spans = tracesOf(s).reduce((sum, trace) => sum + trace.spans.length, 0);
    response.write(`data: ${JSON.stringify({ kind: 'ingest', logs: linesOf(s).length, spans, samples: 120, at_ms: Date.now() })}\n\n`);
  }, 1000);
  response.on('close', () => clearInterval(timer));
}

/** The least of a websocket: the handshake, and text frames to the client. */
function tail(request, socket, open) {
  const url = new URL(request.url, 'http://mock');
  const matches = logPredicate(url.searchParams.get('query') ?? '');
  if (url.pathname !== '/loki/api/v1/tail' || typeof matches === 'string') return socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  open.add(socket);
  let done = Math.floor(Date.now() / 1000) - 5;
  const timer = setInterval(() => {
    const lines = [];
    for (const last = Math.floor(Date.now() / 1000) - 1; done < last; done += 1) lines.push(...linesOf(done).filter(matches));
    if (lines.length) socket.write(frame(JSON.stringify({ streams: streams(lines), dropped_entries: [] })));
  }, 500);
  socket.on('close', () => clearInterval(timer));
  socket.on('error', () => clearInterval(timer));
  // Whatever the client sends is its goodbye.
  socket.on('data', () => socket.end());
  return undefined;
}

function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.alloc(body.length < 65_536 ? 4 : 10);
  if (head.length === 4) head.set([0x81, 126, body.length >> 8, body.length & 255]);
  if (head.length === 10) {
    head.set([0x81, 127]);
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

if (process.argv[1] === import.meta.filename) {
  const [port = '21200', dist = 'dist'] = process.argv.slice(2);
  const { url } = await start(Number(port), resolve(dist));
  process.stdout.write(`${url}/ui/\n`);
}
