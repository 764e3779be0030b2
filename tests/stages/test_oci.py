"""The container of this repository: other programs read its image, it runs, and it is the same whenever it is made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from distrobuild.cli.session import Session
from distrobuild.engine.entry import Entry
from distrobuild.engine.events import Stream
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.plan.graph import Plan
from distrobuild.stages.container import ContainerStage
from distrobuild.stages.oci import ContainerImage, OciOptions, OciStage, UnusableContainer
from distrobuild.stages.stage import Job
from tests import mlos

MakeJob = Callable[..., Job]
NAME = "python"
REFERENCE = f"localhost/mlos/{NAME}:1.0.0"
UNIFIED = 'umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"'
"""crun refuses a host that has both kinds of control groups; so it sees the newer ones alone."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    session = Session((mlos.ROOT / "distro.yaml",), (), mlos.BASE, mlos.FLAVOUR)
    whole = session.plan(session.select("flatcar"), Stream(mlos.say))
    return Plan(whole.target, (whole.find("oci"),), whole.epoch, whole.architecture)


@pytest.fixture(scope="module")
def built(plan: Plan) -> dict[str, Entry]:
    session = Session((mlos.ROOT / "distro.yaml",), (), mlos.BASE, mlos.FLAVOUR)
    return session.engine(session.select("flatcar"), Stream(mlos.say)).build(plan)


@pytest.fixture(scope="module")
def images(built: Mapping[str, Entry]) -> Path:
    return built["oci"].output


@pytest.fixture(scope="module")
def archive(images: Path) -> Path:
    (found,) = images.glob(f"{NAME}-*.tar")
    return found


def skopeo(*arguments: str) -> Any:
    """What skopeo says, as JSON."""
    return json.loads(subprocess.run(["skopeo", *arguments], check=True, capture_output=True).stdout)


def test_skopeo_reads_the_layout_and_the_archive_alike(images: Path, archive: Path) -> None:
    found = skopeo("inspect", f"oci:{images}:{REFERENCE}")
    assert (found["Os"], found["Architecture"], found["Created"]) == ("linux", "amd64", "2026-01-01T00:00:00Z")
    assert found["Labels"]["org.opencontainers.image.version"] == mlos.selection().manifest.version
    assert len(found["Layers"]) == 2
    packed = skopeo("inspect", f"oci-archive:{archive}")
    assert (packed["Digest"], packed["Layers"]) == (found["Digest"], found["Layers"])


def test_docker_finds_the_image_in_the_archive_by_its_name(archive: Path) -> None:
    """Its own format, which every version of `docker load` reads."""
    assert skopeo("inspect", f"docker-archive:{archive}:{REFERENCE}")["Os"] == "linux"
    assert skopeo("inspect", "--config", f"docker-archive:{archive}")["config"]["Entrypoint"][-1] == "/usr/bin/python3"


def test_every_layer_is_what_its_digests_say(images: Path, tmp_path: Path) -> None:
    """Copying into another format reads, unpacks and checks each blob."""
    subprocess.run(
        ["skopeo", "copy", f"oci:{images}:{REFERENCE}", f"docker-archive:{tmp_path}/copy.tar:x:1"], check=True
    )
    assert (
        skopeo("inspect", "--config", f"docker-archive:{tmp_path}/copy.tar")["rootfs"]["diff_ids"]
        == (skopeo("inspect", "--config", f"oci:{images}:{REFERENCE}")["rootfs"]["diff_ids"])
    )


@pytest.fixture(scope="module")
def bundle(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image unpacked layer by layer, as a runtime has it."""
    folder = tmp_path_factory.mktemp("bundle")
    root = folder / "rootfs"
    root.mkdir()
    for layer in skopeo("inspect", f"oci:{images}:{REFERENCE}")["Layers"]:
        blob = images / "blobs" / layer.replace(":", "/")
        subprocess.run(["tar", "--extract", "--gzip", "--directory", root, "--file", blob], check=True)
    yield folder
    shutil.rmtree(folder)


def run(bundle: Path, images: Path, *arguments: str) -> str:
    """What the container prints that crun starts as the image's configuration says, but with other arguments."""
    config = skopeo("inspect", "--config", f"oci:{images}:{REFERENCE}")["config"]
    rootless = ["--rootless"] if os.geteuid() else []
    (bundle / "config.json").unlink(missing_ok=True)
    subprocess.run(["crun", "spec", *rootless], cwd=bundle, check=True)
    runtime = json.loads((bundle / "config.json").read_text())
    uid = 0 if rootless else 65534  # who stands for nobody; without root there is but one user
    runtime["process"] |= {
        "terminal": False,
        "args": [*config["Entrypoint"], *arguments],
        "env": config["Env"],
        "cwd": config["WorkingDir"],
        "user": {"uid": uid, "gid": uid},
    }
    (bundle / "config.json").write_text(json.dumps(runtime))
    own_mounts = [] if rootless else ["unshare", "--mount", "sh", "-c", UNIFIED, "sh"]
    command = ["crun", "--cgroup-manager=disabled", "run", "--bundle", str(bundle), f"test-{os.getpid()}"]
    return subprocess.run([*own_mounts, *command], check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout


def test_it_runs_and_computes(bundle: Path, images: Path) -> None:
    program = "import numpy, os; print(int(numpy.arange(4) @ numpy.arange(4)), os.getcwd())"
    assert run(bundle, images, "-c", program) == "14 /srv\n"


def test_it_says_that_it_is_of_this_distribution(bundle: Path, images: Path) -> None:
    program = "import platform; print(platform.freedesktop_os_release()['ID'])"
    assert run(bundle, images, "-c", program) == "mlos\n"


def test_dpkg_knows_what_is_in_it(bundle: Path, built: Mapping[str, Entry]) -> None:
    listed = json.loads((built[f"container/{NAME}"].output / "packages.json").read_text())
    command = ["dpkg-query", f"--admindir={bundle}/rootfs/var/lib/dpkg", "--show", "--showformat=${Package}\n"]
    known = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert sorted(known) == sorted(package["name"] for package in listed)
    assert {"mlos-release", "python3-numpy", "ca-certificates"} <= set(known)


def test_the_base_is_slim(built: Mapping[str, Entry]) -> None:
    with RootTar(built["container-base"].output / "rootfs.tar") as root:
        paths = set(root)
        assert not {"usr/lib/systemd/systemd", "usr/bin/apt", "boot/vmlinuz", "usr/share/locale/de"} & paths
        documentation = [path for path in paths if path.startswith(("usr/share/doc/", "usr/share/man/"))]
        files = [path for path in documentation if (member := root.lookup(path)) and member.isreg()]
    assert [path for path in files if not path.endswith("/copyright")] == []
    assert "usr/share/doc/bash/copyright" in files


def test_what_the_containers_share_is_there_once(built: Mapping[str, Entry]) -> None:
    with tarfile.open(built[f"container/{NAME}"].output / "layer.tar.gz") as layer:
        paths = {member.name.removeprefix("./") for member in layer}
    assert "usr/bin/python3" in paths
    assert not {"usr/bin/bash", "usr/share/zoneinfo/UTC", "etc/ssl/certs/ca-certificates.crt"} & paths
    assert not [path for path in paths if path.startswith("dev/")]


def test_it_is_the_same_whenever_it_is_made(plan: Plan, built: Mapping[str, Entry], make_job: MakeJob) -> None:
    """All of it again, under another umask."""
    base, python, oci = (plan.find(name) for name in ("container-base", f"container/{NAME}", "oci"))
    before = os.umask(0o077)
    try:
        jobs = {}
        for node in (base, python, oci):
            inputs = {
                name: jobs[made.name].output if made.name in jobs else built[made.name].output
                for name, made in node.inputs.items()
                if hasattr(made, "stage")
            }
            jobs[node.name] = make_job(inputs, node.name.replace("/", "-"))
            assert isinstance(node.stage, ContainerStage | OciStage)
            node.stage.run(jobs[node.name])
    finally:
        os.umask(before)
    for name in ("index.json", "manifest.json", f"{NAME}.service"):
        assert (jobs["oci"].output / name).read_bytes() == (built["oci"].output / name).read_bytes(), name


def test_systemd_finds_no_fault_with_the_unit_for_docker(images: Path, make_job: MakeJob) -> None:
    job = make_job({"images": images})
    for name in ("usr/bin/docker", "usr/bin/sh"):
        (job.work / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (job.work / "root" / name).touch(0o755)
    units = job.work / "root/etc/systemd/system"
    units.mkdir(parents=True)
    (job.work / "root/bin").symlink_to("usr/bin")
    for target in ("docker.service", "network-online.target", "multi-user.target", "sysinit.target", "basic.target"):
        command = "[Service]\nType=oneshot\nExecStart=/bin/sh\n" if target.endswith(".service") else ""
        (units / target).write_text(f"[Unit]\nDescription=x\nDefaultDependencies=no\n{command}")
    shutil.copyfile(images / f"{NAME}.service", units / f"{NAME}.service")
    said = job.sandbox.read(
        ["sh", "-c", f"systemd-analyze --root=/work/root --man=no verify {NAME}.service 2>&1 || echo status $?"]
    ).decode()
    assert said == ""


def root_with(folder: Path, *programs: str) -> Path:
    """What a container stage made, as far as it is looked at before anything is written."""
    folder.mkdir()
    with TarWriter(folder / "rootfs.tar", 0) as tar:
        for program in programs:
            tar.file(program, b"#!", 0o755)
        tar.link("usr/bin/latest", "tool")
        tar.file("usr/bin/readme", b"text")
        tar.file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
        tar.file("etc/group", b"root:x:0:\n")
    return folder


def test_all_that_no_image_can_run_is_named_at_once(make_job: MakeJob, tmp_path: Path) -> None:
    containers = (
        ContainerImage(name="absent", description="x", entrypoint=("/usr/bin/tol",), user="ada:staff"),
        ContainerImage(name="fine", description="x", command=("/usr/bin/latest",), user="12:root"),
        ContainerImage(name="text", description="x", entrypoint=("/usr/bin/readme",)),
    )
    inputs = {f"containers/{each.name}": root_with(tmp_path / each.name, "usr/bin/tool") for each in containers}
    options = OciOptions(distribution="acme", version="1", containers=containers)
    with pytest.raises(UnusableContainer) as caught:
        OciStage(options).run(make_job({"base": tmp_path, **inputs}))
    assert caught.value.message.splitlines()[1:] == [
        "  absent: there is no program /usr/bin/tol",
        "  absent: there is no user ada",
        "  absent: there is no group staff",
        "  text: there is no program /usr/bin/readme",
    ]
