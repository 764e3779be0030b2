"""The one table of what differs between the distributions that can be a base. Nothing else may ask which one it is."""

from __future__ import annotations

from dataclasses import dataclass

from distrobuild.manifest.values import DistributionName


@dataclass(frozen=True)
class SuiteRepository:
    """One repository of a distribution: `suites` with `{suite}` for the release, `label` of its Release file."""

    label: str
    suites: tuple[str, ...]


@dataclass(frozen=True)
class Distribution:
    """The facts of one distribution.

    `suites` are the ones that people ask for, to tell a slip from an intention: others are taken as they are.
    `keyring` is the file on a host that has `keyring_package`; the same package brings it into the image.
    `minimal` is what every image needs beyond Essential and apt, `live` what makes an initramfs that finds a medium,
    `verity` what makes one that opens a verified /usr and runs Ignition. `container` is what every container image has
    beyond Essential. Releases that are `rolling` have neither updates nor fixes beside them.
    """

    title: str
    origin: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    repositories: tuple[SuiteRepository, ...]
    keyring: str
    keyring_package: str
    host_suite: str
    minimal: tuple[str, ...]
    live: tuple[str, ...]
    verity: tuple[str, ...]
    container: tuple[str, ...]
    rolling: tuple[str, ...] = ()

    def suites_of(self, release: str) -> dict[str, tuple[str, ...]]:
        """The suites of a release in each repository that has some, by the label of the repository."""
        if release in self.rolling:
            return {self.repositories[0].label: (release,)}
        return {each.label: tuple(suite.format(suite=release) for suite in each.suites) for each in self.repositories}


MINIMAL = (
    "ca-certificates", "dbus", "iproute2", "kmod", "libnss-systemd", "libpam-systemd", "login",
    "netbase", "openssh-server", "passwd", "procps", "systemd", "systemd-resolved", "systemd-sysv", "tzdata", "udev",
    "zstd",
)  # fmt: skip

LIVE = ("initramfs-tools", "live-boot", "live-boot-initramfs-tools")

VERITY = (
    "cryptsetup-bin", "curl", "dmsetup", "dracut-core", "dracut-network", "e2fsprogs", "fdisk", "gdisk", "ignition",
    "systemd-boot", "systemd-container", "systemd-cryptsetup", "systemd-repart",
)  # fmt: skip

CONTAINER = ("ca-certificates", "netbase", "tzdata")

BUILT_IN_LOCALES = ("C", "C.UTF-8", "POSIX")


def locale_packages(locale: str) -> tuple[str, ...]:
    """What an image needs to generate a locale; the C library has some without."""
    return () if locale in BUILT_IN_LOCALES else ("locales",)


DISTRIBUTIONS = {
    DistributionName.DEBIAN: Distribution(
        title="Debian",
        origin="Debian",
        suites=("bookworm", "trixie", "forky", "sid"),
        components=("main",),
        repositories=(
            SuiteRepository("Debian", ("{suite}", "{suite}-updates")),
            SuiteRepository("Debian-Security", ("{suite}-security",)),
        ),
        keyring="/usr/share/keyrings/debian-archive-keyring.gpg",
        keyring_package="debian-archive-keyring",
        host_suite="trixie",
        minimal=MINIMAL,
        live=LIVE,
        verity=VERITY,
        container=CONTAINER,
        rolling=("sid", "unstable"),
    ),
    DistributionName.UBUNTU: Distribution(
        title="Ubuntu",
        origin="Ubuntu",
        suites=("jammy", "noble", "resolute"),
        components=("main", "universe"),
        repositories=(SuiteRepository("Ubuntu", ("{suite}", "{suite}-updates", "{suite}-security")),),
        keyring="/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        keyring_package="ubuntu-keyring",
        host_suite="noble",
        minimal=MINIMAL,
        live=LIVE,
        verity=VERITY,
        container=CONTAINER,
    ),
}
