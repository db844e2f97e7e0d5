#!/usr/bin/env bash
# Runs a command with a real Electron and, on Linux, a virtual screen: bash scripts/electron.sh vitest run --project electron
# Electron: $ELECTRON_OVERRIDE_DIST_PATH, or what the electron package has downloaded, or .cache/electron-33.2.1, filled
# by the tool beside the repository where that is there. Without one the command is skipped: loudly, and CI fails.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'electron.sh: %s\n' "$*" >&2; }
skip() {
  say "SKIPPED: $1"
  if [ -n "${CI:-}" ]; then say "on CI that is a failure"; exit 1; fi
  exit 0
}
root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

package=node_modules/electron
cached=.cache/electron-33.2.1
tool=../shared/tools/electron/fetch-electron.mjs
if [ -n "${ELECTRON_OVERRIDE_DIST_PATH:-}" ]; then
  [ -d "$ELECTRON_OVERRIDE_DIST_PATH" ] || { say "ELECTRON_OVERRIDE_DIST_PATH is no folder: $ELECTRON_OVERRIDE_DIST_PATH"; exit 1; }
elif [ -f "$package/path.txt" ] && [ -e "$package/dist/$(cat "$package/path.txt")" ]; then
  ELECTRON_OVERRIDE_DIST_PATH=$PWD/$package/dist
elif [ -x "$cached/electron" ]; then
  ELECTRON_OVERRIDE_DIST_PATH=$PWD/$cached
elif [ -f "$tool" ] && [ "$(uname -sm)" = "Linux x86_64" ]; then
  say "fetching Electron 33.2.1 into $cached"
  node "$tool" "$cached" >&2
  ELECTRON_OVERRIDE_DIST_PATH=$PWD/$cached
else
  skip 'no Electron is here; download it with "npx install-electron --no", or name its folder in ELECTRON_OVERRIDE_DIST_PATH'
fi
export ELECTRON_OVERRIDE_DIST_PATH
lacking() { ldd "$ELECTRON_OVERRIDE_DIST_PATH/electron" | grep 'not found' || true; }
if [ "$(uname -s)" = Linux ] && [ -n "$(lacking)" ]; then
  # A Chromium brings every library that Electron needs.
  if root_with_apt; then bash scripts/chromium.sh --install >&2; fi
  [ -z "$(lacking)" ] || skip "Electron lacks libraries; installing a Chromium brings them: $(lacking | tr -d '\t\n')"
fi
say "Electron of $ELECTRON_OVERRIDE_DIST_PATH"

[ "$(uname -s)" = Linux ] || exec "$@"
if ! command -v xvfb-run >/dev/null || ! command -v xauth >/dev/null; then
  root_with_apt || skip "no xvfb-run is here; install xvfb and xauth"
  say "installing xvfb and xauth with apt-get"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends xvfb xauth >&2
fi
exec xvfb-run -a "$@"
