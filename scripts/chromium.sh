#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests: $CHROMIUM_PATH, or one that is installed.
# With --install, on Debian and Ubuntu, installs the `chromium` package first where none is found (needs root).
set -euo pipefail
find_it() {
  for candidate in "${CHROMIUM_PATH:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then printf '%s\n' "$candidate"; return 0; fi
  done
  return 1
}
find_it && exit 0
if [ "${1:-}" = --install ] && command -v apt-get >/dev/null; then
  echo "installing the chromium package with apt-get" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation >&2
  find_it && exit 0
fi
echo "Cannot find Chromium: install it (Debian: apt-get install chromium) or name it in CHROMIUM_PATH" >&2
exit 1
