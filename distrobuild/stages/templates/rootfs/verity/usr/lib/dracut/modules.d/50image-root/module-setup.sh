#!/bin/bash
# The root of an image whose /usr is verified: the units of this folder and what they call.

check() {
	return 255 # only where it is asked for
}

depends() {
	echo systemd systemd-tmpfiles
}

install() {
	inst_multiple cat chmod dd head journalctl lsblk mkdir mount od sed sfdisk sha256sum systemd-tmpfiles tail
	inst_script "$moddir/disk-guid" /usr/lib/image-root/disk-guid
	inst_script "$moddir/mount-etc" /usr/lib/image-root/mount-etc
	for unit in disk-guid.service mount-etc.service; do
		inst_simple "$moddir/$unit" "$systemdsystemunitdir/$unit"
		$SYSTEMCTL -q --root "$initdir" add-wants initrd.target "$unit"
	done

	inst_script /usr/lib/image-root/is-our-usr
	inst_rules 65-usr-slot.rules

	inst_script "$moddir/give-up" /usr/lib/image-root/give-up
	inst_simple "$moddir/give-up.conf" "$systemdsystemunitdir/emergency.service.d/50-give-up.conf"

	# Ignition of Debian labels what it writes for SELinux, which the image has not.
	inst_script "$moddir/setfiles" /usr/sbin/setfiles
}
