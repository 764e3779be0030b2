"""Packages of a kernel with modules that have nothing in them but what depmod reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from distrobuild.stages.stage import Job

EXPORTS = '__attribute__((section("__ksymtab_strings"), used)) static const char name[] = "work_of_%s";\n'
USES = "void work_of_%s(void);\nvoid use(void) { work_of_%s(); }\n"
"""The names that a module exports, and those that it lacks."""


def write_kernel(
    job: Job,
    release: str,
    modules: Mapping[str, str],
    *,
    built_in: Iterable[str] = (),
    config: Iterable[str] = (),
    packed: bool = False,
) -> None:
    """Write what a kernel stage makes: a package with an image and modules, one with headers, the configuration.

    `modules` says what each needs, if anything; `packed` packs them by zstd.
    """
    folder = f"lib/modules/{release}/kernel"
    tree = job.work / "image/usr" / folder
    tree.mkdir(parents=True)
    suffix = ".ko.zst" if packed else ".ko"
    for name, needs in modules.items():
        own, other = name.replace("-", "_"), needs.replace("-", "_")
        source = EXPORTS % own + (USES % (other, other) if needs else "")
        (job.work / f"{name}.c").write_text(source)
        job.sandbox.run(["gcc", "-c", "-o", f"/work/image/usr/{folder}/{name}.ko", f"{name}.c"])
        if packed:
            job.sandbox.run(["zstd", "--quiet", "--rm", f"/work/image/usr/{folder}/{name}.ko"])
    (tree.parent / "modules.builtin").write_text("".join(f"{path}\n" for path in built_in))
    (tree.parent / "modules.builtin.modinfo").touch()
    (tree.parent / "modules.order").write_text("".join(f"kernel/{name}.ko\n" for name in modules))
    (tree.parent / "modules.dep").write_text(
        "".join(f"kernel/{name}{suffix}:{needs and f' kernel/{needs}{suffix}'}\n" for name, needs in modules.items())
    )
    (job.work / "image/boot").mkdir()
    (job.work / f"image/boot/vmlinuz-{release}").write_bytes(b"the kernel")
    (job.output / "release").write_text(f"{release}\n")
    (job.output / "config").write_text("".join(f"CONFIG_{symbol}=y\n" for symbol in config))
    (job.output / "debs").mkdir()
    for kind in ("image", "headers"):
        control = job.work / kind / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        name = f"linux-{kind}-{release}"
        control.write_text(
            f"Package: {name.lower().replace('_', '-')}\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@y>\n"
            "Description: x\n"
        )
        job.sandbox.run(["dpkg-deb", "--build", kind, f"/out/debs/{name}_1_amd64.deb"])
