"""libdataplane, compiled: what is passed arrives whole, in order and once, whoever is killed; bad files are refused.

The Python module and valgrind run on this machine and not in the sandbox, so the library is compiled here as well.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distrobuild.stages.stage import Job
from tests import mlos

SOURCE = mlos.ROOT / "packages" / "mlos-dataplane" / "source"
SANITIZERS = {
    "thread": "-fsanitize=thread -Wno-tsan",
    "address": "-fsanitize=address,undefined -fno-sanitize-recover=all",
}
"""The thread sanitizer knows no fences, and the library has ordinary ones instead of membarrier(2) under it."""

KINDS = ("ring", "queue", "telemetry")

VERSION_OFFSET, CAPACITY_OFFSET, TAIL_OFFSET = 8, 40, 4096 + 128
"""Of struct share_header and struct stream, in bytes."""


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox with the sources in its work folder."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source")
    return made


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, compiled on this machine."""
    folder = tmp_path_factory.mktemp("dataplane") / "source"
    shutil.copytree(SOURCE, folder)
    subprocess.run(["make", "--silent", "libdataplane.so.1", "check/traffic"], cwd=folder, check=True)
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ring"


class Python:
    """Python programs that have the module, and processes of them that end with the test."""

    def __init__(self, folder: Path) -> None:
        library = str(folder / "libdataplane.so.1")
        self._environment = {**os.environ, "PYTHONPATH": str(folder), "MLOS_DATAPLANE_LIBRARY": library}
        self._running: list[subprocess.Popen[str]] = []

    def start(self, program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", f"import os, sys, time, mlos_dataplane as dataplane\n{program}"]
        process = subprocess.Popen(
            [*command, *map(str, arguments)], env=self._environment, text=True, stdout=-1, stderr=-1
        )
        self._running.append(process)
        return process

    def say(self, program: str, *arguments: object) -> str:
        """What a program prints."""
        process = self.start(program, *arguments)
        said, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
        return said.strip()

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


@pytest.fixture
def python(compiled: Path) -> Iterator[Python]:
    made = Python(compiled)
    yield made
    made.end()


def failure(python: Python, expression: str, path: Path) -> str:
    """The name of the exception and of the error that an expression ends with."""
    return python.say(
        "import errno\ntry:\n"
        f"    {expression}\n"
        "except OSError as error:\n    print(type(error).__name__, errno.errorcode[error.errno])\n",
        path,
    )


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def interleavings(job: Job, *case: str) -> list[str]:
    """What the checker says about its cases, or about one."""
    job.sandbox.run(["make", "--silent", "CFLAGS=-O2 -Werror", "check/interleavings"], cwd="/work/source")
    job.sandbox.run(["sh", "-c", '"$@" > /work/said || true', "sh", "/work/source/check/interleavings", *case])
    return (job.work / "said").read_text("utf-8").splitlines()


def test_no_order_and_no_death_loses_tears_or_doubles_a_message(job: Job) -> None:
    said = interleavings(job)
    assert len(said) == 16
    assert all(re.fullmatch(r"[a-z-]+: \d+ states, \d+ runs", line) for line in said), said


@pytest.mark.parametrize(
    ("file", "good", "bad", "case", "complaint"),
    [
        ("gate.h", "barrier_heavy();", ";", "ring", "sleeps for ever"),
        ("gate.c", "add_event(&gate->event);", ";", "gate", "sleeps for ever"),
        ("stream.h", "side->own += count;\n\twrite_release(&side->stream->tail, side->own);\n",
         "side->own += count;\n", "ring", "sleeps for ever"),
        ("stream.h", "copy_in(stream_slot", "write_release(&side->stream->tail, side->own + count);\n"
         "\tcopy_in(stream_slot", "ring", "torn"),
        ("stream.h", "copy_out(messages, stream_slot", "write_release(&side->stream->head, side->own + count);\n"
         "\tcopy_out(messages, stream_slot", "ring", "torn"),
        ("queue.h", "replace(&slot->state, state, queue_state(lap + 1, QUEUE_FREE))",
         "(write_release(&slot->state, queue_state(lap + 1, QUEUE_FREE)), true)", "queue-two-consumers", "twice"),
        ("queue.h", "(int)phase - 1;", "-1;", "queue-one-of-two-producers-dies", "lost"),
        ("pool.c", "if (!replace(&pool->words[index], found, ours(pool, generation)))\n\t\treturn 0;",
         "write_release(&pool->words[index], ours(pool, generation));", "pool", "block"),
        ("pool.c", "(unsigned int)phase - 1) == SEAT_DEAD", "(unsigned int)phase - 1) != SEAT_DEAD", "pool", "block"),
        ("queue.c", "!= SEAT_DEAD)", "== SEAT_DEAD)", "queue-one-of-two-producers-dies", "lost"),
    ],
)  # fmt: skip
def test_the_checker_finds_what_is_broken(job: Job, file: str, good: str, bad: str, case: str, complaint: str) -> None:
    place = job.work / "source" / file
    text = place.read_text("utf-8")
    assert text.count(good) == 1
    place.write_text(text.replace(good, bad), "utf-8")
    (said,) = interleavings(job, case)
    assert complaint in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SANITIZERS)
def test_traffic_is_clean_to_the_sanitizers(job: Job, name: str, kind: str) -> None:
    flags = SANITIZERS[name]
    make = ["make", "--silent", f"CFLAGS=-O1 {flags}", f"LDFLAGS={flags}", "check/traffic"]
    job.sandbox.run(make, cwd="/work/source")
    assert job.sandbox.read(["/work/source/check/traffic", kind, "20000"]) == b"20000 messages\n"


@pytest.mark.parametrize("kind", KINDS)
def test_traffic_is_clean_to_valgrind(compiled: Path, kind: str) -> None:
    command = ["valgrind", "--quiet", "--leak-check=full", "--error-exitcode=9"]
    done = subprocess.run(
        [*command, compiled / "check/traffic", kind, "5000"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "5000 messages\n", "")


HEADERS = {path.name for path in (SOURCE / "mlos").glob("*.h")}
TOPOLOGY = {"topology.h"}
"""What the second library, which alone needs hwloc, declares."""


@pytest.mark.parametrize(
    ("library", "headers"), [("libdataplane", HEADERS - TOPOLOGY), ("libdataplane-topology", TOPOLOGY)]
)
def test_a_library_compiles_without_a_warning_and_exports_what_its_headers_declare(
    job: Job, library: str, headers: set[str]
) -> None:
    job.sandbox.run(["make", "--silent", "CFLAGS=-O2 -Werror"], cwd="/work/source")
    symbols = job.sandbox.read(["nm", "--dynamic", "--defined-only", f"/work/source/{library}.so.1"]).decode()
    exported = {line.split()[-1].partition("@")[0] for line in symbols.splitlines()}
    text = "".join((SOURCE / "mlos" / name).read_text("utf-8") for name in headers)
    assert {name for name in exported if name.startswith("dp_")} == set(
        re.findall(r"^\w.*?\b(dp_\w+)\(", text, re.MULTILINE)
    )


def test_the_headers_are_good_for_c_and_cplusplus(job: Job) -> None:
    includes = "".join(f'#include "mlos/{name}"\n' for name in sorted(HEADERS))
    (job.work / "probe.cc").write_text(f"{includes}int main() {{ return 0; }}\n")
    job.sandbox.run(["c++", "-Wall", "-Wextra", "-Werror", "-I/work/source", "-fsyntax-only", "/work/probe.cc"])


def test_messages_pass_between_two_processes(python: Python, path: Path) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 8, 16)", path)
    producer = python.start(
        "with dataplane.Producer(sys.argv[1]) as ring:\n"
        "    ring.push(b''.join(number.to_bytes(8, 'little') for number in range(1000)))\n",
        path,
    )
    program = "print(*(int.from_bytes(each, 'little') for each in dataplane.Consumer(sys.argv[1])))"
    assert python.say(program, path) == " ".join(map(str, range(1000)))
    assert producer.wait(60) == 0


def test_rings_and_queues_behave_as_a_list_whoever_comes_and_goes(python: Python) -> None:
    program = "import runpy; sys.argv = ['machine', '100']; runpy.run_path(%r, run_name='__main__')"
    assert python.say(program % str(Path(__file__).with_name("dataplane_machine.py"))) == "Ring\nQueue"


def test_a_killed_producer_of_a_queue_stops_nobody_and_no_message_comes_twice(python: Python, path: Path) -> None:
    python.say("dataplane.create_queue(sys.argv[1], 4096, 8)", path)
    doomed = python.start(ENDLESS.replace("Producer", "QueueProducer"), path, "give up")
    program = (
        "for message in dataplane.QueueConsumer(sys.argv[1]):\n"
        "    assert message == message[:8] * 512\n"
        "    print(int.from_bytes(message[:8], 'little'), flush=True)\n"
    )
    heir = python.start(
        "with dataplane.QueueProducer(sys.argv[1]) as queue:\n"
        "    print('here', flush=True)\n"
        "    while os.path.exists(f'/proc/{sys.argv[2]}'): time.sleep(0.001)\n"
        "    for number in range(20): queue.push((2**60 + number).to_bytes(8, 'little') * 512)\n",
        path,
        doomed.pid,
    )
    assert heir.stdout is not None
    assert heir.stdout.readline() == "here\n"
    consumers = [python.start(program, path) for _ in range(2)]
    for consumer in consumers:
        assert consumer.stdout is not None
        consumer.stdout.readline()
    doomed.kill()
    doomed.wait(60)
    said = [consumer.communicate(timeout=60) for consumer in consumers]
    assert all("PeerDied" in complaint for _, complaint in said)
    numbers = [int(line) for out, _ in said for line in out.split()]
    assert len(set(numbers)) == len(numbers)
    assert {2**60 + number for number in range(20)} <= set(numbers)


def test_an_anonymous_ring_is_inherited_and_the_handle_of_a_parent_is_not(python: Python) -> None:
    program = """
fd = dataplane.create_ring(None, 8, 4)
consumer = dataplane.Consumer(fd)
if os.fork() == 0:
    try:
        consumer.pop(timeout=0)
    except OSError as error:
        dataplane.Producer(fd).push(os.strerror(error.errno)[:8].encode())
    os._exit(0)
print(consumer.pop().decode(), consumer.peer.name)
"""
    assert python.say(program) in {"Bad file PRESENT", "Bad file DEAD"}


def test_a_child_does_not_make_a_dead_parent_look_alive(python: Python) -> None:
    program = """
fd = dataplane.create_ring(None, 8, 4)
told, says = os.pipe()
if os.fork() == 0:
    producer = dataplane.Producer(fd)
    child = os.fork()
    if child == 0:
        print(producer.peer.name, flush=True)
        os.write(says, str(os.getpid()).encode())
        time.sleep(3600)
    os.wait()
child = int(os.read(told, 10))
with open(f"/proc/{child}/stat") as file: parent = int(file.read().split()[3])
os.kill(parent, 9)
os.wait()
try:
    dataplane.Consumer(fd).pop(timeout=30)
except OSError as error:
    print(type(error).__name__)
os.kill(child, 9)
"""
    assert python.say(program) == "ABSENT\nPeerDied"


def test_the_example_of_the_documentation_runs(python: Python) -> None:
    text = (mlos.ROOT / "docs" / "data-plane.md").read_text("utf-8")
    for example in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        assert python.say(example) == "499500"


ENDLESS = """
ring = dataplane.Producer(sys.argv[1])
number = 0
print("here", flush=True)
while True:
    batch = range(number, number + 7)
    try:
        number += ring.push(b"".join(each.to_bytes(8, "little") * 512 for each in batch))
    except dataplane.PeerDied:
        if sys.argv[2] == "give up":
            raise
        time.sleep(0.001)
"""


def test_of_a_killed_producer_everything_published_arrives_and_nothing_torn(python: Python, path: Path) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 4096, 8)", path)
    producer = python.start(ENDLESS, path, "give up")
    consumer = python.start(
        "number = 0\n"
        "try:\n"
        "    for message in dataplane.Consumer(sys.argv[1]):\n"
        "        assert message == number.to_bytes(8, 'little') * 512, number\n"
        "        number += 1\n"
        "        if number == 1000: print('ready', flush=True)\n"
        "except dataplane.PeerDied:\n"
        "    print(number)\n",
        path,
    )
    assert consumer.stdout is not None
    assert consumer.stdout.readline() == "ready\n"
    producer.send_signal(signal.SIGKILL)
    assert int(consumer.communicate(timeout=60)[0]) >= 1000


def test_the_successor_of_a_killed_consumer_goes_on_where_it_was(python: Python, path: Path) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 4096, 8)", path)
    python.start(ENDLESS, path, "go on")
    program = (
        "ring = dataplane.Consumer(sys.argv[1])\n"
        "for _ in range(100):\n"
        "    print(int.from_bytes(ring.pop()[:8], 'little'), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    numbers: list[str] = []
    for _ in range(3):
        numbers += python.start(program, path).communicate(timeout=60)[0].split()
    assert numbers == [str(number) for number in range(300)]


def test_a_producer_that_waits_learns_that_the_consumer_died(python: Python, path: Path) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 4096, 8)", path)
    producer = python.start(ENDLESS, path, "give up")
    assert producer.stdout is not None
    assert producer.stdout.readline() == "here\n"
    python.start("dataplane.Consumer(sys.argv[1]).pop(); os.kill(os.getpid(), 9)", path).wait(60)
    assert "PeerDied" in producer.communicate(timeout=60)[1]


def test_a_block_is_passed_on_by_its_handle_and_an_old_handle_fits_nothing(python: Python) -> None:
    program = """
file, ring = dataplane.create_pool(None, 4096, 2), dataplane.create_ring(None, 8, 2)
with dataplane.Pool(file) as giver, dataplane.Pool(file) as receiver:
    handle = giver.take()
    with giver.block(handle) as block:
        block[:5] = b"hello"
    dataplane.Producer(ring).push(handle.to_bytes(8, "little"))
    print(giver.pass_on(handle))
    got = int.from_bytes(dataplane.Consumer(ring).pop(), "little")
    receiver.adopt(got)
    with receiver.block(got) as block:
        print(bytes(block[:5]).decode())
    receiver.give_back(got)
    for use in (receiver.give_back, giver.adopt, lambda handle: giver.block(handle).__enter__()):
        try:
            use(handle)
        except OSError as error:
            print(os.strerror(error.errno))
    taken = {giver.take(), giver.take()}
    print(handle in taken, len({number & 0xFFFFFFFF for number in taken}))
    try:
        receiver.take()
    except OSError as error:
        print(os.strerror(error.errno))
"""
    stale = ["Stale file handle"] * 3
    assert python.say(program).splitlines() == ["True", "hello", *stale, "False 2", "Cannot allocate memory"]


def test_a_process_does_not_take_its_own_block_twice(python: Python) -> None:
    program = """
pool = dataplane.Pool(dataplane.create_pool(None, 64, 2))
taken = {pool.take(), pool.take()}
try:
    pool.take()
except OSError as error:
    print(len(taken), os.strerror(error.errno))
"""
    assert python.say(program) == "2 Cannot allocate memory"


def test_what_a_killed_process_had_of_a_pool_is_there_for_others(python: Python, path: Path) -> None:
    python.say("dataplane.create_pool(sys.argv[1], 64, 4)", path)
    program = "pool = dataplane.Pool(sys.argv[1]); print(pool.take(), pool.take(), flush=True); os.kill(os.getpid(), 9)"
    old = python.start(program, path).communicate(timeout=60)[0].split()
    program = "pool = dataplane.Pool(sys.argv[1])\nfor _ in range(4): print(pool.take())"
    new = python.say(program, path).split()
    assert len(set(new)) == 4
    assert not set(new) & set(old)


def test_the_bytes_of_a_block_end_with_their_use(python: Python) -> None:
    program = """
pool = dataplane.Pool(dataplane.create_pool(None, 64, 1))
with pool.block(pool.take()) as block:
    try:
        pool.close()
    except BufferError as error:
        print(error)
try:
    block[0]
except ValueError:
    print("released")
"""
    assert python.say(program).splitlines() == ["a block is in use", "released"]


def test_telemetry_never_waits_and_counts_what_it_drops(python: Python, path: Path) -> None:
    program = """
dataplane.create_telemetry(sys.argv[1], 8)
with dataplane.TelemetryWriter(sys.argv[1]) as writer, dataplane.TelemetryReader(sys.argv[1]) as reader:
    for number in range(12):
        writer.record(number, number * 1e-6)
    totals = reader.totals()
    print(totals.events, totals.bytes, totals.latency_sum, totals.latency_max, totals.dropped)
"""
    assert python.say(program, path) == "8 28 28000 7000 4"


def test_the_exporter_serves_the_sums_of_all_programs_that_record(python: Python, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "other")]
    for file in files:
        program = (
            "dataplane.create_telemetry(sys.argv[1], 64)\n"
            "with dataplane.TelemetryWriter(sys.argv[1]) as writer:\n"
            "    for latency in (0.001, 0.003): writer.record(500, latency)\n"
            "    for kind in (dataplane.Kind.ALLOCATION, dataplane.Kind.DEALLOCATION): writer.record(kind=kind)\n"
        )
        python.say(program, file)
    main = "from mlos_dataplane import exporter; exporter.main([*sys.argv[1:], '--port', '0'])"
    exporter = python.start(main, *files)
    assert exporter.stdout is not None
    address = exporter.stdout.readline().strip()
    with urllib.request.urlopen(address, timeout=60) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    metrics = {name: float(value) for name, value in (line.split() for line in lines)}
    expected = {
        "events_total": 4, "bytes_total": 2000, "latency_avg_microseconds": 2000, "latency_max_microseconds": 3000,
        "allocations_total": 2, "deallocations_total": 2, "events_dropped_total": 0,
    }  # fmt: skip
    assert {f"zenith_cpu_{name}": value for name, value in expected.items()}.items() <= metrics.items()
    rates = ("uptime_seconds", "events_per_second", "throughput_mbps")
    assert set(metrics) == {f"zenith_cpu_{name}" for name in (*expected, *rates)}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address.replace("/metrics", "/"), timeout=60)


def test_rates_are_between_the_first_and_the_last_reading(python: Python) -> None:
    program = """
from mlos_dataplane.metrics import Sums, exposition
text = exposition(1.0, Sums(2.0, events=10, bytes=0), Sums(4.0, events=30, bytes=500_000))
print(*(line.split()[1] for line in text.splitlines() if "per_second " in line or "mbps " in line if line[0] != "#"))
"""
    assert python.say(program) == "10.0 2.0"


def test_an_exporter_without_a_file_says_so(python: Python, path: Path) -> None:
    exporter = python.start("from mlos_dataplane import exporter; exporter.main(sys.argv[1:])", path)
    _, complaint = exporter.communicate(timeout=60)
    assert exporter.returncode == 1
    assert "No such file" in complaint
    assert "Traceback" not in complaint


def test_a_side_is_one_living_process_at_a_time(python: Python, path: Path) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 8, 8)", path)
    expression = "first = dataplane.Producer(sys.argv[1]); dataplane.Producer(sys.argv[1])"
    assert failure(python, expression, path) == "OSError EBUSY"
    assert python.say("print(dataplane.Consumer(sys.argv[1]).peer.name)", path) == "DEAD"


def test_waits_end(python: Python, path: Path) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 8, 2)", path)
    assert failure(python, "dataplane.Consumer(sys.argv[1]).pop(timeout=0)", path) == "BlockingIOError EAGAIN"
    assert failure(python, "dataplane.Consumer(sys.argv[1]).pop(timeout=0.01)", path) == "TimeoutError ETIMEDOUT"
    program = "with dataplane.Producer(sys.argv[1]) as ring: print(ring.push(bytes(24), timeout=0.01))"
    assert python.say(program, path) == "2"


@pytest.mark.parametrize("size", [(0, 8), (8, 0), (8, 3), (1 << 31, 2), (8, 1 << 40)])
def test_sizes_beyond_reason_are_refused(python: Python, path: Path, size: tuple[int, int]) -> None:
    assert failure(python, f"dataplane.create_ring(sys.argv[1], *{size})", path) == "OSError EINVAL"
    assert not list(path.parent.iterdir())


def test_a_ring_does_not_replace_another(python: Python, path: Path) -> None:
    path.write_text("mine")
    assert failure(python, "dataplane.create_ring(sys.argv[1], 8, 8)", path) == "FileExistsError EEXIST"
    assert [file.read_text() for file in path.parent.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: overwrite(path, VERSION_OFFSET, struct.pack("<I", 2)), "OtherVersion EPROTONOSUPPORT"),
        (lambda path: overwrite(path, 0, b"something"), "Damaged EBADMSG"),
        (lambda path: overwrite(path, CAPACITY_OFFSET, struct.pack("<Q", 16)), "Damaged EBADMSG"),
        (lambda path: overwrite(path, TAIL_OFFSET, struct.pack("<Q", 9)), "Damaged EBADMSG"),
        (lambda path: os.truncate(path, path.stat().st_size - 1), "Damaged EBADMSG"),
        (lambda path: os.truncate(path, 100), "Damaged EBADMSG"),
        (lambda path: os.truncate(path, 0), "Damaged EBADMSG"),
        (lambda path: path.unlink(), "FileNotFoundError ENOENT"),
    ],
)
def test_a_bad_file_is_refused(python: Python, path: Path, damage: Callable[[Path], None], expected: str) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 8, 8)", path)
    damage(path)
    assert failure(python, "dataplane.Consumer(sys.argv[1])", path) == expected


def test_an_index_that_turns_bad_is_noticed(python: Python, path: Path) -> None:
    python.say("dataplane.create_ring(sys.argv[1], 8, 8)", path)
    program = (
        "ring = dataplane.Consumer(sys.argv[1])\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        f"    file.seek({TAIL_OFFSET}); file.write(bytes([255]) * 8)\n"
        "try:\n    ring.pop(8)\nexcept dataplane.Damaged: print('damaged')\n"
    )
    assert python.say(program, path) == "damaged"
