"""The suite proved: what the paper says of rates, crops, the mean and errors, broken on purpose, of which the suite's
own checks must notice each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from alexnet_checks import (
    check_colour_noise,
    check_epochs_and_seeds_differ,
    check_errors,
    check_patience,
    check_random_crops,
    check_rates_by_layer,
    check_rates_of_the_original,
    check_rates_of_the_paper,
    check_statistics,
    check_subtracted_mean,
    check_views,
)
from mutants import altered

from alexnet import scores
from alexnet.data import augmentation, statistics
from alexnet.recipes import Recipe, optimisation
from alexnet.run.progress import Progress

Mutant = tuple[object, str, str, str, Callable[[], None]]
check_ten_views = partial(check_views, 10)


# In whose function, which piece of its text is replaced by what, and the check that must see it.
MUTANTS: dict[str, Mutant] = {
    # the schedule of the rates
    "the rate falls an epoch late": (Recipe, "rate", "epoch >= each", "epoch > each", check_rates_of_the_original),
    "a rate is divided by five": (Recipe, "rate", "self.drop_factor**-drops", "5.0**-drops", check_rates_of_the_paper),
    "the error that stands still divides nothing": (
        *(Recipe, "rate", "drops += sum(", "drops = sum("),
        check_rates_of_the_paper,
    ),
    "a layer is frozen an epoch late": (
        *(Recipe, "rate", "epoch >= self.frozen_from", "epoch > self.frozen_from"),
        check_rates_of_the_original,
    ),
    "biases are not frozen with their layer": (
        *(Recipe, "rate", "if epoch >=", "if not bias and epoch >="),
        check_rates_of_the_original,
    ),
    "biases learn no faster": (
        *(Recipe, "_start", "self.bias_lr_factor if bias else 1.0", "1.0"),
        check_rates_of_the_original,
    ),
    "the rate of biases falls where it should not": (
        *(Recipe, "rate", "if bias and not self.bias_lr_falls", "if False"),
        check_rates_of_the_original,
    ),
    "a layer's own rate is passed over": (
        *(Recipe, "_start", "self.layer_lr.get(layer, self.lr)", "self.lr"),
        check_rates_by_layer,
    ),
    "a layer without divisions is divided with the others": (
        *(Recipe, "rate", "self.layer_drop_epochs.get(layer, self.drop_epochs)", "self.drop_epochs"),
        check_rates_by_layer,
    ),
    "biases get the rate of weights": (
        *(optimisation, "set_rates", "drops, layer, bias,", "drops, layer, False,"),
        check_rates_of_the_original,
    ),
    "biases decay": (
        *(optimisation, "parameter_groups", "decay if recipe.decay_biases or not bias else 0.0", "decay"),
        check_rates_of_the_original,
    ),
    "patience is an epoch longer": (
        Progress,
        "judge",
        "self.waited >= patience",
        "self.waited > patience",
        check_patience,
    ),
    "an error that equals the best counts as better": (Progress, "judge", "top1 <", "top1 <=", check_patience),
    "patience does not begin anew after a division": (
        *(Progress, "judge", "self.drops + 1, 0", "self.drops + 1, self.waited"),
        check_patience,
    ),
    "the rate is divided a fourth time": (
        *(Progress, "judge", "self.drops < most_drops", "self.drops <= most_drops"),
        check_patience,
    ),
    # the random crops
    "the last row and column are never reached": (
        *(augmentation, "augment", "size - crop + 1", "size - crop"),
        check_random_crops,
    ),
    "row and column are drawn together": (
        *(augmentation, "augment", "random_words[:, :2]", "random_words[:, [0, 0]]"),
        check_random_crops,
    ),
    "mirroring is drawn with the row": (
        *(augmentation, "augment", "random_words[:, 2] >> 31", "random_words[:, 0] >> 31"),
        check_random_crops,
    ),
    "nothing is mirrored": (augmentation, "augment", "& augmentation.mirror", "& False", check_random_crops),
    "a mirrored crop is upside down": (
        *(augmentation, "augment", "patch[:, :, ::-1]", "patch[:, ::-1]"),
        check_random_crops,
    ),
    "rows and columns are mixed up in a crop": (
        *(augmentation, "augment", "left : left + crop]", "top : top + crop]"),
        check_random_crops,
    ),
    "every epoch has the same crops": (
        *(augmentation, "augment", "words(seed, epoch, CROP", "words(seed, 1, CROP"),
        check_epochs_and_seeds_differ,
    ),
    "every seed has the same crops": (
        *(augmentation, "augment", "words(seed, epoch, CROP", "words(0, epoch, CROP"),
        check_epochs_and_seeds_differ,
    ),
    "all pictures are cut alike": (
        *(augmentation, "augment", "indices if draws is None", "indices * 0 if draws is None"),
        check_random_crops,
    ),
    # the ten views
    "the corners miss the last row and column": (
        *(augmentation, "views", "images.shape[-1] - crop\n", "images.shape[-1] - crop - 1\n"),
        check_ten_views,
    ),
    "one corner comes twice": (
        augmentation,
        "views",
        "(end, 0), (end, end)",
        "(end, end), (end, end)",
        check_ten_views,
    ),
    "mirror images are not mirrored": (
        *(augmentation, "views", "patch[:, :, :, ::-1] - mean", "patch - mean"),
        check_ten_views,
    ),
    "mirror images are upside down": (
        *(augmentation, "views", "patch[:, :, :, ::-1] - mean", "patch[:, :, ::-1] - mean"),
        check_ten_views,
    ),
    "the mean is mirrored with the picture": (
        *(augmentation, "views", "patch[:, :, :, ::-1] - mean", "(patch - mean)[:, :, :, ::-1]"),
        check_ten_views,
    ),
    "the only view is a corner": (augmentation, "views", "places[:1]", "places[1:2]", partial(check_views, 1)),
    # the mean and the colours
    "the mean's corner is subtracted": (
        augmentation,
        "_centre_of_mean",
        "statistics.mean[:, centre : centre + crop, centre : centre + crop]",
        "statistics.mean[:, :crop, :crop]",
        check_subtracted_mean,
    ),
    "the mean is cut where the picture is": (
        *(
            augmentation,
            "augment",
            ", mean, out=out)",
            ", statistics.mean[:, top : top + crop, left : left + crop], out=out)",
        ),
        check_subtracted_mean,
    ),
    "the mean is one number for each colour": (
        statistics.Sums,
        "statistics",
        "self.total / self.count",
        "self.total * 0 + self.total.mean(axis=(1, 2), keepdims=True) / self.count",
        check_statistics,
    ),
    "the mean is without the last pictures": (
        *(statistics, "measure", "range(0, count, sums.step)", "range(0, count - sums.step, sums.step)"),
        check_statistics,
    ),
    "the smallest component comes first": (
        *(statistics, "_components", "variances[::-1], 0.0), vectors[:, ::-1]", "variances, 0.0), vectors"),
        check_statistics,
    ),
    "components are taken about 0, not about the mean": (
        *(statistics, "_components", " - np.outer(means, means)", ""),
        check_statistics,
    ),
    "colours move by variances": (augmentation, "augment", "(alphas * std)", "(alphas * std**2)", check_colour_noise),
    "components are rows": (augmentation, "augment", "@ vectors.T", "@ vectors", check_colour_noise),
    # errors
    "top-5 is top-4": (scores, "errors", "[:, :5]", "[:, :4]", check_errors),
    "all five labels must be right": (scores, "errors", "best.any(axis=1)", "best.all(axis=1)", check_errors),
    "top-1 counts what is right": (scores, "errors", "np.sum(~best[:, 0])", "np.sum(best[:, 0])", check_errors),
    "among equals the last label comes first": (
        *(scores, "errors", "np.argsort(-scores[rows]", "scores.shape[1] - 1 - np.argsort(-scores[rows, ::-1]"),
        check_errors,
    ),
    "only the last part is counted": (scores, "errors", "found += Errors", "found = Errors", check_errors),
    "the lowest scores are the best": (scores, "errors", "-scores[rows]", "scores[rows]", check_errors),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check passes as long as nothing is broken, and fails once it is."""
    owner, function, before, after, check = MUTANTS[name]
    check()
    with monkeypatch.context() as patch:
        patch.setattr(owner, function, altered(owner, function, before, after))
        with pytest.raises(AssertionError):
            check()
    check()
