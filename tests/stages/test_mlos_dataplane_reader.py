"""The reader of libdataplane, compiled: every sample once and whole, however the file is read and whoever is killed."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distrobuild.stages.stage import Job
from tests.stages.test_mlos_dataplane import SANITIZERS, SOURCE, Python, failure, overwrite

SIZE, RECORDS, BATCH = 1000, 640, 16
"""Bytes of a sample, samples of the file, samples of a batch."""
VERSION_OFFSET = 8
"""Of struct index_header, in bytes."""


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox with the sources in its work folder."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source")
    return made


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, compiled on this machine."""
    folder = tmp_path_factory.mktemp("reader") / "source"
    shutil.copytree(SOURCE, folder)
    subprocess.run(["make", "--silent", "all", "check/samples"], cwd=folder, check=True)
    return folder


@pytest.fixture
def python(compiled: Path) -> Iterator[Python]:
    made = Python(compiled)
    yield made
    made.end()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of samples, each of which repeats its number."""
    made = tmp_path / "samples"
    made.write_bytes(b"".join(struct.pack("<Q", number) * (SIZE // 8) for number in range(RECORDS)))
    return made


CHECK = f"""
def numbers(batch):
    for number, sample in zip(batch.numbers, batch, strict=True):
        assert bytes(sample) == number.to_bytes(8, "little") * {SIZE // 8}, "torn"
    return batch.numbers
def samples(**more):
    return dataplane.Samples(**{{"batch": {BATCH}, "record_size": {SIZE}}} | more)
"""


def in_every_way(job: Job, flags: str = "") -> bytes:
    """What check/samples says, compiled like this."""
    make = ["make", "--silent", f"CFLAGS=-O1 {flags}", f"LDFLAGS={flags}", "check/samples"]
    job.sandbox.run(make, cwd="/work/source")
    return job.sandbox.read(["sh", "-c", "/work/source/check/samples /work 500 2>&1 || true"])


@pytest.mark.parametrize("name", SANITIZERS)
def test_every_way_to_read_is_clean_to_the_sanitizers(job: Job, name: str) -> None:
    assert in_every_way(job, SANITIZERS[name]) == b"120 ways\n"


@pytest.mark.parametrize(
    ("file", "good", "bad", "complaint"),
    [
        ("reads.c", "bounce_of(reads, part) + before, got", "bounce_of(reads, part), got", b"torn"),
        ("reads.c", ", part->to + done,", ", part->to,", b"torn"),
        ("order.c", "while (number >= order->records)", "while (0)", b"Bad message"),
        ("order.c", "number = place * order->world + order->rank", "number = place + order->rank", b"twice"),
        ("batches.c", "!= next.offset)\n\t\t\treturn;", "== 0)\n\t\t\treturn;", b"torn"),
        ("batches.h", "slot->parts == 0 && ", "", b"torn"),
        ("reader.c", "slot->state = SLOT_LENT;", "", b"release"),
    ],
)
def test_what_is_broken_is_found(job: Job, file: str, good: str, bad: str, complaint: bytes) -> None:
    place = job.work / "source" / file
    text = place.read_text("utf-8")
    assert text.count(good) == 1
    place.write_text(text.replace(good, bad), "utf-8")
    if file == "reads.c" and "done" in good:  # nothing is read short, unless it is made so
        place.write_text(place.read_text("utf-8").replace("result > 0 ? (uint64_t)result", "result > 0 ? 1"))
    assert complaint in in_every_way(job)


def test_every_way_to_read_is_clean_to_valgrind(compiled: Path, tmp_path: Path) -> None:
    command = ["valgrind", "--quiet", "--leak-check=full", "--error-exitcode=9"]
    done = subprocess.run(
        [*command, compiled / "check/samples", tmp_path, "60"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "120 ways\n", "")


def test_a_seed_and_an_epoch_make_an_order_that_all_ranks_agree_on(python: Python, path: Path) -> None:
    program = f"""{CHECK}
def order(**more):
    with dataplane.Reader(sys.argv[1], samples(**more)) as reader:
        assert more or (len(reader), reader.samples) == ({RECORDS // BATCH}, {RECORDS})
        return [number for batch in reader for number in numbers(batch)]
first = order(seed=5)
print(sorted(first) == list(range({RECORDS})), first == list(range({RECORDS})), order(seed=5) == first)
print(order() == list(range({RECORDS})), order(seed=5, epoch=1) == first, order(seed=6) == first)
print([order(seed=5, rank=rank, world=3) == first[rank::3] for rank in range(3)])
print(order(seed=5, skip=3) == first[3 * {BATCH}:], order(records=20) == list(range(20)))
print(order(records=20, whole_batches=True) == list(range({BATCH})))
"""
    expected = ["True False True", "True False False", "[True, True, True]", "True True", "True"]
    assert python.say(program, path).splitlines() == expected


REFUSE_IO_URING = """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
SETUP, LOAD, EQUAL, RETURN, ALLOW, EPERM = 425, 0x20, 0x15, 0x06, 0x7fff0000, 0x00050001
code = b"".join(struct.pack("<HBBI", *each) for each in (
    (LOAD, 0, 0, 0), (EQUAL, 0, 1, SETUP), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)))
buffer = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 4, ctypes.addressof(buffer)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0, "seccomp"
"""
"""As the usual seccomp profile of containers does."""


@pytest.mark.parametrize("cache", ["FILL", "BYPASS"])
def test_where_io_uring_is_refused_files_are_read_without(python: Python, path: Path, cache: str) -> None:
    program = f"""{CHECK}
with dataplane.Reader(sys.argv[1], samples(cache=dataplane.Cache.{cache})) as reader:
    print(sum(len(numbers(batch)) for batch in reader), reader.stat().uring, reader.stat().bytes)
"""
    assert python.say(REFUSE_IO_URING + program, path) == f"{RECORDS} 0 {SIZE * RECORDS}"


def test_where_o_direct_is_refused_files_are_read_without(python: Python, path: Path) -> None:
    """What refuses it is a matter of file system and kernel: files that are encrypted, or in memory before 6.6."""
    program = f"""{CHECK}
try:
    file = os.open(sys.argv[1], os.O_DIRECT)
    expected = 1
except OSError:
    expected = 0
with dataplane.Reader(sys.argv[1], samples(cache=dataplane.Cache.BYPASS)) as reader:
    print(sum(len(numbers(batch)) for batch in reader))
    stat = reader.stat()
    print(stat.direct == expected, stat.direct_bytes == expected * stat.bytes)
"""
    assert python.say(program, path) == f"{RECORDS}\nTrue True"
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        shutil.copy(path, file.name)
        assert python.say(program, Path(file.name)) == f"{RECORDS}\nTrue True"


def test_aligned_samples_go_past_the_page_cache_without_a_copy(python: Python, tmp_path: Path) -> None:
    path = tmp_path / "samples"
    path.write_bytes(b"".join(bytes([number]) * 8192 for number in range(32)))
    program = """
with dataplane.Reader(sys.argv[1], dataplane.Samples(batch=4, record_size=8192, cache=2, seed=1)) as reader:
    print(all(set(sample) == {number} for batch in reader for number, sample in zip(batch.numbers, batch)))
    print(reader.stat().copied_bytes)
"""
    assert python.say(program, path) == "True\n0"


def test_the_reader_stops_when_its_memory_is_full(python: Python, path: Path) -> None:
    program = f"""{CHECK}
with dataplane.Reader(sys.argv[1], samples(prefetch=3)) as reader:
    while not reader.stat().stalls: time.sleep(0.001)
    print(reader.stat().bytes)
    kept = [next(reader) for _ in range(3)]
    try:
        next(reader)
    except dataplane.BatchesInUse as error:
        print(error.hint)
    before = [bytes(batch.data) for batch in kept]
    view = kept.pop(0)[0]
    try:
        next(reader)
    except dataplane.BatchesInUse:
        print("a view of it is left")
    del view
    print(next(reader).number, [bytes(batch.data) for batch in kept] == before[1:])
print(numbers(kept[0]))  # when the reader is closed
"""
    said = python.say(program, path).splitlines()
    assert said[0] == str(3 * BATCH * SIZE)
    assert "prefetch more" in said[1]
    assert said[2:] == ["a view of it is left", "3 True", str(list(range(BATCH, 2 * BATCH)))]


def test_what_the_page_cache_has_is_read_by_whoever_asks_and_the_rest_ahead(python: Python, path: Path) -> None:
    program = f"""{CHECK}
def stalls(cache):
    path.read_bytes()
    with dataplane.Reader(path, samples(cache=cache)) as reader:
        for batch in reader:
            numbers(batch)
            time.sleep(0.005)  # the program is slow: whoever reads ahead has its memory full each time
        return reader.stat().stalls if reader.stat().uring and (cache == 1 or reader.stat().direct) else "refused"
import pathlib
path = pathlib.Path(sys.argv[1])
print(stalls(1), stalls(2))
"""
    cached, past_it = python.say(program, path).split()
    if "refused" in (cached, past_it):
        pytest.skip("no io_uring, or no O_DIRECT, here")
    assert int(cached) <= 2 < RECORDS // BATCH // 2 < int(past_it)


def test_batches_are_read_into_memory_of_the_program(python: Python, path: Path) -> None:
    program = f"""{CHECK}
import mmap
memory = mmap.mmap(-1, 2 * dataplane.block_size(sys.argv[1], samples()))
with dataplane.Reader(sys.argv[1], samples(prefetch=2), memory) as reader:
    batch = next(reader)
    print(memory[:len(batch.data)] == bytes(batch.data), numbers(batch)[:2])
    del batch
del reader
memory.close()
dataplane.Reader(sys.argv[1], samples(), mmap.mmap(-1, 4096))
"""
    process = python.start(program, path)
    said, complaint = process.communicate(timeout=60)
    assert said == "True [0, 1]\n"
    assert "Invalid argument" in complaint


def test_numpy_arrays_are_the_memory_itself(python: Python, path: Path) -> None:
    pytest.importorskip("numpy")
    program = f"""{CHECK}
with dataplane.Reader(sys.argv[1], samples(seed=1)) as reader:
    for batch in reader:
        array = batch.array("<u8", ({SIZE // 8},))
        assert (array == [[number] * {SIZE // 8} for number in batch.numbers]).all()
        array[0, 0] = 77
        assert batch[0][0] == 77
print(array.shape)
"""
    assert python.say(program, path) == f"({BATCH}, {SIZE // 8})"


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="no PyTorch here")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_gets_every_sample_once_in_each_epoch(python: Python, path: Path, workers: int) -> None:
    program = f"""{CHECK}
import torch
from mlos_dataplane.training import BatchDataset
data = BatchDataset(sys.argv[1], samples(seed=1), torch.int64, ({SIZE // 8},))
loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers={workers}, persistent_workers={workers > 0})
orders = []
for epoch in range(2):
    data.set_epoch(epoch)
    orders.append([])
    for batch in loader:
        assert (batch == batch[:, :1]).all()
        orders[-1] += batch[:, 0].tolist()
print([sorted(order) == list(range({RECORDS})) for order in orders], orders[0] == orders[1])
"""
    assert python.say(program, path) == "[True, True] False"


@pytest.mark.parametrize("uring", [True, False])
@pytest.mark.parametrize("cache", ["FILL", "BYPASS"])
def test_a_file_that_is_truncated_while_it_is_read_is_noticed(
    python: Python, path: Path, cache: str, uring: bool
) -> None:
    program = f"""{CHECK}
reader = dataplane.Reader(sys.argv[1], samples(prefetch=2, cache=dataplane.Cache.{cache}, io_uring={uring}))
read = numbers(next(reader))
os.truncate(sys.argv[1], {20 * BATCH * SIZE + SIZE // 2})
for again in range(2):
    try:
        for batch in reader: read += numbers(batch)
    except dataplane.Damaged:
        print("damaged")
print(read == list(range({20 * BATCH})))
"""
    assert python.say(program, path).splitlines() == ["damaged", "damaged", "True"]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"record_size": 0}, "OSError EINVAL"),
        ({"record_size": SIZE + 1}, "Damaged EBADMSG"),
        ({"record_size": 1 << 60}, "OSError EINVAL"),
        ({"record_size": 1 << 39, "records": 1}, "Damaged EBADMSG"),
        ({"records": RECORDS + 1}, "Damaged EBADMSG"),
        ({"records": 1 << 63}, "Damaged EBADMSG"),
        ({"first": SIZE * RECORDS + 1}, "Damaged EBADMSG"),
        ({"batch": 0}, "OSError EINVAL"),
        ({"rank": 2, "world": 2}, "OSError EINVAL"),
        ({"prefetch": 5000}, "OSError EINVAL"),
        ({"index": [(0, 8)]}, "OSError EINVAL"),
        ({"record_size": 0, "index": [(0, 8), (SIZE * RECORDS, 1)]}, "Damaged EBADMSG"),
        ({"record_size": 0, "index": [(8, 2**64 - 1)]}, "Damaged EBADMSG"),
        ({"record_size": 0, "index": [(2**64 - 1, 2)]}, "Damaged EBADMSG"),
        ({"record_size": 0, "index": "/no/index"}, "FileNotFoundError ENOENT"),
    ],
)
def test_choices_that_make_no_sense_are_refused(
    python: Python, path: Path, choices: dict[str, object], expected: str
) -> None:
    chosen = {"batch": BATCH, "record_size": SIZE, **choices}
    assert failure(python, f"dataplane.Reader(sys.argv[1], dataplane.Samples(**{chosen}))", path) == expected


def test_what_is_no_file_is_refused(python: Python, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    expression = "dataplane.Reader(sys.argv[1], dataplane.Samples(batch=1, record_size=1))"
    assert failure(python, expression, tmp_path) == "IsADirectoryError EISDIR"
    assert failure(python, expression, tmp_path / "pipe") == "OSError EINVAL"
    assert failure(python, expression, tmp_path / "nothing") == "FileNotFoundError ENOENT"


@pytest.mark.parametrize("size", [0, 5])
def test_few_samples_make_few_batches(python: Python, path: Path, size: int) -> None:
    os.truncate(path, size * SIZE)
    program = f"{CHECK}\nprint([numbers(batch) for batch in dataplane.Reader(sys.argv[1], samples())])"
    assert python.say(program, path) == str([list(range(size))] if size else [])


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda index, _: overwrite(index, VERSION_OFFSET, struct.pack("<I", 2)), "OtherVersion EPROTONOSUPPORT"),
        (lambda index, _: overwrite(index, 0, b"something"), "Damaged EBADMSG"),
        (lambda index, _: overwrite(index, 16, struct.pack("<Q", 1 << 60)), "Damaged EBADMSG"),
        (lambda index, _: os.truncate(index, 40), "Damaged EBADMSG"),
        (lambda index, _: os.truncate(index, 3), "Damaged EBADMSG"),
        (lambda _, path: os.truncate(path, SIZE * RECORDS - 1), "Damaged EBADMSG"),
    ],
)
def test_a_bad_index_is_refused(
    python: Python, path: Path, damage: Callable[[Path, Path], None], expected: str
) -> None:
    index = path.with_suffix(".index")
    program = "dataplane.write_index(sys.argv[2], sys.argv[1], [(0, 8), (16, 0), (8, 24)])\n"
    read = f"dataplane.Reader(sys.argv[1], dataplane.Samples(batch=2, index={str(index)!r}))"
    look = "print([[bytes(sample)[:1] for sample in batch] for batch in %s])"
    assert python.say(program + look % read, path, index) == "[[b'\\x00', b''], [b'\\x00']]"
    damage(index, path)
    assert failure(python, read, path) == expected


def test_an_index_of_what_a_file_does_not_have_is_not_written(python: Python, path: Path) -> None:
    index = path.with_suffix(".index")
    expression = f"dataplane.write_index({str(index)!r}, sys.argv[1], [(0, {SIZE * RECORDS + 1})])"
    assert failure(python, expression, path) == "OSError EINVAL"
    assert [file.name for file in path.parent.iterdir()] == ["samples"]


@pytest.mark.parametrize("mode", [0o640, 0o644])
def test_an_index_is_for_whoever_may_read_the_samples(python: Python, path: Path, mode: int) -> None:
    index = path.with_suffix(".index")
    path.chmod(mode)
    python.say("dataplane.write_index(sys.argv[2], sys.argv[1], [(0, 8)])\n", path, index)
    assert index.stat().st_mode & 0o777 == mode


def test_a_child_has_no_part_in_the_reader_of_its_parent(python: Python, path: Path) -> None:
    program = f"""{CHECK}
reader = dataplane.Reader(sys.argv[1], samples())
if os.fork() == 0:
    try:
        next(reader)
    except OSError as error:
        print(os.strerror(error.errno), flush=True)
    reader.close()
    os._exit(0)
os.wait()
print(numbers(next(reader))[0])
"""
    assert python.say(program, path) == "Bad file descriptor\n0"


FEED = f"""{CHECK}
pool, ring = dataplane.Pool(sys.argv[2]), dataplane.Producer(sys.argv[3])
chosen = samples(seed=1, skip=int(sys.argv[4]), cache=dataplane.Cache.BYPASS)
with dataplane.Feed(sys.argv[1], chosen, pool, ring) as feed:
    print("here", flush=True)
    goes_on = True
    while goes_on:
        try:
            goes_on = feed.step()
        except dataplane.PeerDied:
            time.sleep(0.001)  # until a successor is there
ring.close()
"""
RECEIVE = f"""{CHECK}
receiver = dataplane.BatchReceiver(dataplane.Pool(sys.argv[1]), dataplane.Consumer(sys.argv[2]), int(sys.argv[3]))
try:
    for batch in receiver:
        print(batch.number, *numbers(batch), flush=True)
except (dataplane.PeerDied, dataplane.PeerLeft) as error:
    print(type(error).__name__, receiver.next_batch, flush=True)
"""


@pytest.fixture
def places(python: Python, path: Path) -> tuple[Path, Path]:
    """A pool and a ring, with little room."""
    pool, ring = path.with_suffix(".pool"), path.with_suffix(".ring")
    program = f"""{CHECK}
dataplane.create_pool(sys.argv[2], dataplane.block_size(sys.argv[1], samples()), 16)
dataplane.create_ring(sys.argv[3], 64, 2)
"""
    python.say(program, path, pool, ring)
    return pool, ring


class Received:
    """What receivers say: batches, each of which must come once, and why they ended."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        self.batches: set[int] = set()
        self.end = ""

    def add(self, line: str) -> None:
        if line.startswith("Peer"):
            self.end = line
        elif line:
            number, *samples = map(int, line.split())
            assert number not in self.batches
            self.batches.add(number)
            self.samples += samples

    def listen(self, process: subprocess.Popen[str], kill: subprocess.Popen[str] | None = None) -> None:
        """Hear it to its end; after some batches, kill a process."""
        assert process.stdout is not None
        self.end = ""
        for _ in range(random.randrange(12) if kill else 0):
            self.add(process.stdout.readline())
        if kill:
            kill.kill()
        for line in process.stdout:
            self.add(line)


def test_a_successor_of_a_killed_feed_brings_the_rest_and_nothing_twice(
    python: Python, path: Path, places: tuple[Path, Path]
) -> None:
    received = Received()
    start, feeds = 0, 0
    while start < RECORDS // BATCH:
        feed = python.start(FEED, path, *places, start)
        assert feed.stdout is not None
        assert feed.stdout.readline() == "here\n"  # else the receiver finds the last one's death
        received.listen(python.start(RECEIVE, *places, start), kill=feed)
        feeds += 1
        reason, _, rest = received.end.partition(" ")
        assert reason in {"PeerDied", ""}
        start = int(rest) if reason else RECORDS // BATCH
    assert sorted(received.samples) == list(range(RECORDS))
    assert feeds > 1


def test_a_killed_receiver_takes_with_it_what_it_had_and_its_successor_gets_the_rest(
    python: Python, path: Path, places: tuple[Path, Path]
) -> None:
    python.start(FEED, path, *places, 0)
    received = Received()
    for _ in range(kills := 4):
        receiver = python.start(RECEIVE, *places, 0)
        received.listen(receiver, kill=receiver)
    received.listen(python.start(RECEIVE, *places, 0))
    assert len(set(received.samples)) == len(received.samples)
    assert len(received.batches) >= RECORDS // BATCH - kills


def test_a_feed_learns_that_its_receiver_died_though_there_is_room(python: Python, path: Path) -> None:
    program = f"""{CHECK}
pool, ring = dataplane.create_pool(None, dataplane.block_size(sys.argv[1], samples()), 64), \
    dataplane.create_ring(None, 64, 64)
with dataplane.Pool(pool) as blocks, dataplane.Producer(ring) as handles:
    feed = dataplane.Feed(sys.argv[1], samples(), blocks, handles)
    feed.step()
    if os.fork() == 0:
        next(iter(dataplane.BatchReceiver(dataplane.Pool(pool), dataplane.Consumer(ring))))
        os.kill(os.getpid(), 9)
    os.wait()
    try:
        feed.step()
    except dataplane.PeerDied:
        print("died")
    feed.close()
"""
    assert python.say(program, path) == "died"


def test_a_feed_takes_no_block_that_it_is_reading_to(python: Python, path: Path) -> None:
    program = f"""{CHECK}
pool, ring = dataplane.create_pool(None, dataplane.block_size(sys.argv[1], samples()), 2), \
    dataplane.create_ring(None, 64, 64)
blocks, handles = dataplane.Pool(pool), dataplane.Producer(ring)
feed = dataplane.Feed(sys.argv[1], samples(prefetch=8, cache=dataplane.Cache.BYPASS), blocks, handles)
print(feed.step(timeout=0), feed.step(timeout=0))
try:
    feed.step(timeout=0)
except BlockingIOError:
    print("no room")
with dataplane.Pool(pool) as mine:
    receiver = dataplane.BatchReceiver(mine, dataplane.Consumer(ring))
    for _ in range(3):
        print(numbers(receiver.receive())[0])
        feed.step(timeout=10)
"""
    assert python.say(program, path).splitlines() == ["True True", "no room", "0", str(BATCH), str(2 * BATCH)]


def test_a_child_does_not_hold_the_blocks_of_a_feed_that_is_dead(python: Python, path: Path) -> None:
    program = f"""{CHECK}
pool, ring = dataplane.create_pool(None, dataplane.block_size(sys.argv[1], samples()), 4), \
    dataplane.create_ring(None, 64, 4)
told, says = os.pipe()
feeder = os.fork()
if feeder == 0:
    feed = dataplane.Feed(sys.argv[1], samples(), dataplane.Pool(pool), dataplane.Producer(ring))
    feed.step()
    child = os.fork()
    if child == 0:
        time.sleep(3600)
    os.write(says, str(child).encode())
    os.kill(os.getpid(), 9)
child = int(os.read(told, 10))
os.wait()
mine, taken = dataplane.Pool(pool), 0
end = time.monotonic() + 30
while taken < 3 and time.monotonic() < end:  # one was passed on
    try:
        taken += mine.take() > 0
    except OSError:
        time.sleep(0.001)
os.kill(child, 9)
print(taken)
"""
    assert python.say(program, path) == "3"
