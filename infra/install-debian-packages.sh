#!/bin/sh
# Install the Debian packages of the tests marked "system": make system.
# Where that cannot be done, say so; the tests that miss a tool then say NOT RUN HERE.
set -eu

cd "$(dirname "$0")/.."
packages=$(grep -v '^#' infra/debian-packages.txt)
command="apt-get install --no-install-recommends $(echo $packages)"

if ! command -v apt-get >/dev/null 2>&1; then
    echo "NOT RUN HERE: no apt-get; install by your system's own means: $(echo $packages)"
    exit 0
fi

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "all Debian packages are there"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "NOT RUN HERE: not root; run: sudo $command"
    exit 0
fi

mkdir -p build
log=build/debian-packages.log
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log"
    echo "apt-get failed; all of it is in $log" >&2
    exit 1
fi
