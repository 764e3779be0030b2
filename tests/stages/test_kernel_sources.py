"""Every form of a kernel's source, from the manifest to packages: a release of kernel.org, a commit, a folder."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from distrobuild.cli.session import Session
from distrobuild.engine.engine import StageError
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from distrobuild.plan.graph import Plan
from tests import mlos
from tests.stages.local_archive import SigningKey
from tests.stages.small_kernel import RELEASE, write_tree

TARBALL = "linux-6.12.9.tar.xz"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project, and beside it in `linux` the small tree."""
    folder = mlos.copy_project(tmp_path / "project")
    (folder / "small.config").write_text("CONFIG_PLAIN=y\n")
    write_tree(folder / "linux")
    return folder


def build_kernel(project: Path, **source: str) -> Entry:
    """Build the project's kernel from another source."""
    kernel = {
        "source": {"apt": None, **source},
        "patches": None,
        "config": ["small.config"],
        "flavours": {mlos.FLAVOUR: {"config": []}},
    }
    (project / "small.yaml").write_text(json.dumps({"kernels": {"mlos-6.12": kernel}}))
    session = Session((project / "distro.yaml", project / "small.yaml"), (), mlos.BASE, mlos.FLAVOUR)
    selection = session.select("ubuntu")
    plan = session.plan(selection, Stream(mlos.say))
    only = Plan(plan.target, (plan.find("kernel"),), plan.epoch, plan.architecture)
    return session.engine(selection, Stream(mlos.say)).build(only)["kernel"]


def release(entry: Entry) -> str:
    return (entry.output / "release").read_text().strip()


def pack(project: Path) -> dict[str, str]:
    """Pack the tree as kernel.org does; return the source that names it, without signature."""
    tar = project / TARBALL.removesuffix(".xz")
    subprocess.run(
        ["tar", "--create", f"--file={tar}", "--transform=s,^linux,linux-6.12.9,", "linux"], cwd=project, check=True
    )
    subprocess.run(["xz", "--keep", "-1", tar], check=True)
    digest = hashlib.sha256((project / TARBALL).read_bytes()).hexdigest()
    return {"kernel.org": "6.12.9", "sha256": digest, "mirror": f"file://{project}/{TARBALL}"}


def sign(project: Path, key: SigningKey) -> dict[str, str]:
    """Sign the uncompressed file, as kernel.org does; return the keys of the source that name it."""
    tar = project / TARBALL.removesuffix(".xz")
    gpg = ["gpg", "--homedir", str(key.home), "--batch", "--quiet", "--yes", "--detach-sign"]
    subprocess.run([*gpg, f"--output={project}/linux.sign", str(tar)], check=True)
    (project / "keyring.gpg").write_bytes(key.keyring.read_bytes())
    return {"signature": "linux.sign", "keyring": "keyring.gpg"}


def test_a_release_of_kernel_org_is_checked_by_digest(project: Path) -> None:
    source = pack(project)
    assert release(build_kernel(project, **source)) == RELEASE.replace("test", "mlos")


def test_a_release_with_another_digest_is_refused(project: Path) -> None:
    source = pack(project)
    with pytest.raises(StageError, match="sha256 is"):
        build_kernel(project, **{**source, "sha256": "0" * 64})


def test_a_signed_release_is_built(project: Path) -> None:
    source = pack(project) | sign(project, SigningKey.make(project, "kernel-org"))
    assert release(build_kernel(project, **source)) == RELEASE.replace("test", "mlos")


def test_a_release_signed_by_somebody_else_is_never_built(project: Path) -> None:
    source = pack(project) | sign(project, SigningKey.make(project, "somebody"))
    (project / "keyring.gpg").write_bytes(SigningKey.make(project, "kernel-org").keyring.read_bytes())
    with pytest.raises(StageError, match="No public key"):
        build_kernel(project, **source)


def test_a_release_that_changed_after_it_was_signed_is_never_built(project: Path) -> None:
    pack(project)
    signature = sign(project, SigningKey.make(project, "kernel-org"))
    (project / "linux/main.c").write_text("int main(void) { return 66; }\n")
    (project / TARBALL).unlink()
    source = pack(project) | signature
    with pytest.raises(StageError, match="BAD signature"):
        build_kernel(project, **source)


@pytest.fixture
def served_commit(project: Path) -> Iterator[tuple[str, str]]:
    """Address of a repository that git serves, and the commit in it."""
    tree = project / "linux"
    git = ["git", "-C", str(tree), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=tree"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    daemon = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", f"--base-path={project}", "--export-all"]
    with subprocess.Popen([*daemon, "--reuseaddr"], stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield f"git://127.0.0.1:{port}/linux", commit
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("git does not serve")


def test_a_commit_is_fetched_and_built(project: Path, served_commit: tuple[str, str]) -> None:
    address, commit = served_commit
    assert release(build_kernel(project, git=address, commit=commit)) == RELEASE.replace("test", "mlos")


def test_a_commit_that_the_repository_does_not_have_is_named(project: Path, served_commit: tuple[str, str]) -> None:
    address, _ = served_commit
    with pytest.raises(StageError, match=f"{address}: commit 012345678901: .*not our ref"):
        build_kernel(project, git=address, commit="0123456789" * 4)


def test_a_folder_is_copied_and_built(project: Path) -> None:
    assert release(build_kernel(project, folder="linux")) == RELEASE.replace("test", "mlos")
    assert not (project / "linux/bzImage").exists()
