#!/bin/bash
# The root of an image whose /usr is verified: the units of this folder and what they call.

check() {
	return 255 # only where it is asked for
}

depends() {
	echo systemd systemd-tmpfiles
}

install() {
	inst_multiple chmod lsblk mkdir mount sed sfdisk systemd-tmpfiles
	inst_script "$moddir/disk-guid" /usr/lib/image-root/disk-guid
	inst_script "$moddir/mount-etc" /usr/lib/image-root/mount-etc
	inst_script "$moddir/resolv-conf" /usr/lib/image-root/resolv-conf
	for unit in disk-guid.service mount-etc.service; do
		inst_simple "$moddir/$unit" "$systemdsystemunitdir/$unit"
		$SYSTEMCTL -q --root "$initdir" add-wants initrd.target "$unit"
	done

	inst_simple "$moddir/ignition-network.service" "$systemdsystemunitdir/ignition-network.service"
	$SYSTEMCTL -q --root "$initdir" add-wants ignition-complete.target ignition-network.service
	inst_simple "$systemdsystemunitdir/systemd-repart.service.d/50-not-in-memory.conf"

	# Ignition of Debian labels what it writes for SELinux, which the image has not.
	inst_script "$moddir/setfiles" /usr/sbin/setfiles
}
