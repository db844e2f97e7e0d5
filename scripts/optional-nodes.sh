#!/usr/bin/env bash
# Installs, builds and tests the optional node packages, each by its own lock file, after the build of the repository.
# Arguments go to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in packages/nodes-*/; do npm ci --prefix "$package" --ignore-scripts --no-audit --no-fund --silent; done
tsc -b packages/nodes-*/
vitest run --project nodes "$@"
