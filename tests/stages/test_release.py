"""A release of Flatcar is fetched from a folder on the web, and kept only if its signature is good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.formats.flatcar_image import PUBLISHED
from distrobuild.stages.download import DownloadFailed, FileGone
from distrobuild.stages.release import SIGNATURE, ReleaseOptions, ReleaseStage
from distrobuild.stages.signature import BadSignature
from distrobuild.stages.stage import Job
from tests.stages.local_archive import SigningKey
from tests.stages.test_official import sign

MakeJob = Callable[..., Job]
CONTENT = b"BZh: an image"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.make(tmp_path_factory.mktemp("key"), "flatcar")


@pytest.fixture
def mirror(tmp_path: Path, key: SigningKey) -> Path:
    """A folder with a release."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / PUBLISHED).write_bytes(CONTENT)
    sign(key, folder / PUBLISHED, folder / SIGNATURE)
    return folder


def fetch(make_job: MakeJob, mirror: str, key: SigningKey) -> Path:
    """Run the stage; its output."""
    job = make_job({"keyring": key.keyring})
    ReleaseStage(ReleaseOptions(version="4593.2.5", architecture="amd64"), mirror).run(job)
    return job.output


def test_a_signed_release_arrives_with_its_signature(make_job: MakeJob, mirror: Path, key: SigningKey) -> None:
    output = fetch(make_job, mirror.as_uri() + "/", key)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == {
        name: (mirror / name).read_bytes() for name in (PUBLISHED, SIGNATURE)
    }


def test_a_release_that_changed_on_its_way_is_refused(make_job: MakeJob, mirror: Path, key: SigningKey) -> None:
    (mirror / PUBLISHED).write_bytes(CONTENT + b"!")
    with pytest.raises(BadSignature, match=f"{mirror}/{PUBLISHED}: .*BAD signature"):
        fetch(make_job, mirror.as_uri(), key)


def test_a_release_that_somebody_else_signed_is_refused(
    make_job: MakeJob, mirror: Path, key: SigningKey, tmp_path: Path
) -> None:
    sign(SigningKey.make(tmp_path, "somebody"), mirror / PUBLISHED, mirror / SIGNATURE)
    with pytest.raises(BadSignature, match="No public key"):
        fetch(make_job, mirror.as_uri(), key)


@pytest.mark.parametrize("name", [PUBLISHED, SIGNATURE])
def test_a_version_that_was_never_released_is_asked_about(
    make_job: MakeJob, mirror: Path, key: SigningKey, name: str
) -> None:
    (mirror / name).unlink()
    with pytest.raises(FileGone, match=f"{name}: there is no such file") as caught:
        fetch(make_job, mirror.as_uri(), key)
    assert caught.value.hint == "is `4593.2.5` a release of Flatcar for amd64?"


def test_a_server_that_does_not_answer_is_named(
    make_job: MakeJob, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distrobuild.stages.download.time.sleep", lambda _: None)
    with pytest.raises(DownloadFailed, match=f"http://127.0.0.1:9/{SIGNATURE}: .*refused"):
        fetch(make_job, "http://127.0.0.1:9", key)
