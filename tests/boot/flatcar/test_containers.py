"""A container image that was made beside this image runs here by Podman, by the unit that came with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts
from distrobuild.boot.guest import Guest

UNIT = "python.service"
PROGRAM = """\
import json, numpy, os, platform, socket
release = platform.freedesktop_os_release()
print(json.dumps({"product": int(numpy.arange(4) @ numpy.arange(4)), "id": release["ID"], "uid": os.getuid(),
                  "folder": os.getcwd()}))
if "STAY" in os.environ:
    server = socket.create_server(("", 8000))
    while True:
        server.accept()[0].sendall(b"served")
"""
SCHEDULED = """\
import ctypes, glob, json, os, sys
sys.path.append("/host/python3/dist-packages")
import mlos_sched

def now():
    attributes = mlos_sched.attributes()
    return [attributes.policy, attributes.level]

said = {"available": mlos_sched.available(), "before": now()}
mlos_sched.use(mlos_sched.Level.SERVING, deadline=0.007)
mlos_sched.context(5)
with mlos_sched.phase():
    said["used"] = [*now(), mlos_sched.stats().context, mlos_sched.stats().deadline]
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

(path,) = glob.glob("/host/**/libmlos-training.so.1", recursive=True)
training = ctypes.CDLL(path)
communication = 5
said["began"] = [training.mlos_training_begin(7) & 1, *now(), mlos_sched.stats().context]
training.mlos_training_phase(communication)
said["awaited"] = now()
training.mlos_training_end()
said["after"] = now()
print(json.dumps(said))
"""
"""Python and a training loop's library, which stand in the machine's /usr/lib, under the class and back."""


@pytest.fixture(scope="module")
def image(guest: Guest, host: Host, containers: Path, facts: Facts) -> Iterator[str]:
    """Bring the archive and the Quadlet to the machine, and a program for it; return the image's name."""
    folders = "/opt/containers /etc/containers/systemd/python.container.d /var/lib/python/srv"
    host.check_output(f"mkdir -p {folders}")
    (archive,) = containers.glob("python-*.tar")
    guest.send(archive, f"/opt/containers/{archive.name}")
    guest.send(containers / "python.container", "/etc/containers/systemd/python.container")
    drop_in = "[Container]\\nEnvironment=STAY=1\\nPublishPort=8000:8000\\n"
    host.check_output(f"printf '{drop_in}' > /etc/containers/systemd/python.container.d/10-test.conf")
    host.check_output(f"cat > /var/lib/python/srv/main.py <<'END'\n{PROGRAM}END\n")
    host.check_output(f"cat > /var/lib/python/srv/scheduled.py <<'END'\n{SCHEDULED}END\n")
    host.check_output("systemctl daemon-reload")
    yield f"localhost/{facts.name}/python:{facts.version}"
    host.check_output(f"systemctl stop {UNIT}; podman rmi --force --all; rm -r {folders} /etc/containers/systemd")
    host.check_output("systemctl daemon-reload")


def test_the_unit_loads_the_image_and_runs_it(image: str, host: Host) -> None:
    host.check_output(f"systemctl start {UNIT}")
    assert host.service(UNIT).is_running
    assert host.check_output("podman ps --format '{{.Names}} {{.Image}}'") == f"python {image}"


def test_the_machine_reaches_what_it_serves(image: str, host: Host) -> None:
    ask = "timeout 60 bash -c 'until cat 2>/dev/null < /dev/tcp/127.0.0.1/8000; do sleep 1; done'"
    assert host.check_output(ask) == "served"


def test_what_runs_in_it_is_the_program_of_the_volume(image: str, host: Host, facts: Facts) -> None:
    """Entrypoint, arguments, user and folder are those of the image; NumPy computes; our own package named it."""
    run = f"podman run --rm --volume=/var/lib/python/srv:/srv {image}"
    assert json.loads(host.check_output(run)) == {"product": 14, "id": facts.name, "uid": 65534, "folder": "/srv"}


def test_a_program_in_a_container_is_scheduled_as_it_asks(image: str, host: Host, facts: Facts) -> None:
    if "mlos-sched" not in facts.installed:
        pytest.skip("the image has no mlos-sched")
    given = "--user=root --cap-add=SYS_NICE --volume=/usr/lib:/host:ro --volume=/var/lib/python/srv:/srv"
    said = json.loads(host.check_output(f"podman run --rm {given} {image} /srv/scheduled.py"))
    assert said == {
        "available": True,
        "before": [0, 0],
        "used": [16, 3, 5, 0.007],
        "began": [1, 16, 1, 7],
        "awaited": [16, 2],
        "after": [0, 0],
    }


def test_the_image_is_what_was_built(image: str, host: Host, containers: Path) -> None:
    (descriptor,) = json.loads((containers / "index.json").read_text())["manifests"]
    manifest = json.loads((containers / "blobs" / descriptor["digest"].replace(":", "/")).read_text())
    assert (
        f"sha256:{host.check_output(f'podman image inspect --format={{{{.Id}}}} {image}')}"
        == (manifest["config"]["digest"])
    )


def test_the_container_goes_down_with_its_unit(image: str, host: Host) -> None:
    host.check_output(f"systemctl stop {UNIT}")
    assert host.check_output("podman ps --all --quiet") == ""
    assert host.check_output(f"systemctl show --property=Result --value {UNIT}") == "success"
