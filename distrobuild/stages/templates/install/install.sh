#!/bin/sh
# Install packages into a root file system: install.sh ROOT PACKAGE...
#
# ROOT is a folder that is made. It gets the root of /inputs/rootfs; the packages come from /inputs/repository. All of it
# is written to /work/installed.tar.
set -eu
root=$1
shift
mkdir "$root"

# Device nodes cannot be made by an ordinary user; the sandbox's own serve as well.
tar --extract --file=/inputs/rootfs/rootfs.tar --directory="$root" --numeric-owner --same-owner --preserve-permissions \
	--xattrs --xattrs-include='*' --exclude='./dev/*'
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir "$root/run/repository"
mount --bind /inputs/repository "$root/run/repository"

# No maintainer script starts a service (invoke-rc.d(8)).
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/run/apt/lists/partial" "$root/run/apt/cache/archives/partial"
cp /work/preferences /work/sources "$root/run/apt/"

export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
apt() {
	chroot "$root" apt-get --quiet --yes -o Dir::Etc::SourceList=/run/apt/sources -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/run/apt/preferences -o Dir::State::Lists=/run/apt/lists \
		-o Dir::Cache=/run/apt/cache -o APT::Sandbox::User=root -o APT::Install-Recommends=false \
		-o Dpkg::Options::=--force-unsafe-io -o Dpkg::Options::=--force-confold "$@"
}
apt update
apt install --allow-downgrades "$@"

# What these packages' presets say by name holds for units that were there, and enabled, before (systemd.preset(5)).
presets=$(chroot "$root" dpkg --listfiles "$@" 2>/dev/null | grep '/systemd/system-preset/.*\.preset$' || :)
for preset in $presets; do
	sed -n 's/^\(enable\|disable\) \([^*?]*\)$/\2/p' "$root$preset"
done | while read -r unit; do
	[ ! -e "$root/usr/lib/systemd/system/$unit" ] || chroot "$root" systemctl preset "$unit"
done

# The public key of the repository, if it outlives this build.
for key in /inputs/repository/keyring/*; do
	[ ! -e "$key" ] || install --mode=644 "$key" "$root/usr/share/keyrings/"
done

# The initial RAM file system is made once, now that all hooks are there; INITRD=No kept the kernel's package from
# making one of its own.
for kernel in "$root"/boot/vmlinuz-*; do
	[ -e "$kernel" ] || continue
	release=${kernel##*/vmlinuz-}
	if [ -x "$root/usr/sbin/update-initramfs" ]; then
		chroot "$root" update-initramfs -c -k "$release"
	else
		chroot "$root" dracut --kver "$release" "/boot/initrd.img-$release"
	fi
done

rm "$root/usr/sbin/policy-rc.d"
umount --recursive --lazy "$root/dev" "$root/proc" "$root/run" "$root/tmp"
/work/clean "$root"
tar --create --file=/work/installed.tar --directory="$root" --sort=name --numeric-owner --format=pax \
	--pax-option=delete=atime,delete=ctime --xattrs --xattrs-include='*' --exclude='./dev/*' .
