"""mlos-node on trees of files that stand for a machine: which role holds, what it becomes, and how the boot is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.stages.stage import Job
from tests import mlos

FILES = mlos.ROOT / "packages" / "mlos-node" / "files"
ROLES = FILES / "usr/lib/mlos/roles"
NAMES = ("edge", "inference", "training")
SECTIONS = """
import json, pefile, sys
def sections(path):
    parts = pefile.PE(path).sections
    return {p.Name.rstrip(b"\\0").decode(): [p.VirtualAddress, p.Misc_VirtualSize,
            p.get_data(length=p.Misc_VirtualSize).decode("latin-1")] for p in parts}
print(json.dumps([sections(path) for path in sys.argv[1:]]))
"""
"""Prints place, length and content of the sections of programs."""
STUB = "/usr/lib/systemd/boot/efi/addonx64.efi.stub"


class Machine:
    """Trees of a machine of 8 GiB, and what the program says and does on them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.root = job.work / "root"
        for path, text in {
            "proc/cmdline": "quiet",
            "proc/meminfo": "MemTotal:        8388608 kB\nHugepagesize:       2048 kB",
            "proc/swaps": "Filename Type Size Used Priority",
            "proc/sys/kernel/osrelease": "6.12.1-mlos",
            "proc/sys/vm/swappiness": "60",
            "proc/sys/vm/dirty_bytes": "0",
            "proc/sys/vm/nr_hugepages": "0",
            "proc/sys/vm/nr_overcommit_hugepages": "0",
            "proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
            "sys/block/vda/queue/read_ahead_kb": "128",
            "sys/block/loop0/queue/read_ahead_kb": "128",
            "etc/hostname": "box",
        }.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{text}\n", "utf-8")

    def read(self, path: str) -> str:
        return (self.root / path).read_text("utf-8").rstrip("\n")

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit status of the program, and what it said."""
        script = 'PATH=/work/bin:$PATH "$@" > /work/said 2>&1; echo $? > /work/status'
        program = "/inputs/node/usr/bin/mlos-node"
        self.job.sandbox.run(["sh", "-c", script, "sh", program, "--root", "/work/root", *arguments])
        return int((self.job.work / "status").read_text()), (self.job.work / "said").read_text()

    def done(self, *arguments: str) -> str:
        """What the program said when it did what it was told."""
        status, said = self.run(*arguments)
        assert status == 0, said
        return said

    def files(self) -> dict[str, bytes]:
        """Everything there is."""
        paths = [path for path in self.root.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths}


@pytest.fixture
def machine(make_job: Callable[..., Job]) -> Machine:
    return Machine(make_job({"node": FILES}))


def test_the_settings_of_the_default_role_are_written(machine: Machine) -> None:
    said = machine.done("role", "apply")
    assert "vm.swappiness: 60 -> 100" in said
    assert machine.read("proc/sys/vm/swappiness") == "100"
    assert machine.read("proc/sys/net/ipv4/tcp_rmem") == "4096 131072 67108864"
    assert machine.read("sys/kernel/mm/transparent_hugepage/enabled") == "always"
    assert machine.read("sys/block/vda/queue/read_ahead_kb") == "4096"
    assert machine.read("sys/block/loop0/queue/read_ahead_kb") == "128"


def test_a_choice_that_is_made_already_is_left_alone(machine: Machine) -> None:
    machine.write("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
    assert "transparent_hugepage/enabled" not in machine.done("role", "apply")
    assert machine.read("sys/kernel/mm/transparent_hugepage/enabled") == "[always] madvise never"


def test_a_dry_run_tells_the_same_and_writes_nothing(machine: Machine) -> None:
    before = machine.files()
    dry = machine.done("role", "set", "training", "--dry-run")
    assert machine.files() == before
    assert machine.done("role", "set", "training") == dry
    assert machine.files() != before


def test_who_says_which_role_it_is(machine: Machine) -> None:
    assert "role inference (by default)" in machine.done("role")
    machine.write("etc/mlos/role", "edge")
    assert "role edge (from /etc/mlos/role)" in machine.done("role")
    machine.write("proc/cmdline", "mlos.role=edge quiet mlos.role=training")
    assert "role training (from the kernel command line)" in machine.done("role")


@pytest.mark.parametrize("wrong", ["trainng", "common", "../etc", "Edge", "a b"])
def test_a_role_that_is_none_changes_nothing(machine: Machine, wrong: str) -> None:
    machine.write("etc/mlos/role", wrong.replace(" ", "_"))
    before = machine.files()
    status, said = machine.run("role", "apply")
    assert (status, "edge inference training" in said) == (1, True)
    assert machine.run("role", "set", wrong)[0] == 64
    assert machine.files() == before


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("sysctl.conf", "vm.swappiness = 1\nvm.swappiness", "sysctl.conf:2: `vm.swappiness` is not of the form"),
        ("sys.conf", "= 1", "sys.conf:1: `= 1` is not of the form"),
        ("kernel-parameters.conf", "preempt full", "kernel-parameters.conf:1: `preempt full` is not one word"),
        ("kernel-parameters.conf", "x=$(reboot)", "is not one word"),
        ("memory.conf", "hugepages.reserved_percent = 91", "is not a whole number from 0 to 90"),
        ("memory.conf", "zram.percent = half", "is not a whole number from 0 to 200"),
        ("memory.conf", "zram.percent = -1", "is not a whole number from 0 to 200"),
        ("memory.conf", "zram.percent = 99999999999999999999", "is not a whole number from 0 to 200"),
        ("memory.conf", "zram.size = 1", "there is no setting `zram.size`"),
    ],
)
def test_a_wrong_line_is_told_and_nothing_is_set(machine: Machine, file: str, text: str, said: str) -> None:
    machine.write(f"etc/mlos/roles/inference/{file}", text)
    before = machine.files()
    status, told = machine.run("role", "apply")
    assert (status, said in told) == (1, True), told
    assert machine.files() == before


def test_a_file_that_cannot_be_read_is_told_and_nothing_is_set(machine: Machine) -> None:
    (machine.root / "etc/mlos/roles/inference/sys.conf").mkdir(parents=True)
    before = machine.files()
    status, said = machine.run("role", "apply")
    assert (status, "sys.conf cannot be read" in said) == (1, True)
    assert machine.files() == before


def test_an_administrator_overrides_setting_by_setting_and_leaves_out(machine: Machine) -> None:
    machine.write("etc/mlos/roles/inference/sysctl.conf", "vm.swappiness =\nvm.dirty_bytes = 7")
    machine.write("etc/mlos/roles/inference/kernel-parameters.conf", "!preempt\nnohz_full=2-7")
    said = machine.done("role", "set", "inference")
    assert machine.read("proc/sys/vm/swappiness") == "60"
    assert machine.read("proc/sys/vm/dirty_bytes") == "7"
    assert "mlos.role=inference nohz_full=2-7\n" in said


def test_files_of_sysctl_d_win_by_their_names_and_only_over_what_a_role_has(machine: Machine) -> None:
    machine.write("etc/sysctl.d/50-before.conf", "vm.swappiness = 5")
    machine.write("etc/sysctl.d/60-mlos.conf", "vm.swappiness = 6")
    machine.done("role", "apply")
    assert machine.read("proc/sys/vm/swappiness") == "100"
    machine.write("etc/sysctl.d/70-after.conf", "-vm/swappiness=7\n; words\n-net.*.x = 1\nkernel.panic = 3\nno sense")
    said = machine.done("role", "apply")
    assert machine.read("proc/sys/vm/swappiness") == "7"
    assert "kernel.panic" not in said


def test_a_folder_below_etc_is_a_role_of_its_own(machine: Machine) -> None:
    machine.write("etc/mlos/roles/farm/sysctl.conf", "vm.swappiness = 1")
    assert "farm" in machine.done("role", "list")
    machine.done("role", "set", "farm")
    assert machine.read("proc/sys/vm/swappiness") == "1"
    assert "everything" not in machine.done("role", "show")


def test_percentages_become_huge_pages_of_every_memory_node(machine: Machine) -> None:
    for node, kibibytes in {0: 6291456, 1: 2097152}.items():
        folder = f"sys/devices/system/node/node{node}"
        machine.write(f"{folder}/meminfo", f"Node {node} MemTotal:       {kibibytes} kB")
        machine.write(f"{folder}/hugepages/hugepages-2048kB/nr_hugepages", "0")
    machine.write(
        "etc/mlos/roles/inference/memory.conf", "hugepages.reserved_percent = 25\nhugepages.on_demand_percent = 50"
    )
    machine.done("role", "apply")
    pools = [f"sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages" for node in (0, 1)]
    assert [machine.read(pool) for pool in pools] == ["768", "256"]
    assert machine.read("proc/sys/vm/nr_overcommit_hugepages") == "2048"
    assert machine.read("proc/sys/vm/nr_hugepages") == "0"


def test_what_the_machine_lacks_is_named_and_is_no_deviation(machine: Machine) -> None:
    said = machine.done("role", "apply")
    assert "skipped, since this kernel or machine does not have them: vm.page-cluster" in said
    machine.write("proc/cmdline", "preempt=full")
    assert "the machine is as the role says" in machine.done("role", "show", "--check")


def test_every_kind_of_deviation_is_shown(machine: Machine) -> None:
    machine.done("role", "apply")
    machine.write("proc/sys/vm/swappiness", "61")
    machine.write("sys/block/vda/queue/read_ahead_kb", "127")
    machine.write("proc/cmdline", "preempt=full preempt=none")
    status, shown = machine.run("role", "show", "--check")
    assert status == 1
    assert [line.split() for line in shown.splitlines()[2:-1]] == [
        ["vm.swappiness", "100", "61", "differs"],
        ["block/vda/queue/read_ahead_kb", "4096", "127", "differs"],
        ["kernel:", "preempt", "full", "none", "reboot"],
    ]
    assert machine.run("role", "show")[0] == 0


def test_what_the_role_before_had_set_and_this_one_does_not_name_is_told(machine: Machine) -> None:
    machine.write("sys/block/mmcblk0/queue/read_ahead_kb", "128")
    machine.done("role", "set", "edge")
    said = machine.done("role", "set", "training").splitlines()
    (told,) = [line for line in said if "as the role edge had it, until the next start" in line]
    assert "block/mmcblk0/queue/read_ahead_kb" in told
    assert "block/vda/queue/read_ahead_kb" not in told


@pytest.mark.parametrize(("release", "word"), [("6.12.117", "none"), ("6.13.0-rc1", "lazy"), ("7.2", "lazy")])
def test_parameters_are_those_of_the_kernel_that_runs(machine: Machine, release: str, word: str) -> None:
    machine.write("proc/sys/kernel/osrelease", release)
    assert f"mlos.role=training preempt={word}\n" in machine.done("role", "set", "training")


def test_debians_grub_is_told_once(machine: Machine) -> None:
    machine.write("etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=quiet")
    update = machine.job.work / "bin/update-grub"
    update.parent.mkdir()
    update.write_text("#!/bin/sh\necho updated >> /work/updates\n")
    update.chmod(0o755)
    machine.done("role", "set", "training")
    machine.done("role", "set", "training")
    assert (machine.job.work / "updates").read_text() == "updated\n"
    # As grub-mkconfig reads it.
    script = '. /work/root/etc/default/grub && . "$1" && echo "$GRUB_CMDLINE_LINUX_DEFAULT"'
    drop_in = "/work/root/etc/default/grub.d/60-mlos-role.cfg"
    assert machine.job.sandbox.read(["sh", "-c", script, "sh", drop_in]) == b"quiet preempt=none\n"
    machine.done("role", "set", "inference")
    assert machine.job.sandbox.read(["sh", "-c", script, "sh", drop_in]) == b"quiet preempt=full\n"


def test_flatcars_grub_is_told_and_keeps_what_others_say(machine: Machine) -> None:
    machine.write("etc/os-release", "NAME=Flatcar\nID=flatcar")
    machine.write("oem/grub.cfg", 'set oem_id="qemu"\nset linux_append="quiet"')
    machine.done("role", "set", "inference")
    machine.done("role", "set", "training")
    assert machine.read("oem/grub.cfg").splitlines() == [
        'set oem_id="qemu"',
        'set linux_append="quiet"',
        'set linux_append="$linux_append preempt=none" # mlos-node role',
    ]
    machine.done("role", "set", "edge")
    assert "mlos-node" not in machine.read("oem/grub.cfg")


def test_a_unified_kernel_gets_an_add_on_with_the_words(machine: Machine) -> None:
    """The add-on is written out of the image's own one, which ukify makes; pefile, by which ukify reads, reads ours."""
    addons = machine.root / "boot/loader/addons"
    addons.mkdir(parents=True)
    machine.write("boot/EFI/Linux/mlos_1.0.0.efi", "a kernel")
    model = "/work/root/boot/loader/first-boot.addon.efi"
    ukify = ["ukify", "build", f"--stub={STUB}", "--cmdline=ignition.firstboot=1", f"--output={model}"]
    machine.job.sandbox.run(ukify)
    assert "preempt=none, from the next boot on" in machine.done("role", "set", "training")
    add_on = "/work/root/boot/loader/addons/mlos-role.addon.efi"
    read = ["python3", "-c", SECTIONS, model, add_on]
    first, ours = json.loads(machine.job.sandbox.read(read))
    assert ours.pop(".cmdline") == [first.pop(".cmdline")[0], len("preempt=none"), "preempt=none"]
    assert ours == first
    assert (addons / "mlos-role.addon.efi").stat().st_size == (addons.parent / "first-boot.addon.efi").stat().st_size
    assert "from the next boot on" not in machine.done("role", "set", "training")

    machine.write("etc/mlos/roles/training/kernel-parameters.conf", "\n".join(f"word{i}=1" for i in range(80)))
    before = machine.files()
    status, said = machine.run("role", "set", "training")
    assert (status, "has room for 512 characters" in said) == (1, True)
    assert machine.files() == before
    machine.done("role", "set", "edge")
    assert list(addons.iterdir()) == []


def test_rules_for_disks_that_come_later_are_valid(machine: Machine) -> None:
    machine.done("role", "apply")
    rules = "/work/root/run/udev/rules.d/95-mlos-role.rules"
    machine.job.sandbox.run(["udevadm", "verify", "--resolve-names=never", rules])
    assert (
        'KERNEL=="vd*", TEST=="queue/read_ahead_kb", ATTR{queue/read_ahead_kb}="4096"'
        in (machine.root / "run/udev/rules.d/95-mlos-role.rules").read_text()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("rle",), ("--nonsense",), ("role", "start"), ("role", "set"), ("role", "set", "edge", "training"),
        ("role", "show", "--dry-run"), ("role", "list", "edge"), ("role", "apply", "--check"), ("cache", "status"),
    ],
)  # fmt: skip
def test_wrong_usage_is_said_and_changes_nothing(machine: Machine, arguments: tuple[str, ...]) -> None:
    before = machine.files()
    status, said = machine.run(*arguments)
    assert (status, "--help" in said) == (64, True)
    assert machine.files() == before


def test_every_setting_is_explained(machine: Machine) -> None:
    for role in NAMES:
        said = machine.done("role", "explain", role)
        assert (ROLES / role / "about").read_text().splitlines()[0] in said
        for file in ROLES.glob("*/*.conf"):
            if file.parent.name not in ("common", role):
                continue
            assert all(
                line in said for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")
            )


@pytest.mark.parametrize("role", NAMES)
def test_every_block_of_a_roles_file_begins_with_why(role: str) -> None:
    files = [*ROLES.glob(f"{role}/*.conf"), *ROLES.glob("common/*.conf")]
    blocks = [block for file in files for block in file.read_text().strip().split("\n\n")]
    assert len(blocks) > 10
    assert [block for block in blocks if not block.startswith("# ")] == []


def test_roles_set_the_same_things_of_the_kernel_so_that_one_follows_the_other() -> None:
    """But for dirty pages, where bytes and ratios exclude each other, and what only an edge machine has or leaves."""
    own = {"vm.dirty_bytes", "vm.dirty_background_bytes", "vm.dirty_ratio", "vm.dirty_background_ratio"}
    own |= {"kernel.numa_balancing", "block/mmcblk*/queue/read_ahead_kb"}
    names = {role: _names("common") | _names(role) for role in NAMES}
    assert names["edge"] - own == names["inference"] - own == names["training"] - own


def _names(role: str) -> set[str]:
    files: list[Path] = [ROLES / role / "sysctl.conf", ROLES / role / "sys.conf"]
    lines = [line for file in files for line in file.read_text().splitlines() if "=" in line and line[0] != "#"]
    return {line.partition("=")[0].strip() for line in lines}


def test_the_program_runs_where_sh_is_bash(machine: Machine) -> None:
    """As on Flatcar itself; Debian's is dash."""
    shutil.copytree(FILES, machine.job.work / "node")
    program = machine.job.work / "node/usr/bin/mlos-node"
    program.write_text(program.read_text().replace("#!/bin/sh", "#!/bin/bash --posix", 1))
    script = "/work/node/usr/bin/mlos-node --root /work/root role set training > /work/said 2>&1"
    machine.job.sandbox.run(["sh", "-c", script])
    assert machine.read("proc/sys/vm/swappiness") == "10"
    assert "vm.swappiness: 60 -> 10" in (machine.job.work / "said").read_text()
