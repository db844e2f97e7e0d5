#!/usr/bin/env bash
# The packages as a user gets them, on the `node` of the PATH (20.18 or newer): packed, installed into an empty folder,
# used from plain JavaScript; and the built command runs a Blueprint.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "node $(node --version)"
node apps/cli/dist/atomiton.js run examples/01-birdstrikes.blueprint.yaml --json | tail -n 1 | grep -q '"runtime:completed"\|"runtime:result"'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for package in events runtime; do npm pack --silent --pack-destination "$dir" -w "packages/$package" >/dev/null; done
cp scripts/smoke.mjs "$dir/"
cd "$dir"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund ./*.tgz ws@8.23.0
node smoke.mjs
