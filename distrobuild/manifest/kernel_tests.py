"""What a kernel must pass by itself, before anything is made around it: `kernels.*.tests`."""

from __future__ import annotations

from pydantic import Field

from distrobuild.manifest.values import Model, Name, ProjectPath


class KernelTest(Model):
    """One boot of the bare kernel with one program, which says by KTAP what it found.

    Without a program or selftest the kernel's own tests speak, those of KUnit in its configuration.
    """

    flavour: Name | None = None
    """Flavour of the kernel; default: the one that is asked for."""
    program: ProjectPath | None = None
    """C source of the program, compiled statically with threads and run as root."""
    include: ProjectPath | None = None
    """Folder with headers that the program includes."""
    selftest: ProjectPath | None = None
    """Instead: folder of the kernel's `tools/testing/selftests` whose programs run one after the other."""
    arguments: tuple[str, ...] = ()
    """What the program is called with."""
    parameters: tuple[str, ...] = ()
    """Kernel parameters, such as `preempt=full`."""
    cpus: int = Field(default=1, ge=1, le=64)
    """Processors of the guest."""
    numa_nodes: int = Field(default=1, ge=1, le=8)
    """NUMA nodes of the guest, which share its processors and memory evenly."""
    modules: tuple[str, ...] = ()
    """Modules of the kernel that are loaded first, with all that they need."""
    devices: tuple[str, ...] = ()
    """What else the guest has, as QEMU's `-device` takes it: `edu`."""
    counted: bool = False
    """Guest time passes with the instructions that are executed, so that measurements repeat; takes one processor."""
    memory_mib: int = Field(default=1024, ge=64)
    """Memory of the guest in MiB."""
    timeout_seconds: float = Field(default=600, gt=0)
    """How long it may take, in seconds of the host."""
    release: bool = False
    """Only with `kernel test --release` or by name: too long for every run."""
