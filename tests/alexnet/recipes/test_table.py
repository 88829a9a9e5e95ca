"""A recipe as a table, and the command that shows it."""

from __future__ import annotations

import pytest

from alexnet.recipes import RECIPES
from alexnet.recipes import __main__ as recipes
from alexnet.recipes.table import how_pictures_come, recipe_table
from minigrad.random import default_generator

ORIGINAL = RECIPES["original"]


def test_the_table_of_the_original_shows_its_facts() -> None:
    before = default_generator.state()
    text = recipe_table(ORIGINAL)
    assert default_generator.state() == before
    rows = [" ".join(line.split()) for line in text.splitlines()]
    for wanted in (
        "conv1 conv 11 x 11 / 4, LRN (alpha 0.0001 / 5), max pool 3 / 2, ReLU N(0, 0.01) 0 0.0005, biases 0",
        "conv2 conv 5 x 5, ReLU, LRN (alpha 0.0001 / 5), norm within maps (alpha 0.001 / 25), max pool 3 / 2 "
        "N(0, 0.01) 1 0.0005, biases 0",
        "conv5 conv 3 x 3, max pool 3 / 2, ReLU N(0, 0.03) 1 0.0005, biases 0",
        "epochs conv1 conv2, conv3, conv4, conv5, fc6, fc7, fc8",
        "1-24 0.01, 0.02 0.01, 0.02",
        "25-50 0.001, 0.02 0.001, 0.02",
        "51-66 0.0001, 0.02 0.0001, 0.02",
        "67-71 1e-05, 0.02 0.0001, 0.02",
        "72-78 frozen 0.0001, 0.02",
        "79-90 frozen 1e-05, 0.02",
    ):
        assert wanted in rows
    for words in ("alike for 32 pictures", "divided by 1.1; off from epoch 67", "batches of 128, momentum 0.9"):
        assert words in text


def test_the_table_says_how_pictures_are_distorted_and_how_wide_digits_are() -> None:
    text = recipe_table(RECIPES["mnist"].changed([("digit_width", 12), ("augmentation.translation", 0)]))
    assert "28 x 28, what is drawn on black brought to a width of 12, minus the mean" in text
    distorted = "turned by up to 15 degrees; scaled by up to 15 %; elastic, 36 times noise smoothed over 6 pixels"
    assert distorted in " ".join(text.split())
    assert "distort" not in recipe_table(ORIGINAL) and "drawn on black" not in recipe_table(ORIGINAL)
    assert how_pictures_come(RECIPES["mnist"]).count(", distorted; ") == 1


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_table(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipes.main([name]) == 0
    out = capsys.readouterr().out
    assert name in out and f"{RECIPES[name].lr:g}" in out and f"{RECIPES[name].epochs} epochs" in out


def test_the_table_of_the_paper_says_when_its_rate_falls(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        recipes.main(
            ["paper", "--set", "patience=3", "--set", "drop_factor=2", "--set", 'network_options.without=["conv4"]']
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "rates / 2 after 3 epochs without a lower validation error, at most 3 times" in out and "conv4  " not in out


def test_the_command_lists_recipes_and_tells_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert recipes.main([]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RECIPES)
    for arguments, word in ((["paper", "--set", "lrr=1"], "did you mean lr?"), (["--set", "lr=1"], "name it")):
        assert recipes.main(arguments) == 2
        assert word in capsys.readouterr().err
    for arguments, word in ((["papers"], "papers"), (["paper", "--set", "lr"], "KEY=VALUE, such as")):
        with pytest.raises(SystemExit):
            recipes.main(arguments)
        assert word in capsys.readouterr().err
