#!/bin/sh
# Install the few programs that distrobuild needs of the host, where they are missing.
# With the argument `tests`, also what its tests make their own archives and repositories with.
set -eu

missing=
need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

has_python() {
    for python in python3.13 python3.12 python3.11 python3; do
        "$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    return 1
}

install() { # PACKAGE...
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    echo "installing: $*"
    $as_root sh -c "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $*" >/dev/null
}

need mmdebstrap mmdebstrap
need bwrap bubblewrap
need gpgv gpgv
need xz xz-utils
need unzstd zstd
need mount mount
if [ "$(id -u)" != 0 ]; then
    need newuidmap uidmap
fi
if [ "${1-}" = tests ]; then
    need git git
    need gpg gpg
    need gpg-agent gpg-agent
    need file file
    need shellcheck shellcheck
    need skopeo skopeo
    need crun crun
    need cc 'gcc libc6-dev'
    need make make
    need valgrind valgrind
    [ -e /usr/include/openssl/evp.h ] || missing="$missing libssl-dev"
    [ -e /usr/include/hwloc.h ] || missing="$missing libhwloc-dev"
fi
has_python || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "missing:$missing (this machine has no apt-get to install them with)" >&2
    exit 1
fi
# shellcheck disable=SC2086  # a list of words is meant
install $missing
# Ubuntu 22.04 has a newer Python beside its own.
has_python || install python3.11-venv
