"""What a medium calls itself."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from distrobuild.stages.iso import IsoOptions


def options(name: str = "mlos", version: str = "1.0.0", file_name: str = "mlos.iso") -> IsoOptions:
    return IsoOptions(file_name=file_name, name=name, title="MLOS", version=version)


@pytest.mark.parametrize(
    ("name", "version", "volume"),
    [
        ("mlos", "1.0.0", "MLOS_1_0_0"),
        ("my-os+x", "1.0~rc1", "MY_OS_X_1_0_RC1"),
        ("a" * 40, "1", "A" * 32),
    ],
)
def test_the_volume_id_has_only_what_iso_9660_allows(name: str, version: str, volume: str) -> None:
    assert options(name, version).volume_id == volume


@pytest.mark.parametrize("file_name", ["../x.iso", "x.img", ".iso", "a b.iso"])
def test_the_image_is_a_plain_iso_file_in_the_output_folder(file_name: str) -> None:
    with pytest.raises(ValidationError):
        options(file_name=file_name)
