#!/bin/sh
# Run by mmdebstrap outside of the new root, whose path is $1, when every package is configured.
set -eu
root=$1

if [ -s "$root/etc/locale.gen" ]; then
	chroot "$root" locale-gen
fi

chroot "$root" systemctl enable systemd-networkd.service systemd-resolved.service ssh-host-keys.service
# ssh-host-keys.service does it, without the RSA key that nobody is offered.
if [ -e "$root/usr/lib/systemd/system/sshd-keygen.service" ]; then
	chroot "$root" systemctl mask sshd-keygen.service
fi
if [ -e "$root/usr/lib/systemd/system/first-boot-done.service" ]; then
	chroot "$root" systemctl enable first-boot-done.service systemd-sysext.service \
		systemd-boot-check-no-failures.service
fi

exec /work/clean "$root"
