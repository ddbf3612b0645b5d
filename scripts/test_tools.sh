#!/usr/bin/env bash
# Puts the programs on a Debian machine that tests use beside the Python ones: boards on loopback (sshd, adb), a browser
# for the HTML report, a token for signing keys, a second shell for verify.sh, a clock that jumps. Without them these
# tests are skipped.
set -euo pipefail
PACKAGES=(adb busybox chromium chromium-driver libfaketime openssh-client openssh-server softhsm2)

missing=()
for package in "${PACKAGES[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "tests that need ${missing[*]} will be skipped: only root can install them, with apt-get" >&2
  exit 0
fi
echo "installing ${missing[*]}"
install=(apt-get install -qq --yes --no-install-recommends "${missing[@]}")
export DEBIAN_FRONTEND=noninteractive
export RUNLEVEL=1  # no service of theirs is started
"${install[@]}" >/dev/null || { apt-get update -qq && "${install[@]}" >/dev/null; } ||
  echo "could not install ${missing[*]}: their tests will be skipped" >&2
