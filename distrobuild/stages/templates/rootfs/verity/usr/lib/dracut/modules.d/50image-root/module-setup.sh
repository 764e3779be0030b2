#!/bin/bash
# The root of an image whose /usr is verified: the units of this folder and what they call.
# shellcheck disable=SC2154  # dracut sets its folders

check() {
	return 255 # only where it is asked for
}

depends() {
	echo systemd systemd-tmpfiles
}

install() {
	inst_multiple cat chmod cp dd head journalctl lsblk mkdir mount od sed sfdisk sha256sum systemd-tmpfiles tail umount
	for program in disk-guid mount-etc oem-config resolv-conf give-up; do
		inst_script "$moddir/$program" "/usr/lib/image-root/$program"
	done
	for unit in disk-guid.service mount-etc.service oem-config.service; do
		inst_simple "$moddir/$unit" "$systemdsystemunitdir/$unit"
		$SYSTEMCTL -q --root "$initdir" add-wants initrd.target "$unit"
	done

	inst_script /usr/lib/image-root/is-our-usr
	inst_rules 65-usr-slot.rules

	inst_simple "$moddir/give-up.conf" "$systemdsystemunitdir/emergency.service.d/50-give-up.conf"

	# systemd makes /usr read-only, here as well, and Ignition has no other place for a config on the machine.
	ln -s /run/ignition-config "$initdir/usr/lib/ignition"

	inst_simple "$moddir/ignition-network.service" "$systemdsystemunitdir/ignition-network.service"
	$SYSTEMCTL -q --root "$initdir" add-wants ignition-complete.target ignition-network.service
	inst_simple "$systemdsystemunitdir/systemd-repart.service.d/50-not-in-memory.conf"

	# Ignition makes encrypted volumes with it; its own module does not bring it.
	inst_multiple cryptsetup

	# Ignition of Debian labels what it writes for SELinux, which the image has not.
	inst_script "$moddir/setfiles" /usr/sbin/setfiles
}
