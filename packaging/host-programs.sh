#!/bin/sh
# Install the few programs that distrobuild needs of the host, where they are missing.
set -eu

missing=
need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need mmdebstrap mmdebstrap
need bwrap bubblewrap
need gpgv gpgv
if [ "$(id -u)" != 0 ]; then
    need newuidmap uidmap
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "missing:$missing (this machine has no apt-get to install them with)" >&2
    exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "installing:$missing"
# shellcheck disable=SC2086  # a list of words is meant
$as_root sh -c "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing" >/dev/null
