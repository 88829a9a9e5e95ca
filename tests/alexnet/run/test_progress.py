"""What a checkpoint holds of a run's progress, and what an epoch's error changes in it."""

from __future__ import annotations

import numpy as np
import pytest
from alexnet_checks import check_patience

from alexnet.run.checkpoint import part, under
from alexnet.run.progress import Progress


def test_the_rate_falls_when_the_error_stands_still() -> None:
    check_patience()


def test_progress_comes_back_with_its_types() -> None:
    progress = Progress(epoch=3, step=70, step_in_epoch=6, loss_sum=1.5, seen=60, best_top1=12.5, best_epoch=2)
    state = under("progress/", progress.arrays())
    assert Progress.from_arrays(part({**state, "run": np.array("")}, "progress/")) == progress
    del state["progress/rejected"]  # as in checkpoints of earlier versions
    assert Progress.from_arrays(part(state, "progress/")) == progress


def test_the_training_error_of_an_epoch_that_an_earlier_version_began_is_not_known() -> None:
    for seen, known in ((0, True), (60, False)):
        arrays = Progress(seen=seen).arrays()
        del arrays["wrong"]
        assert np.isnan(Progress.from_arrays(arrays).wrong) != known


@pytest.mark.parametrize("change", [{"step": None}, {"more": np.array(1)}, {"step": np.array([1, 2])}])
def test_progress_that_is_incomplete_complains(change: dict[str, np.ndarray | None]) -> None:
    arrays = {name: value for name, value in {**Progress().arrays(), **change}.items() if value is not None}
    with pytest.raises(ValueError, match="progress is incomplete"):
        Progress.from_arrays(arrays)
