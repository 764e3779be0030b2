"""mlos-accel as it is installed: its files, another Python, its service, and its live view in a terminal."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from distrobuild.stages.stage import Job
from tests.unit.accel import SOURCE, machines

FILES = SOURCE.parent / "files"
UNITS = ("mlos-accel-cdi.service", "mlos-accel-metrics.socket", "mlos-accel-metrics.service")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm"}
ENVIRONMENT |= {"LC_ALL": "C.UTF-8"}
PROGRAM = (sys.executable, str(SOURCE / "mlos-accel"))


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox with what the package installs below /work/root, and the machine `instinct` below /work/machine."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(FILES, made.work / "root")
    made.sandbox.run(["make", "--silent", "install", "DESTDIR=/work/root"], cwd="/work/source")
    machines.make("instinct", made.work / "machine")
    return made


def test_units_rules_and_groups_are_valid(job: Job) -> None:
    job.sandbox.run(["udevadm", "verify", "--resolve-names=never", "/work/root/usr/lib/udev/rules.d"])
    job.sandbox.run(["systemd-sysusers", "--dry-run", "/work/root/usr/lib/sysusers.d/mlos-accel.conf"])
    # The units that ours are ordered against.
    job.sandbox.run(["sh", "-c", "cp /usr/lib/systemd/system/*.target /work/root/usr/lib/systemd/system"])
    complaints: list[str] = []  # an unknown key is only a warning to systemd-analyze
    analyze = ["systemd-analyze", "--man=no", "--root=/work/root", "verify", *UNITS]
    replace(job.sandbox, log=complaints.append).run(analyze)
    assert complaints == []


def test_rules_come_after_those_that_give_accelerators_to_another_group() -> None:
    """systemd's are 50-udev-default.rules; mlos-node's stand in this repository."""
    ours = next((FILES / "usr/lib/udev/rules.d").iterdir()).name
    node = SOURCE.parents[1] / "mlos-node/files/usr/lib/udev/rules.d"
    assert ours > max(file.name for file in node.iterdir())
    assert ours > "50-udev-default.rules"


def test_the_installed_program_runs_on_the_python_of_the_tools_root(job: Job) -> None:
    environment = ["env", "PYTHONPATH=/work/root/usr/lib/python3/dist-packages"]
    said = job.sandbox.read([*environment, "/work/root/usr/bin/mlos-accel", "--root", "/work/machine", "list"])
    done = subprocess.run(
        [*PROGRAM, "--root", job.work / "machine", "list"], env=ENVIRONMENT, stdout=subprocess.PIPE, check=True
    )
    assert said == done.stdout
    assert b"MI300X" in said


def test_the_manual_page_and_the_completion_know_every_word_of_the_command_line() -> None:
    from mlos_accel import cli

    parser = cli._parser()
    (commands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    options = {word for each in (parser, *commands.choices.values()) for word in each._option_string_actions}
    page = (SOURCE / "man/mlos-accel.1").read_text()
    completion = (FILES / "usr/share/bash-completion/completions/mlos-accel").read_text()
    for word in (*commands.choices, *(option for option in options if option.startswith("--"))):
        assert re.search(rf"(Cm|Fl) -?{re.escape(word.removeprefix('--'))}\b", page), word
        assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", completion), word


def test_the_manual_page_says_every_exit_status() -> None:
    from mlos_accel import errors

    page = (SOURCE / "man/mlos-accel.1").read_text()
    statuses = {each.status for each in errors.AccelError.__subclasses__()} - {errors.WrongDeclaration.status}
    assert statuses < {int(number) for number in re.findall(r"^\.It (\d+)$", page, re.MULTILINE)}


HANDED_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.argv[2], sys.argv[2:])
"""
"""What systemd does before it starts a service with a socket: sd_listen_fds(3)."""


@contextlib.contextmanager
def started(place: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is handed a socket at this place."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()
        fd = listening.fileno()
        words = [sys.executable, "-c", HANDED_OVER, str(fd), *command]
        with subprocess.Popen(words, env=ENVIRONMENT, pass_fds=[fd]) as running:
            try:
                yield running
            finally:
                running.terminate()


def service(root: Path, place: Path) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    return started(place, *PROGRAM, "--root", str(root), "metrics", "--serve")


class UnixConnection(http.client.HTTPConnection):
    """HTTP on a socket in the file system."""

    def __init__(self, place: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._place))


def get(place: Path, path: str) -> tuple[int, str]:
    with contextlib.closing(UnixConnection(place)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_metrics_are_served_on_the_socket_and_are_new_each_time(tmp_path: Path) -> None:
    root = machines.make("instinct", tmp_path / "machine")
    with service(root, tmp_path / "metrics"):
        status, text = get(tmp_path / "metrics", "/metrics")
        assert status == 200
        assert 'mlos_accel_busy_ratio{uuid="GPU-7a5c3e1f00112233"} 0.37\n' in text
        (root / "sys/bus/pci/devices/0000:41:00.0/gpu_busy_percent").write_text("99\n")
        assert 'mlos_accel_busy_ratio{uuid="GPU-7a5c3e1f00112233"} 0.99\n' in get(tmp_path / "metrics", "/metrics")[1]
        (root / "sys/bus/pci/devices/0000:c1:00.0").unlink()
        assert "0000:c1:00.0" not in get(tmp_path / "metrics", "/metrics")[1]
        assert get(tmp_path / "metrics", "/")[0] == 404


def test_a_visitor_who_says_nothing_keeps_nobody_out_for_long(tmp_path: Path) -> None:
    root = machines.make("laptop", tmp_path / "machine")
    with service(root, tmp_path / "metrics"), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(tmp_path / "metrics"))
        assert get(tmp_path / "metrics", "/metrics")[0] == 200


def test_the_service_ends_when_nobody_comes(tmp_path: Path) -> None:
    root = machines.make("laptop", tmp_path / "machine")
    script = "import sys; from mlos_accel import exporter, tree; exporter.serve(tree.Tree(sys.argv[1]), idle=0.2)"
    with started(tmp_path / "metrics", sys.executable, "-c", script, str(root)) as running:
        assert running.wait(60) == 0


class Terminal:
    """`mlos-accel watch` in a terminal of 80 columns, started by a program that told its environment so."""

    def __init__(self, root: Path, interval: str = "0.1") -> None:
        arguments = [str(SOURCE / "mlos-accel"), "--root", str(root), "watch", "--interval", interval]
        self.child = pexpect.spawn(
            sys.executable,
            arguments,
            env=ENVIRONMENT | {"COLUMNS": "80", "LINES": "24"},
            dimensions=(24, 80),
            encoding="utf-8",
            timeout=60,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # if we run in the background
        )

    def __enter__(self) -> Terminal:
        self.child.expect_exact("\x1b[?1049h")
        return self

    def __exit__(self, *_: object) -> None:
        self.child.close(force=True)

    def left(self) -> None:
        """The program has ended, and the terminal is as it was."""
        self.child.expect_exact("\x1b[?25h\x1b[?1049l")
        self.child.expect(pexpect.EOF)
        self.child.wait()


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return machines.make("hub", tmp_path / "machine")


def test_the_live_view_follows_loads_and_devices(hub: Path) -> None:
    with Terminal(hub) as terminal:
        terminal.child.expect_exact("41%")
        (hub / "sys/class/accel_hub/0/load").write_text("987\n")
        terminal.child.expect_exact("99%")
        shutil.rmtree(hub / "sys/class/accel_hub/2")
        (hub / "sys/class/accel/accel2").unlink()
        (hub / "etc/mlos/accelerators.d").mkdir(parents=True)
        (hub / "etc/mlos/accelerators.d/fresh.toml").write_text("")
        terminal.child.expect_exact("fresh (declared)")
        terminal.child.send("q")
        terminal.left()
        assert terminal.child.exitstatus == 0


def test_the_live_view_takes_a_new_size_at_once(hub: Path) -> None:
    with Terminal(hub, interval="3600") as terminal:
        terminal.child.expect(r"mlos-accel [^\r]{62}q quits")
        terminal.child.setwinsize(30, 120)
        terminal.child.expect(r"mlos-accel [^\r]{102}q quits")
        terminal.child.setwinsize(8, 80)
        terminal.child.expect_exact("1 to ")
        terminal.child.send("j")
        terminal.child.expect_exact("2 to ")
        terminal.child.send("k")
        terminal.child.expect_exact("1 to ")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_live_view_gives_the_terminal_back_when_it_is_ended(hub: Path, how: signal.Signals) -> None:
    with Terminal(hub) as terminal:
        terminal.child.expect_exact("41%")
        terminal.child.kill(how)
        terminal.left()
        assert terminal.child.exitstatus == 130
