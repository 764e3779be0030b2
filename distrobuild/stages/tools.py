"""Make the tools root: the Debian root file system that supplies every program of every other stage.

The host gives only mmdebstrap and bubblewrap, and the packages come from the lock, so a build on any host
runs the same compilers. Which mmdebstrap made the root does not stand in the key, because the root does not depend on
it: what is left in it are the packages' own files.
"""

from __future__ import annotations

from dataclasses import replace

from distrobuild.formats.deb_repository import Suite, read_deb, repository_indexes
from distrobuild.stages.stage import Job, Options, Stage

PROGRAMS = (
    # the kernel: compiler, configuration, BTF, modules, compression
    "gcc", "g++", "make", "bc", "bison", "flex", "libelf-dev", "libssl-dev", "libdw-dev", "pahole", "cpio", "rsync",
    "kmod", "python3", "perl", "patch", "ccache", "xz-utils", "zstd", "lz4", "openssl", "git",
    # packages: building and checking, a signed repository
    "dpkg-dev", "debhelper", "dh-python", "lintian", "fakeroot", "apt-utils", "gpg", "gpg-agent", "gpgv", "gpgconf",
    # what packages of the project are compiled with
    "libhwloc-dev",
    # root file systems and images
    "mmdebstrap", "systemd", "systemd-repart", "systemd-ukify", "squashfs-tools", "erofs-utils", "dosfstools", "mtools",
    "systemd-boot-efi", "xorriso", "grub-common", "grub-pc-bin", "grub-efi-amd64-bin", "e2fsprogs", "cryptsetup-bin",
    "btrfs-progs", "udev", "libbz2-dev",
    # boots
    "qemu-system-x86", "qemu-utils", "ovmf",
    # a shell worth having, for `distrobuild shell`
    "bash", "file", "less", "jq", "ca-certificates",
)  # fmt: skip
"""What stages run; their dependencies come with them, recommendations do not."""


class ToolsOptions(Options):
    """Which release, and which packages beyond Essential."""

    suite: str
    architecture: str
    packages: tuple[str, ...]


class ToolsStage(Stage[ToolsOptions]):
    """Unpack and configure the locked packages of the tools root with the host's mmdebstrap."""

    kind = "tools"
    inputs = {"debs": "every package of the tools root, as fetched"}
    outputs = {"usr/bin/env": "a root file system"}

    def run(self, job: Job) -> None:
        """Write the root straight into the output folder."""
        repository = job.work / "repository"
        repository.mkdir()
        (repository / "debs").symlink_to("/inputs/debs")
        suite = self.options.suite
        # mmdebstrap finds the Essential packages by the suite that they come from, so a flat folder would not do.
        release = Suite("distrobuild", "locked packages", suite, self.options.architecture, job.epoch)
        files = sorted(job.inputs["debs"].glob("*.deb"))
        packages = [replace(read_deb(file), path=f"debs/{file.name}") for file in files]
        for path, content in repository_indexes(release, packages).items():
            place = repository / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        job.sandbox.run(
            [
                "mmdebstrap",
                "--variant=apt",
                "--format=directory",
                f"--architectures={self.options.architecture}",
                f"--include={','.join(self.options.packages)}",
                "--aptopt=APT::Install-Recommends false",
                "--aptopt=APT::Sandbox::User root",
                "--dpkgopt=force-unsafe-io",
                suite,
                "/out",
                # The digests of the lock are the trust here; the files were checked against them when fetched.
                f"deb [trusted=yes] copy:///work/repository {suite} main",
            ],
            environment={"TMPDIR": "/work"},
        )
        _settle(job)


LEFTOVERS = (
    *("dev", "etc/resolv.conf", "etc/systemd/system", "etc/passwd-", "etc/group-", "etc/shadow", "etc/shadow-"),
    *("etc/gshadow", "etc/gshadow-", "var/cache/apt", "var/cache/debconf", "var/lib/apt", "var/lib/dpkg/status-old"),
)
"""What mmdebstrap's own way of working leaves, which differs from one version to the next, and no program needs."""


def _settle(job: Job) -> None:
    """Leave the packages' own files only, and make every file readable by whoever runs the build."""
    job.sandbox.run(["rm", "-rf", *(f"/out/{name}" for name in LEFTOVERS)])
    # Stages with network have the host's in this place.
    job.sandbox.run(["touch", "/out/etc/resolv.conf"])
    job.sandbox.run(["chown", "-R", "0:0", "/out"])
    job.sandbox.run(["chmod", "-R", "a+rX,u+w", "/out"])
