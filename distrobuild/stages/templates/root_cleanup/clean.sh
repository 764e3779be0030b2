#!/bin/sh
# Clean the root file system $1, whose packages are all configured.
set -eu
root=$1

# The caches below /etc and /var fit these packages; a machine need not make them again on its first start
# (systemd-update-done.service(8); the archive gives these files the same time as /usr).
touch "$root"/etc/.updated "$root"/var/.updated

# Each machine makes its own.
rm -f "$root"/etc/ssh/ssh_host_* "$root"/var/lib/systemd/random-seed "$root"/var/lib/systemd/credential.secret
rm -f "$root"/etc/ssl/private/ssl-cert-snakeoil.key "$root"/etc/ssl/certs/ssl-cert-snakeoil.pem

# What only this build needed: its sources, its pin, its options for apt and dpkg, the host's name.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/preferences.d/distrobuild "$root"/etc/hostname
rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap

# What maintainer scripts wrote where dpkg was told to leave documentation out.
if [ -e "$root"/etc/dpkg/dpkg.cfg.d/documentation ]; then
	find "$root"/usr/share/doc "$root"/usr/share/info -type f ! -name copyright -delete
fi

# Logs, caches and backups that say when and how the packages were installed.
find "$root"/var/log -type f -delete
find "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/var/cache/man "$root"/var/cache/fontconfig \
	-type f -delete 2>/dev/null || :
rm -f "$root"/var/cache/ldconfig/aux-cache "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
rm -f "$root"/etc/passwd- "$root"/etc/group- "$root"/etc/shadow- "$root"/etc/gshadow- \
	"$root"/etc/subuid- "$root"/etc/subgid-
