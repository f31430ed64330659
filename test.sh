#!/usr/bin/env bash
# Sets up what the tests need and runs all of them. The second command of the README.
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_INCREMENTAL=0 UI_REQUIRED=1
# Whole-process tests mostly wait: for servers, receivers, the clock.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

step "set-up"
bash tests/setup.sh

step "format"
cargo fmt --all --check

step "build and unit, property, whole-process and browser tests"
cargo test --workspace --no-fail-fast

step "lints"
cargo clippy --workspace --all-targets -- -D warnings

step "licences, bans, sources"
if ! cargo deny --version >/dev/null 2>&1; then
  cargo install --locked --quiet cargo-deny
fi
cargo deny check licenses bans sources

step "user interface: types and unit tests"
# Cargo installed the packages when it built the app.
(cd ui && npm run check && npm test)

step "done"
