"""live-build making an ISO of the packages that ours is made of, from a mirror on this machine."""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from distrobuild.engine.entry import Entry
from tests import mlos
from tests.stages.local_archive import SigningKey, write_archive

PROGRAMS = ("live-build", "squashfs-tools", "xorriso", "mtools", "dosfstools", "isolinux", "syslinux-common",
            "dctrl-tools", "librsvg2-bin")  # fmt: skip
"""What live-build takes from the host when it does not fetch it into the image (`--build-with-chroot false`)."""
TAIL_LINES = 30
OPTIONS = {
    "--archive-areas": "main",
    "--security": "false",
    "--updates": "false",
    "--apt-recommends": "false",
    "--apt-secure": "false",
    "--firmware-chroot": "false",
    "--firmware-binary": "false",
    "--memtest": "none",
    "--cache": "false",
    "--zsync": "false",
    "--build-with-chroot": "false",
    "--bootloaders": "syslinux",
}
"""What differs from its defaults: nothing is fetched that our image does not have. How the squashfs is packed stays its
own choice (xz), as ours is our choice."""


def live_build(folder: Path, entries: Mapping[str, Entry]) -> float:
    """Seconds that it needs for an ISO with the packages of our root file system and our kernel."""
    subprocess.run(["apt-get", "install", "--yes", "-qq", *PROGRAMS], check=True, stdout=subprocess.DEVNULL)
    folder.mkdir()
    debs = sorted(mlos.build("fetch/base")["fetch/base"].output.glob("*.deb"))
    kernels = sorted((entries["kernel"].output / "debs").glob("linux-image-*.deb"))
    suite = mlos.selection().base.suite
    key = SigningKey.make(folder, "mirror")
    write_archive(folder / "mirror", {suite: {"main": [*debs, *kernels]}}, key)
    work = folder / "work"
    for name in ("package-lists", "archives"):
        (work / "config" / name).mkdir(parents=True)
    shutil.copyfile(key.keyring, work / "config/archives/mirror.key.chroot")
    names = mlos.plan().find("rootfs").stage.options.packages
    (work / "config/package-lists/same.list.chroot").write_text("\n".join(names) + "\n")
    # Its own list would have live-config beside it, which our image has not.
    (work / "config/package-lists/live.list.chroot").write_text("live-boot\n")
    # It puts the name together again, as PACKAGES-FLAVOUR.
    packages, _, flavour = kernels[0].name.partition("_")[0].rpartition("-")
    options = {**OPTIONS, "--distribution": suite, "--linux-packages": packages, "--linux-flavours": flavour}
    with _served(folder / "mirror") as mirror:
        options |= {f"--mirror-{phase}": mirror for phase in ("bootstrap", "chroot", "binary")}
        words = [word for option in options.items() for word in option]
        subprocess.run(["lb", "config", *words], cwd=work, check=True, stdout=subprocess.DEVNULL)
        # live-build 20230502 leaves the stage out where it takes its programs from the host, and then misses it.
        (work / ".build").mkdir(exist_ok=True)
        (work / ".build/binary_chroot").touch()
        log = folder / "live-build.log"
        start = time.monotonic()
        with log.open("w") as file:
            ended = subprocess.run(["lb", "build"], cwd=work, check=False, stdout=file, stderr=subprocess.STDOUT)
        seconds = time.monotonic() - start
    if ended.returncode or not list(work.glob("*.iso")):
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:])
        raise SystemExit(f"live-build made no ISO (status {ended.returncode}):\n{tail}")
    return seconds


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder at a port of the loopback: inside its chroot, apt sees no path of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
