"""What an installed minigrad says of itself: one version, and a description that needs nothing beside it."""

from __future__ import annotations

import importlib.metadata
import re

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
