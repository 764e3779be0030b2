"""The repository as apt itself sees it: verified by its signature, refused when anything was changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from distrobuild.errors import DistrobuildError
from distrobuild.formats.deb_repository import BadPackage, SamePackageTwice
from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox
from distrobuild.stages.openpgp import BadSigningKey
from distrobuild.stages.repository import RepositoryOptions, RepositoryStage
from distrobuild.stages.stage import Job

MakeJob = Callable[..., Job]
LISTS = ("-o", "Dir::State=/work/apt", "-o", "Dir::Cache=/work/apt", "-o", "Dir::Etc=/work/apt/etc")
APT = ("-o", "APT::Sandbox::User=root", "-o", "Dir::State::status=/work/apt/status", *LISTS)


def make_repository(job: Job) -> Path:
    RepositoryStage(RepositoryOptions(name="mlos", title="MLOS Linux", codename="trixie")).run(job)
    return job.output


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture
def debs(tmp_path: Path, make_job: MakeJob) -> Path:
    """Folders with two real packages, one of them deeper."""
    job = make_job({}, "debs")
    for name, architecture, place in (("one", "all", "a"), ("two", "amd64", "b/deep")):
        control = job.work / name / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        control.write_text(
            f"Package: {name}\nVersion: 1:1.0-1\nArchitecture: {architecture}\n"
            f"Maintainer: A <a@b.invalid>\nDescription: package {name}\n of a test\n"
        )
        (job.output / place).mkdir(parents=True)
        job.sandbox.run(["dpkg-deb", "--build", name, f"/out/{place}/whatever.deb"])
    return job.output


@pytest.fixture
def inputs(debs: Path) -> Mapping[str, Path]:
    return {"debs/one": debs / "a", "debs/two": debs / "b"}


def apt(job: Job, repository: Path, key: Path) -> Sandbox:
    """A sandbox in which apt knows nothing but this repository and trusts nothing but this key."""
    etc = job.work / "apt/etc"
    etc.mkdir(parents=True)
    for folder in ("lists/partial", "archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/trusted.gpg.d"):
        (job.work / "apt" / folder).mkdir(parents=True)
    (job.work / "apt/status").touch()
    (etc / "sources.list").write_text("deb [signed-by=/inputs/key.asc] file:/inputs/repository trixie main\n")
    return replace(job.sandbox, inputs={"repository": repository, "key.asc": key})


def test_apt_verifies_the_signature_and_fetches_every_package(make_job: MakeJob, inputs: Mapping[str, Path]) -> None:
    output = make_repository(make_job(inputs))
    sandbox = apt(make_job({}, "apt"), output / "repository", output / "repository-key.asc")
    sandbox.run(["apt-get", *APT, "--error-on=any", "update"])
    sandbox.run(["apt-get", *APT, "download", "one", "two"])
    assert sorted(file.name for file in sandbox.work.glob("*.deb")) == [
        "one_1%3a1.0-1_all.deb",
        "two_1%3a1.0-1_amd64.deb",
    ]


def test_apt_refuses_a_repository_whose_packages_index_was_changed(
    make_job: MakeJob, inputs: Mapping[str, Path]
) -> None:
    output = make_repository(make_job(inputs))
    index = output / "repository/dists/trixie/main/binary-amd64/Packages"
    index.write_bytes(index.read_bytes().replace(b"Version: 1:1.0-1", b"Version: 1:1.0-2"))
    sandbox = apt(make_job({}, "apt"), output / "repository", output / "repository-key.asc")
    with pytest.raises(ProgramFailed) as caught:
        sandbox.run(["apt-get", *APT, "--error-on=any", "update"])
    assert any("Hash Sum mismatch" in line for line in caught.value.tail)


def test_apt_refuses_a_release_that_was_changed_after_signing(make_job: MakeJob, inputs: Mapping[str, Path]) -> None:
    output = make_repository(make_job(inputs))
    release = output / "repository/dists/trixie/InRelease"
    release.write_bytes(release.read_bytes().replace(b"Label: MLOS Linux", b"Label: MLOS Iinux"))
    sandbox = apt(make_job({}, "apt"), output / "repository", output / "repository-key.asc")
    with pytest.raises(ProgramFailed) as caught:
        sandbox.run(["apt-get", *APT, "--error-on=any", "update"])
    assert any("not signed" in line for line in caught.value.tail)


def test_apt_refuses_the_key_of_another_build(make_job: MakeJob, inputs: Mapping[str, Path]) -> None:
    output = make_repository(make_job(inputs, "first"))
    other = make_repository(make_job(inputs, "second"))
    sandbox = apt(make_job({}, "apt"), output / "repository", other / "repository-key.asc")
    with pytest.raises(ProgramFailed):
        sandbox.run(["apt-get", *APT, "--error-on=any", "update"])


def test_without_a_key_only_the_signature_differs_between_builds_and_images_get_no_key(
    make_job: MakeJob, inputs: Mapping[str, Path]
) -> None:
    first, second = (files(make_repository(make_job(inputs, name))) for name in ("first", "second"))
    assert first.keys() == second.keys()
    different = {name for name, content in first.items() if second[name] != content}
    assert different == {"repository-key.asc", "repository/dists/trixie/InRelease"}
    assert not any(name.startswith("keyring/") for name in first)


@pytest.fixture
def key(make_job: MakeJob) -> Path:
    """A secret key as a person would export it."""
    job = make_job({}, "key")
    gpg = ("gpg", "--homedir", "/work", "--batch", "--pinentry-mode=loopback", "--passphrase", "")
    # gpg refuses a signature by a key that is younger than it.
    clock = ("--faked-system-time", "20200101T000000")
    job.sandbox.run([*gpg, *clock, "--quick-generate-key", "MLOS <a@b.invalid>", "rsa3072", "sign", "never"])
    job.sandbox.run([*gpg, "--armor", "--output", "/out/secret.asc", "--export-secret-keys"])
    return job.output / "secret.asc"


def test_with_a_key_every_byte_is_reproducible_and_images_get_the_key(
    make_job: MakeJob, inputs: Mapping[str, Path], key: Path
) -> None:
    jobs = [make_job({**inputs, "key": key}, name) for name in ("first", "second")]
    first, second = (files(make_repository(job)) for job in jobs)
    assert first == second
    assert first["keyring/mlos-archive-keyring.asc"] == first["repository-key.asc"]
    assert b"PUBLIC KEY BLOCK" in first["repository-key.asc"]
    # Two quick builds could share a second: the time in the signature must be the fixed clock's.
    _, begin, signature = first["repository/dists/trixie/InRelease"].partition(b"-----BEGIN PGP SIGNATURE-----")
    packets = jobs[0].sandbox.read(["gpg", "--list-packets"], stdin=begin + signature)
    assert f"created {jobs[0].epoch}," in packets.decode()


def test_no_secret_is_left_behind(make_job: MakeJob, inputs: Mapping[str, Path], key: Path) -> None:
    job = make_job({**inputs, "key": key})
    output = make_repository(job)
    assert not files(job.work)
    assert not any(b"PRIVATE KEY" in content for content in files(output).values())


def test_apt_verifies_by_the_given_key(make_job: MakeJob, inputs: Mapping[str, Path], key: Path) -> None:
    output = make_repository(make_job({**inputs, "key": key}))
    sandbox = apt(make_job({}, "apt"), output / "repository", output / "keyring/mlos-archive-keyring.asc")
    sandbox.run(["apt-get", *APT, "--error-on=any", "update"])


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n"]
)
def test_a_file_that_holds_no_secret_key_is_refused(
    tmp_path: Path, make_job: MakeJob, inputs: Mapping[str, Path], text: str
) -> None:
    key = tmp_path / "key.asc"
    key.write_text(text)
    with pytest.raises(BadSigningKey):
        make_repository(make_job({**inputs, "key": key}))


def test_a_public_key_is_no_signing_key(make_job: MakeJob, inputs: Mapping[str, Path]) -> None:
    public = make_repository(make_job(inputs, "first")) / "repository-key.asc"
    with pytest.raises(BadSigningKey, match="no secret key"):
        make_repository(make_job({**inputs, "key": public}, "second"))


@pytest.mark.parametrize(
    ("content", "error"), [(b"not a package", BadPackage), (None, SamePackageTwice)], ids=["broken", "variant"]
)
def test_a_bad_package_stops_the_stage(
    tmp_path: Path, make_job: MakeJob, debs: Path, content: bytes | None, error: type[DistrobuildError]
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    if content is None:  # the same package, packed a second later: the time stands in ar's header
        deb = (debs / "a/whatever.deb").read_bytes()
        content = deb.replace(b"1767225600", b"1767225601", 1)
    (bad / "bad.deb").write_bytes(content)
    with pytest.raises(error):
        make_repository(make_job({"debs/good": debs, "debs/bad": bad}))


def test_a_tampered_package_is_refused_on_download(make_job: MakeJob, inputs: Mapping[str, Path]) -> None:
    output = make_repository(make_job(inputs))
    deb = next((output / "repository").rglob("one_*.deb"))
    data = bytearray(deb.read_bytes())
    data[-1] ^= 1
    deb.write_bytes(data)
    sandbox = apt(make_job({}, "apt"), output / "repository", output / "repository-key.asc")
    sandbox.run(["apt-get", *APT, "--error-on=any", "update"])
    with pytest.raises(ProgramFailed) as caught:
        sandbox.run(["apt-get", *APT, "download", "one"])
    assert any("Hash Sum mismatch" in line for line in caught.value.tail)
