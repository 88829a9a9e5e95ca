"""The paper's claims as experiments: what it says beside what is measured here, with a spread and a verdict.

An experiment is a file here: its *arms* (a recipe and changes, perhaps rates to choose from), and a function that
judges what they have learned. What is common to all is written once:

- `experiment.py`: what an experiment consists of. A *trial* is an arm at a rate with a seed: an ordinary run in the
  ordinary folder DIR/EXPERIMENT/ARM[-rate-R]-seed-S, which `python -m alexnet.train --resume` and `evaluate` take too.
- `grid.py`: trains the trials that are missing. All that it decides, it reads from the logs of runs: nothing else is
  kept. So a command that was killed goes on, one that is asked again trains nothing, and folders that were trained on
  several machines are simply copied together. An experiment may do other *work* than training: in pieces, each of which
  is a file, it is kept, stopped and gone on with in the same way (`jarrett.py`; its `regression.py`).
- `statistics.py`: intervals and verdicts. `comparisons.py`: what experiments on errors share.
- `timing.py`: what an experiment costs here.
- `report.py`: the page, from the result.json and the pictures that each experiment leaves in its folder.

Rates are chosen with seed 0, by the training error or by held-out training pictures, never by the test set. Every rate
trains for LOOK epochs; those that have diverged by then, or are worse than the best by more than MARGIN points, are
hopeless and get no more. Of the others the best is trained first, and one that has had as many epochs as the best
needed to come below a threshold has lost. While the best is the lowest or the highest rate, the next by a factor of
two is tried too, up to BEYOND of them. What is then measured is measured with the seeds 1, 2, ... at the best rate, so
that no number is told that was chosen for being low.
"""
