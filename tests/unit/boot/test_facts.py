from __future__ import annotations

from pathlib import Path

from distrobuild.boot.facts import Facts, repository_versions, requested_symbols


def test_a_symbol_asked_not_to_be_set_is_n(tmp_path: Path) -> None:
    (tmp_path / "requested").write_text("CONFIG_SMP=y\nCONFIG_HZ=1000\n# CONFIG_USB is not set\n", "utf-8")
    assert requested_symbols(tmp_path / "requested") == {"SMP": "y", "HZ": "1000", "USB": "n"}


def test_versions_come_from_every_index_of_the_repository(tmp_path: Path) -> None:
    for component, name in (("main", "mlos-node"), ("kernel", "linux-image-6.12")):
        index = tmp_path / "dists/trixie" / component / "binary-amd64/Packages"
        index.parent.mkdir(parents=True)
        index.write_text(f"Package: {name}\nVersion: 1.0.0\nArchitecture: all\n\n", "utf-8")
    assert repository_versions(tmp_path) == {"linux-image-6.12": "1.0.0", "mlos-node": "1.0.0"}


def test_facts_survive_the_way_to_the_tests() -> None:
    facts = Facts(name="mlos", symbols={"SMP": "y"}, installed=("mlos-node",), repository={"mlos-node": "1.0.0"})
    assert Facts.model_validate_json(facts.model_dump_json()) == facts
