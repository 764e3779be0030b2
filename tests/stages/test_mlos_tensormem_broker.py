"""tensormemd and the command tensormem: tensors by name, for those who may have them, each content once."""

from __future__ import annotations

import array
import errno
import functools
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stages.tensormem_host import broker_with, build, environment

from tensormem import Tensor, broker  # isort: skip  # after tensormem_host, which makes it importable

MIB = 1 << 20
LIMIT_MIB = 8
NOBODY, GROUP = 65534, 4242
DAEMON = [build() / "tensormemd"]
COMMAND = [build() / "tensormem"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


@pytest.fixture(params=["address,undefined"])
def address(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A broker that listens there, compiled so that it ends at the first byte it should not have touched."""
    path = folder / "broker"
    command = [broker_with(request.param), "--socket", str(path), "--limit", str(LIMIT_MIB)]
    with subprocess.Popen(command, env={**environment(), "TSAN_OPTIONS": "halt_on_error=1"}) as process:
        try:
            while not path.is_socket() or path.stat().st_mode & 0o777 != 0o666:
                assert process.poll() is None
                time.sleep(0.01)
            yield str(path)
        finally:
            process.terminate()
        assert process.wait() == -signal.SIGTERM


def sealed(content: bytes, **options: Any) -> Tensor:
    tensor = Tensor.create(len(content), None, **options)
    with tensor.writing() as memory:
        memory[:] = content
    tensor.seal()
    return tensor


def refusal(function: Any, *arguments: Any, **options: Any) -> int | None:
    """The number of the OSError that comes of it."""
    with pytest.raises(OSError) as caught:
        function(*arguments, **options)
    return caught.value.errno


def command(address: str, *arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        env={**environment(), "TENSORMEM_SOCKET": address},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def model_file(folder: Path, data: bytes = b"abcd") -> Path:
    text = json.dumps({"weight": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    path = folder / "small.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_another_process_attaches_what_one_has_published(address: str) -> None:
    with broker.connect(address) as names:
        told = names.publish("model", sealed(b"weights"))
        assert (told.size, told.digest) == (7, f"sha256:{hashlib.sha256(b'weights').hexdigest()}")
    script = (
        "import sys\nfrom tensormem import broker\n"
        "tensor = broker.connect(sys.argv[1]).attach('model')\n"
        "print(bytes(tensor.view()).decode(), tensor.info.sealed)\n"
    )
    said = subprocess.check_output([sys.executable, "-c", script, address], env=environment(), text=True)
    assert said == "weights True\n"


def test_the_same_content_is_kept_once(address: str) -> None:
    with broker.connect(address) as names:
        names.publish("one", sealed(b"x" * MIB))
        names.publish("two", sealed(b"x" * MIB))
        names.publish("other", sealed(b"y" * MIB))
        found = names.statistics()
        assert (found.shared, found.memory, found.memory_without_sharing) == (1, 2 * MIB, 3 * MIB)
        assert os.fstat(names.attach("one").fileno()).st_ino == os.fstat(names.attach("two").fileno()).st_ino
        names.remove("one")
        assert bytes(names.attach("two").view()) == b"x" * MIB
        names.remove("two")
        assert names.statistics().memory == MIB


def test_a_name_is_taken_until_it_is_replaced_or_removed(address: str) -> None:
    with broker.connect(address) as names:
        names.publish("model", sealed(b"old"))
        old = names.attach("model")
        assert refusal(names.publish, "model", sealed(b"new")) == errno.EEXIST
        names.publish("model", sealed(b"new"), replace=True)
        assert bytes(names.attach("model").view()) == b"new"
        assert bytes(old.view()) == b"old"
        names.remove("model")
        assert refusal(names.attach, "model") == errno.ENOENT
        assert refusal(names.remove, "model") == errno.ENOENT
        assert names.list() == []


def test_the_limit_counts_each_content_once(address: str) -> None:
    with broker.connect(address) as names:
        names.publish("large", sealed(b"x" * 5 * MIB))
        assert refusal(names.publish, "too large", sealed(b"y" * 4 * MIB)) == errno.EDQUOT
        names.publish("large again", sealed(b"x" * 5 * MIB))
        names.remove("large again")
        names.publish("small", sealed(b"y" * 3 * MIB))
        names.publish("large", sealed(b"z" * 5 * MIB), replace=True)
        names.remove("small")
        assert names.statistics().memory == 5 * MIB


def test_what_can_still_be_changed_has_no_name(address: str) -> None:
    tensor = Tensor.create(8192, None)
    with broker.connect(address) as names:
        assert refusal(names.publish, "open", tensor) == errno.EINVAL
        tensor.seal()
        assert refusal(names.publish, "", tensor) == errno.EINVAL
        assert refusal(names.publish, "a\nb", tensor) == errno.EINVAL
        assert refusal(names.publish, "x" * 201, tensor) == errno.EINVAL
        names.publish("closed", tensor)


@pytest.mark.parametrize(
    ("packet", "number"),
    [
        (b"\xff\xfe", errno.EBADMSG), (b"[]", errno.EBADMSG), (b"{", errno.EBADMSG),
        (b"[" * 100_000, errno.EBADMSG), (b" " * 140_000, errno.EBADMSG),
        (b"{}", errno.EINVAL), (b'{"do": ["list"]}', errno.EINVAL), (b'{"do": "dance"}', errno.EINVAL),
        (b'{"do": "attach"}', errno.EINVAL), (b'{"do": "attach", "name": 1}', errno.EINVAL),
        (b'{"do": "attach", "name": "\\ud800"}', errno.EBADMSG), (b'{"do": "publish", "name": "x"}', errno.EINVAL),
        (b'{"do": "attach", "name": "x", "scope": "world"}', errno.EINVAL),
        (b'{"do": "attach", "name": "x", "scope": ["user"]}', errno.EINVAL),
        (b'{"do": "attach", "name": "x", "number": true}', errno.EINVAL),
    ],
)  # fmt: skip
def test_packets_that_mean_harm_are_refused_and_the_broker_goes_on(address: str, packet: bytes, number: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(address)
        link.send(packet)
        assert json.loads(link.recv(65536))["error"] == number
    with broker.connect(address) as names:
        assert names.list() == []


def test_file_descriptors_that_are_no_tensors_are_refused_and_closed(address: str, folder: Path) -> None:
    message = b'{"do": "publish", "name": "x"}'
    with (folder / "file").open("wb") as file, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(address)
        reader, writer = os.pipe()
        for fds in ([file.fileno()], [writer]):
            link.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
            assert json.loads(link.recv(65536))["error"] == errno.EINVAL
        for packet, fds in ((message, [writer, writer]), (b"{", [writer])):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as another:
                another.connect(address)
                another.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
                assert json.loads(another.recv(65536))["error"] == errno.EBADMSG
        os.close(writer)
        assert os.read(reader, 1) == b""  # nobody has the other end any more
        os.close(reader)


def test_one_user_has_so_many_connections_and_no_more(address: str) -> None:
    links = [broker.connect(address) for _ in range(64)]
    assert [link.list() for link in links] == [[]] * 64
    one_more = broker.connect(address)
    assert refusal(one_more.list) in {errno.ECONNRESET, errno.EPIPE}
    links.pop()  # whoever lets go of it hangs up
    for _ in range(500):
        with broker.connect(address) as again:
            try:
                assert again.list() == []
                break
            except OSError:
                time.sleep(0.01)
    else:
        pytest.fail("a connection that was closed still counts")


@pytest.mark.parametrize("address", ["thread"], indirect=True)
def test_many_publish_the_same_name_and_content_at_once(address: str) -> None:
    failures: list[int | None] = []

    def publish(number: int) -> None:
        with broker.connect(address) as names:
            try:
                names.publish(f"model {number % 4}", sealed(b"x" * MIB))
            except OSError as error:
                failures.append(error.errno)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [errno.EEXIST] * 12
    with broker.connect(address) as names:
        assert names.statistics().memory == MIB


def attempt(address: str, work: Callable[[broker.Names], Any]) -> Any:
    """What comes of it on a connection of its own: its result, or a number of errno."""
    try:
        with broker.connect(address) as names:
            return work(names)
    except OSError as error:
        return error.errno


def as_user(address: str, uid: int, groups: list[int], *work: Callable[[broker.Names], Any]) -> list[Any]:
    """What comes of each piece of work when such a user does it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setgid(uid)
            os.setuid(uid)
            os.write(writer, json.dumps([attempt(address, each) for each in work]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as answer:
        return list(json.loads(answer.read()))


def say(address: str, packet: bytes) -> dict[str, Any]:
    """What the broker answers to a packet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(address)
        link.send(packet)
        return dict(json.loads(link.recv(1 << 17)))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be other users")
def test_the_kernel_says_who_asks(address: str) -> None:
    def of_root(_: broker.Names) -> int:
        return int(say(address, b'{"do": "attach", "name": "model", "scope": "user", "number": 0}')["error"])

    def of_group(names: broker.Names) -> str:
        return bytes(names.attach("model", group=GROUP).view()).decode()

    with broker.connect(address) as names:
        names.publish("model", sealed(b"mine"))
        names.publish("model", sealed(b"ours"), group=GROUP)
    assert as_user(address, NOBODY, [], of_root, of_group) == [errno.EACCES, errno.EACCES]
    assert as_user(address, NOBODY, [GROUP], of_root, of_group) == [errno.EACCES, "ours"]
    listed = as_user(address, NOBODY, [GROUP], lambda names: [each.number for each in names.list()])
    assert listed == [[GROUP]]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be other users")
def test_only_its_publisher_and_the_administrator_change_a_name_of_a_group(address: str) -> None:
    def publish(names: broker.Names, *, replace: bool = False) -> str:
        return names.publish("model", sealed(b"x"), group=GROUP, replace=replace).name

    def remove(names: broker.Names) -> None:
        names.remove("model", group=GROUP)

    def names_of_another(_: broker.Names) -> int:
        return int(say(address, b'{"do": "look", "name": "model", "scope": "user", "number": 1000}')["error"])

    assert as_user(address, 1000, [GROUP], publish) == ["model"]
    replace = functools.partial(publish, replace=True)
    refused = [errno.EACCES, errno.EACCES, errno.EACCES]
    assert as_user(address, 1001, [GROUP], remove, replace, names_of_another) == refused
    assert as_user(address, 1002, [], publish, lambda names: len(names.list())) == [errno.EACCES, 0]
    assert as_user(address, 1000, [GROUP], replace) == ["model"]
    with broker.connect(address) as names:
        assert names.look("model", group=GROUP).owner == 1000
        names.remove("model", group=GROUP)
        assert names.statistics().memory == 0


def test_a_list_that_has_no_room_in_a_packet_comes_in_parts(address: str) -> None:
    wanted = [f"{number:04} {'x' * 190}" for number in range(700)]
    with broker.connect(address) as names:
        tensor = sealed(b"one content")
        for name in wanted:
            names.publish(name, tensor)
        assert [each.name for each in names.list()] == wanted
    assert say(address, b'{"do": "list"}')["more"] > 0


def test_a_user_has_so_many_names_and_no_more(address: str) -> None:
    with broker.connect(address) as names:
        tensor = sealed(b"one content")
        for number in range(4096):
            names.publish(str(number), tensor)
        assert refusal(names.publish, "one more", tensor) == errno.EDQUOT
        names.publish("0", tensor, replace=True)


@pytest.mark.parametrize("name", ["a\u200bb", "a\u202eb", "a\x7f", "\x85"])
def test_names_that_cannot_be_told_apart_are_refused(address: str, name: str) -> None:
    with broker.connect(address) as names:
        assert refusal(names.publish, name, sealed(b"x")) == errno.EINVAL
    assert say(address, json.dumps({"do": "attach", "name": name}).encode())["error"] == errno.EINVAL


def test_systemd_hands_the_socket_over(folder: Path) -> None:
    path = folder / "activated"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        # What systemd does: the socket is descriptor 3, and LISTEN_PID the process's own.
        script = f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        command = ["bash", "-c", script, "bash", *DAEMON]
        for _ in range(2):  # the socket survives the broker
            with subprocess.Popen(command, env=environment(), pass_fds=[listener.fileno()]) as process:
                try:
                    with broker.connect(str(path)) as names:
                        assert names.list() == []
                finally:
                    process.terminate()


def test_the_command_loads_lists_tells_and_removes(address: str, folder: Path) -> None:
    path = model_file(folder)
    status, said, _ = command(address, "load", path)
    assert (status, said.split(",")[0]) == (0, "small: 1 tensors")
    assert command(address, "load", path)[0] == 1
    assert command(address, "load", path, "--replace", "--name", "small")[0] == 0
    listed = json.loads(command(address, "ls", "--json")[1])
    assert [each["name"] for each in listed] == ["small"]
    assert "small" in command(address, "ls")[1]
    assert json.loads(command(address, "stat", "small")[1])["digest"] == listed[0]["digest"]
    with broker.connect(address) as names:
        assert bytes(names.load("small", "/no/such/file").memory("weight")) == b"abcd"
    assert json.loads(command(address, "stat")[1])["attached"] == 1
    assert command(address, "rm", "small")[0] == 0
    status, _, said = command(address, "rm", "small")
    assert status == 1
    assert "tensormem ls" in said


def test_a_connection_that_was_closed_asks_nothing(address: str) -> None:
    with broker.connect(address) as names:
        assert names.list() == []
    with pytest.raises(ValueError, match="closed"):
        names.list()


def test_a_model_that_nobody_has_loaded_is_loaded_and_published(address: str, folder: Path) -> None:
    with broker.connect(address) as names:
        assert bytes(names.load("fresh", model_file(folder)).memory("weight")) == b"abcd"
        assert names.look("fresh").attached == 1


def largest_share(process: int) -> int:
    """Bytes of its largest mapping that the kernel counts as this process's own (Pss)."""
    parts = Path(f"/proc/{process}/smaps").read_text().split("\nSize:")[1:]
    largest = max(parts, key=lambda part: int(part.split()[0]))
    return int(largest.split("\nPss:")[1].split()[0]) * 1024


def test_servers_that_hold_a_model_have_one_copy_whatever_happens_to_its_name(address: str, folder: Path) -> None:
    path = model_file(folder, bytes(4 * MIB))
    arguments = [*COMMAND, "load", "--hold", path]
    known = {**environment(), "TENSORMEM_SOCKET": address}
    servers = [subprocess.Popen(arguments, env=known, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for server in servers:
        assert server.stdout
        assert server.stdout.readline().startswith("small: 1 tensors, 4.0 MiB, sha256:")
    assert command(address, "rm", "small")[0] == 0
    with broker.connect(address) as names:
        assert names.statistics().memory == 0
    assert sum(largest_share(server.pid) for server in servers) == pytest.approx(4 * MIB, rel=0.02)
    for server in servers:
        server.terminate()
        server.communicate()
    assert [server.returncode for server in servers] == [0, 0]


def test_the_command_says_what_is_wrong(address: str, folder: Path) -> None:
    assert command(address, "dance")[0] == 64
    assert command(address, "bench", "--size", "0")[0] == 64
    (folder / "bad.safetensors").write_bytes(b"no such thing")
    status, _, said = command(address, "load", folder / "bad.safetensors")
    assert status == 65
    assert "bad.safetensors" in said
    status, _, said = command(str(folder / "nowhere"), "ls")
    assert status == 69
    assert "systemctl" in said
    status, _, said = command(address, "load", folder / "none")
    assert (status, said) == (1, f"tensormem: {folder}/none: No such file or directory\n")
    assert command(address, "load", "--hold", "--replace", folder / "none")[0] == 64
    assert command(address, "rm", "x", "--group", "no such group")[0] == 1


def test_the_benchmark_measures(address: str) -> None:
    found = json.loads(command(address, "bench", "--size", "16", "--json")[1])
    assert len(found) == 3
    assert all(each["seconds"] > 0 and each["ratio"] > 0 for each in found)
