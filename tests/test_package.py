"""What an installed minigrad says of itself: one version, and a description that needs nothing beside it."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
from pathlib import Path

import pytest

import minigrad as mg


@pytest.fixture
def metadata() -> importlib.metadata.PackageMetadata:
    try:
        return importlib.metadata.metadata("minigrad")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("minigrad is not installed here")


def test_the_version_is_that_of_the_package(metadata: importlib.metadata.PackageMetadata) -> None:
    assert metadata["Version"] == mg.__version__


def test_the_description_has_no_pictures_or_links_that_break(metadata: importlib.metadata.PackageMetadata) -> None:
    description = metadata.json["description"]
    assert "python -m alexnet.train" in description
    assert not re.search(r"\]\((?!https://)", description)


def test_what_the_packages_hold_besides_python_is_shipped() -> None:
    settings = configparser.ConfigParser()
    root = Path(__file__).parents[1]
    settings.read(root / "setup.cfg", encoding="utf-8")
    patterns = settings["options.package_data"]
    files = {path for name in ("minigrad", "alexnet") for path in (root / name).rglob("*") if path.is_file()}
    others = {path for path in files if path.suffix != ".py" and path.parent.name != "__pycache__"}
    assert any(path.suffix == ".ll" for path in others)
    for path in others:
        package = ".".join(path.relative_to(root).parts[:-1])
        assert any(path.match(each) for each in patterns.get(package, "").split()), f"{path} is not in setup.cfg"
