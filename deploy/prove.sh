#!/usr/bin/env bash
# Shows without an image engine that the static binary runs in an image's conditions: an empty root, an unprivileged user,
# only the data directory writable. It must take OTLP, answer for it, and post a webhook to a receiver known by name.
#
#     deploy/prove.sh PATH-OF-THE-STATIC-BINARY        (as root: chroot needs it)
set -euo pipefail
binary=$1
root=$(mktemp -d)
http=127.0.0.1:29480 grpc=127.0.0.1:24317 otlp=127.0.0.1:24318 hook=29999
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$root"' EXIT

ldd "$binary" 2>&1 | grep -qE "statically linked|not a dynamic" || { echo "the binary is not static"; exit 1; }
mkdir -p "$root/data/rules" "$root/etc"
cp "$binary" "$root/signalbox"
# What an engine puts into every container.
printf '127.0.0.1 localhost receiver.test\n' >"$root/etc/hosts"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
cat >"$root/data/rules/proof.yml" <<YAML
groups:
  - name: proof
    interval: 1s
    rules:
      - alert: Proof
        expr: proof > 0
YAML
cat >"$root/data/alertmanager.yml" <<YAML
route: {receiver: hook}
receivers:
  - name: hook
    webhook_configs: [{url: "http://receiver.test:$hook/"}]
YAML
chown -R 65532:65532 "$root/data"
chmod 755 "$root"

python3 - "$hook" >"$root/received" <<'PY' &
import http.server, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.end_headers()
        sys.stdout.write(body.decode() + "\n"); sys.stdout.flush()
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
PY
chroot --userspec=65532:65532 "$root" /signalbox serve --data-dir /data --alertmanager /data/alertmanager.yml \
  --http "$http" --otlp-grpc "$grpc" --otlp-http "$otlp" &
curl -sf --retry 50 --retry-delay 0 --retry-connrefused --retry-max-time 20 "http://$http/-/ready" >/dev/null
now=$(date +%s%N)
curl -sf "http://$otlp/v1/metrics" -H 'Content-Type: application/json' -d '{"resourceMetrics":[{"resource":{"attributes":[
  {"key":"service.name","value":{"stringValue":"proof"}}]},"scopeMetrics":[{"metrics":[{"name":"proof","gauge":{
  "dataPoints":[{"timeUnixNano":"'"$now"'","asDouble":1}]}}]}]}]}' >/dev/null
curl -sf -G "http://$http/api/v1/query" --data-urlencode 'query=proof' | grep -q '"proof"'
for _ in $(seq 100); do grep -q '"alertname":"Proof"' "$root/received" && break; read -rt 0.1 <> <(:) || true; done
grep -q '"alertname":"Proof"' "$root/received" || { echo "the webhook did not arrive"; exit 1; }
echo "serves, takes OTLP and posts a webhook by host name: static, chrooted, unprivileged"
