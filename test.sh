#!/usr/bin/env bash
# Sets up what the tests need and runs all of them. The second command of the README.
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_INCREMENTAL=0 UI_REQUIRED=1

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

step "set-up"
bash tests/setup.sh

step "format"
cargo fmt --all --check

step "build and unit, property and whole-process tests"
cargo test --workspace --no-fail-fast

step "lints"
cargo clippy --workspace --all-targets -- -D warnings

step "licences, bans, sources"
if ! cargo deny --version >/dev/null 2>&1; then
  cargo install --locked --quiet cargo-deny
fi
cargo deny check licenses bans sources

step "user interface: types and unit tests"
(cd ui && npm ci --ignore-scripts && npm run check && npm test)

step "done"
