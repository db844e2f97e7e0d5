#!/usr/bin/env bash
# Installs the packages into a folder as a user gets them, packed and from tarballs: bash scripts/install-packed.sh DIR [more packages]
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$1; shift
for package in events runtime; do npm pack --silent --pack-destination "$dir" -w "packages/$package" >/dev/null; done
cd "$dir"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund --prefer-offline ./*.tgz ws@8.23.0 "$@"
