"""A kernel tree of a few lines that answers as kbuild does, so that a test takes seconds."""

from __future__ import annotations

from pathlib import Path

RELEASE = "6.12.9-test-vm"
MAKEFILE = """\
VERSION = 6
PATCHLEVEL = 12
SUBLEVEL = 9
EXTRAVERSION =
srctree := .

allnoconfig:
	grep -v IMPOSSIBLE $(KCONFIG_ALLCONFIG) > .config
olddefconfig modules:
bzImage: main.c
	gcc -o $@ $< -DWHO='"$(KBUILD_BUILD_USER) $(MLOS_VERSION) $(MLOS_PATCHSET) $(KBUILD_BUILD_TIMESTAMP)"'
	touch System.map
%.o: %.c .config
	gcc -DWHO='""' $(if $(W),-Wall) $(shell sed -n 's/^\\(CONFIG_[A-Z_]*\\)=y/-D\\1/p' .config) -c -o $@ $<
kernelrelease:
	@echo 6.12.9$(shell sed -n 's/CONFIG_LOCALVERSION="\\(.*\\)"/\\1/p' .config)
image_name:
	@echo bzImage
modules_install:
	mkdir -p $(INSTALL_MOD_PATH)/lib/modules/$(shell $(MAKE) -s kernelrelease)
	echo > $(INSTALL_MOD_PATH)/lib/modules/$(shell $(MAKE) -s kernelrelease)/modules.order
run-command:
	$(KBUILD_RUN_COMMAND)
"""
SOURCES = {
    "Makefile": MAKEFILE,
    "Kconfig": 'config IMPOSSIBLE\n\tbool "Impossible"\n\tdepends on MAGIC\nconfig PLAIN\n\tbool "Plain"\n',
    "main.c": "#include <stdio.h>\nint main(void)\n{\n\tputs(WHO);\n\treturn 0;\n}\n",
    # It knows one rule.
    "scripts/checkpatch.pl": 'print "ERROR: no haste\\n" if grep { /^\\+.*HASTE/ } <>;\n',
    "scripts/package/install-extmod-build": '#!/bin/sh\nset -e\nmkdir -p "$1"\ncp Makefile .config bzImage "$1"\n',
}


def write_tree(folder: Path) -> None:
    """Write the tree."""
    for name, text in SOURCES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "scripts/package/install-extmod-build").chmod(0o755)
