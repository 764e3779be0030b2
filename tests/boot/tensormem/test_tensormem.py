"""Tensor memory on whatever image has the package: the device, the broker, and one copy of a model for all servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from distrobuild.boot.facts import Facts
from distrobuild.boot.guest import Guest

MODEL = "/var/tmp/box.safetensors"
DATA = 64 << 20
"""Bytes of the model."""
KIBIBYTE = 1024
GROUP = "tensor"


pytestmark = pytest.mark.main_image  # the others have the same kernel and packages


@pytest.fixture(autouse=True)
def _the_image_has_it(facts: Facts) -> None:
    if "mlos-tensormem" not in facts.installed:
        pytest.skip("the image has no mlos-tensormem")


@dataclass(frozen=True)
class Server:
    """A service that holds the model, as a server of it would."""

    host: Host
    unit: str

    def start(self, *properties: str) -> None:
        """Come back when it has the model mapped."""
        options = " ".join(f"--property={each}" for each in (f"StandardOutput=truncate:{self.said}", *properties))
        command = f"tensormem load --hold --group {GROUP} {MODEL}"
        self.host.check_output(f"systemd-run --quiet --unit={self.unit} {options} {command}")
        waiting = f"until grep --quiet 'box: 1 tensors' {self.said}; do sleep 0.5; done"
        self.host.check_output("timeout 120 sh -c %s", waiting)

    def stop(self) -> None:
        self.host.run(f"systemctl stop {self.unit}; systemctl reset-failed {self.unit}; rm --force {self.said}")

    @property
    def said(self) -> str:
        """The file with what it says."""
        return f"/run/{self.unit}"

    @property
    def is_running(self) -> bool:
        state: str = self.host.run(f"systemctl is-active {self.unit}").stdout.strip()
        return state == "active"

    @property
    def share(self) -> int:
        """Bytes of the model that the kernel says this process has: its part of what several have mapped (Pss)."""
        process = self.host.check_output(f"systemctl show --property=MainPID --value {self.unit}")
        sizes: list[dict[str, int]] = []
        for line in self.host.check_output(f"cat /proc/{process}/smaps").splitlines():
            key, *rest = line.split()
            if key == "Size:":
                sizes.append({})
            if key.endswith(":") and rest[-1:] == ["kB"]:
                sizes[-1][key] = int(rest[0]) * KIBIBYTE
        return max(sizes, key=lambda each: each["Size:"])["Pss:"]


@pytest.fixture
def servers(host: Host, guest: Guest, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two of them, of two users, that have one model; afterwards nothing is left of them."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [DATA], "data_offsets": [0, DATA]}}).encode()
    (tmp_path / "header").write_bytes(len(header).to_bytes(8, "little") + header)
    guest.send(tmp_path / "header", MODEL)
    host.check_output(f"head --bytes={DATA} /dev/zero >> {MODEL} && chmod 644 {MODEL}")
    first, second = (Server(host, f"tensor-server-{number}") for number in (1, 2))
    try:
        first.start()
        second.start("User=nobody", f"SupplementaryGroups={GROUP}")
        yield first, second
    finally:
        first.stop()
        second.stop()
        host.run(f"tensormem rm --group {GROUP} box; rm --force {MODEL}")


def told(host: Host, *arguments: str) -> Any:
    """What the command answers in JSON."""
    return json.loads(host.check_output(f"tensormem {' '.join(arguments)}"))


def available(host: Host) -> int:
    """Bytes that processes could still have."""
    return int(host.check_output("sed -n 's/^MemAvailable: *//p' /proc/meminfo").split()[0]) * KIBIBYTE


def test_members_of_the_group_may_use_the_device(host: Host, facts: Facts) -> None:
    if facts.symbols.get("TENSOR_MEM") is None:
        pytest.skip("this kernel was not asked for /dev/tensor")
    told_by_stat = host.check_output("stat --format='%F, %U, %G, %a' /dev/tensor")
    assert told_by_stat == f"character special file, root, {GROUP}, 660"


def test_devices_can_be_given_memory_of_either_kind(host: Host, facts: Facts) -> None:
    """Then the cases of the library that export it are no empty ones."""
    if facts.symbols.get("UDMABUF") is None:
        pytest.skip("this kernel was not asked for /dev/udmabuf")
    assert host.file("/dev/udmabuf").exists


@pytest.mark.parametrize("kind", ["memfd", "device"])
def test_the_library_keeps_its_promises_on_this_kernel(host: Host, kind: str) -> None:
    if kind == "device" and not host.file("/dev/tensor").exists:
        pytest.skip("this kernel has no /dev/tensor")
    done = host.run(f"/usr/libexec/mlos-tensormem/conformance {kind}")
    assert done.rc == 0, done.stdout + done.stderr
    assert done.stdout.count("\nok ") > 20


PROGRAM = """
import os, socket, sys
from tensormem import Tensor, broker
tensor = Tensor.create((1 << 20,), "float32", name="box", huge=None)
with tensor.writing() as memory:
    memory[:4] = b"abcd"
kept = tensor.view(write=True)
try:
    tensor.seal()
except OSError as error:
    print(error.errno, flush=True)  # EBUSY: somebody can write it. A child would print it again
del kept
tensor.seal()
here, there = socket.socketpair()
if os.fork() == 0:
    received = Tensor.receive(there)
    part = received.slice(4096, 4)
    info = received.info
    print(bytes(received.view()[:4]), bytes(part.view()), info.name, info.shape, info.sealed, flush=True)
    os._exit(0)
tensor.send(here)
os.wait()
with broker.connect() as names:
    names.publish("box", tensor)
    print(bytes(names.attach("box").view()[:4]), len(names.list()))
    names.remove("box")
"""


def test_the_python_module_does_what_the_library_does(host: Host) -> None:
    if not host.exists("python3"):
        pytest.skip("the image has no Python")
    said = host.check_output("python3 -c %s", PROGRAM).splitlines()
    assert said == ["16", "b'abcd' b'\\x00\\x00\\x00\\x00' box (1048576,) True", "b'abcd' 1"]


def test_the_broker_is_started_by_whoever_asks(host: Host) -> None:
    assert host.service("tensormemd.socket").is_enabled
    assert host.service("tensormemd.socket").is_running
    assert host.file("/run/tensormem/broker").is_socket
    host.check_output("systemctl stop tensormemd.service")
    assert told(host, "ls", "--json") == []
    assert host.service("tensormemd.service").is_running


def test_tensors_come_from_the_device_where_there_is_one(host: Host, servers: tuple[Server, Server]) -> None:
    assert told(host, "stat", "--group", GROUP, "box")["device"] == host.file("/dev/tensor").exists


def test_two_servers_have_one_copy(host: Host, servers: tuple[Server, Server]) -> None:
    known = told(host, "stat", "--group", GROUP, "box")
    assert known["size"] == pytest.approx(DATA, rel=0.001)
    assert known["attached"] >= 2
    assert told(host, "stat")["memory"] == known["size"]
    if known["huge"]:  # the kernel counts no parts of such pages
        before = available(host)
        third = Server(host, "tensor-server-3")
        try:
            third.start()
            assert before - available(host) < DATA / 2
        finally:
            third.stop()
    else:
        assert sum(server.share for server in servers) == pytest.approx(known["size"], rel=0.02)


def test_servers_keep_the_model_when_its_name_goes(host: Host, servers: tuple[Server, Server]) -> None:
    host.check_output(f"tensormem rm --group {GROUP} box")
    assert told(host, "ls", "--json") == []
    assert all(server.is_running for server in servers)


def test_servers_survive_the_broker(host: Host, servers: tuple[Server, Server]) -> None:
    host.check_output("systemctl restart tensormemd.service")
    assert told(host, "ls", "--json") == []
    assert all(server.is_running for server in servers)
    third = Server(host, "tensor-server-3")  # who comes now loads it anew
    try:
        third.start()
        assert [each["name"] for each in told(host, "ls", "--json")] == ["box"]
    finally:
        third.stop()
