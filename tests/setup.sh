#!/usr/bin/env bash
# Installs what the tests need beside Rust: a browser and its driver, Prometheus and Alertmanager's command line, and the
# official OpenTelemetry SDKs for Python and Node at the versions pinned in tests/sdk and ui/tests. Safe to run again; when all is there it takes a moment.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
sdk=$target/sdk

# Debian's packages, by the command or file that shows each is there.
missing=()
command -v python3 >/dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v chromium >/dev/null || missing+=(chromium)
command -v prometheus >/dev/null || missing+=(prometheus)
command -v amtool >/dev/null || missing+=(prometheus-alertmanager)
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  sudo=()
  if [ "$(id -u)" != 0 ]; then sudo=(sudo); fi
  "${sudo[@]}" apt-get update -qq
  # Only their programs are wanted: RUNLEVEL=1 starts no services.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# A part is done when its stamp is the same as the files that ask for it.
done_already() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

python_wanted=$({ cat tests/sdk/requirements.txt; python3 --version; } | sha256sum)
if ! done_already "$sdk/python.stamp" "$python_wanted"; then
  echo "setup: the Python SDK"
  rm -rf "$sdk/python"
  python3 -m venv "$sdk/python"
  "$sdk/python/bin/pip" install --quiet --no-deps --disable-pip-version-check -r tests/sdk/requirements.txt
  "$sdk/python/bin/pip" check >/dev/null
  echo "$python_wanted" >"$sdk/python.stamp"
fi

node_wanted=$({ cat tests/sdk/package.json tests/sdk/package-lock.json; node --version; } | sha256sum)
if ! done_already "$sdk/node.stamp" "$node_wanted"; then
  echo "setup: the Node SDK"
  rm -rf "$sdk/node"
  mkdir -p "$sdk/node"
  cp tests/sdk/package.json tests/sdk/package-lock.json "$sdk/node/"
  # No package here needs its install script.
  (cd "$sdk/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  echo "$node_wanted" >"$sdk/node.stamp"
fi

driver_wanted=$({ cat ui/tests/package.json ui/tests/package-lock.json; node --version; } | sha256sum)
if ! done_already ui/tests/node_modules/.stamp "$driver_wanted"; then
  echo "setup: the browser's driver"
  (cd ui/tests && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  echo "$driver_wanted" >ui/tests/node_modules/.stamp
fi
