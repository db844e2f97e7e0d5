#!/usr/bin/env bash
# The packages as a user gets them, on the `node` of the PATH (20.18 or newer): packed, installed into an empty folder,
# used from plain JavaScript; and the built command runs a Blueprint.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "node $(node --version)"
node apps/cli/dist/atomiton.js run examples/01-birdstrikes.blueprint.yaml --json | tail -n 1 | grep -q '"runtime:completed"\|"runtime:result"'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bash scripts/install-packed.sh "$dir"
cp tests/packages/*.{mjs,cjs} "$dir/"
cd "$dir"
node program.mjs
node required.cjs
