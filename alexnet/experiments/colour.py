"""Colour noise (section 4.1): a net that has seen pictures in many lights is told less by the light.

The paper's number is of ImageNet. A clearer test than pictures as they are is the same pictures in a light that was
changed: every one is shifted along the principal components of the training pictures' colours, by more than in
training.
"""

from __future__ import annotations

import numpy as np

from alexnet.data import Split, Statistics
from alexnet.experiments.comparisons import (
    difference_in_points,
    differences,
    error_in_words,
    test_errors,
    test_probabilities,
    trained,
)
from alexnet.experiments.dropout import SHORT
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table
from alexnet.run.folder import RunError
from alexnet.run.trained import load_predictor
from alexnet.scores import Errors, errors

__all__ = ["COLOUR"]

LIGHT = 0.5  # standard deviation of the multiples of the components; 0.1 in training


class Relit(Split):
    """Pictures in another light: each is shifted in its colours.

    Args:
        split: the pictures.
        shifts: what their red, green and blue move by, float (n, 3).
    """

    def __init__(self, split: Split, shifts: np.ndarray) -> None:
        self.labels, self.channels = split.labels, split.channels
        self._split, self._shifts = split, shifts

    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Picture `index` as uint8 (H, W, 3)."""
        return np.rint(np.clip(self._split.image(index, size) + self._shifts[index], 0, 255)).astype(np.uint8)

    @property
    def fingerprint(self) -> str:
        """That of the pictures, and the shifts."""
        return f"{self._split.fingerprint} {self._shifts.tobytes().hex()}"


def judge(runs: Runs) -> Judgement:
    """Test errors without colour noise less those with it, as the pictures are and in another light."""
    noise, without = (
        {"as it is": test_errors(runs, arm), "changed": _relit(runs, arm)} for arm in runs.experiment.arms
    )
    findings = [
        finding
        for light, said in (("as it is", "above 1 point on ImageNet: more"), ("changed", "more"))
        for finding in difference_in_points(
            f"test error without colour noise less that with it, light {light}",
            said,
            None,
            differences(without[light], noise[light]),
        )
    ]
    rows = [
        [arm.name, light, str(seed), error_in_words(each)]
        for arm, lights in zip(runs.experiment.arms, (noise, without), strict=True)
        for light, seeds in lights.items()
        for seed, each in seeds.items()
    ]
    return Judgement(findings, [Table("Top-1 error on test pictures", ("arm", "light", "seed", "error (95 %)"), rows)])


def _relit(runs: Runs, arm: Arm) -> dict[int, Errors]:
    """The errors of an arm in another light, by seed; the light of a picture is the same for all nets."""
    found = {}
    for trial in trained(runs, arm):
        split = runs.data(trial.seed).val
        shifts = light(len(split), load_predictor(trial.folder.path, False, runs.devices).statistics)
        probabilities, read = test_probabilities(runs, trial, Relit(split, shifts))
        found[trial.seed] = errors(probabilities[read], split.labels[read])
    return found


def light(count: int, statistics: Statistics) -> np.ndarray:
    """What red, green and blue of so many pictures move by: float (count, 3).

    Raises:
        RunError: the pictures have no colour.
    """
    if statistics.component_std is None or statistics.component_vectors is None:
        raise RunError("colour noise needs pictures in colour; choose others with --data")
    alphas = LIGHT * np.random.default_rng(0).standard_normal((count, 3))
    return np.asarray((alphas * statistics.component_std) @ statistics.component_vectors.T)


COLOUR = Experiment(
    name="colour",
    claim="colour noise makes a net more independent of the light",
    section="4.1",
    paper='Object identity is "invariant to changes in the intensity and color of the illumination. This scheme '
    'reduces the top-1 error rate by over 1 %."',
    pictures=9_469,
    arms=(
        Arm("noise", "small", SHORT),
        Arm("without", "small", (*SHORT, ("augmentation.colour_noise", 0.0))),
    ),
    judge=judge,
)
