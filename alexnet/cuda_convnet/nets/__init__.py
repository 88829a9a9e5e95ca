"""Layer files of cuda-convnet's nets for CIFAR-10, by their test error: 19, 18, 13 and 11 %; and one for MNIST.

The former say the same as the files that were published with the program, in fewer keys: what is not said has its
default. The latter is the net of Ciresan, Meier and Schmidhuber (2012), which never was such a file.
"""

from __future__ import annotations

from pathlib import Path

from alexnet.cuda_convnet.grammar import read_sections

__all__ = ["read_net"]


def read_net(name: str) -> dict[str, dict[str, dict[str, str]]]:
    """The sections of a net's layer file and its parameter file, by the names that a recipe has for them.

    Args:
        name: "19pct", "18pct", "13pct", "11pct" or "mnist".
    """
    files = {"layers": f"layers-{name}.cfg", "layer_params": f"layer-params-{name}.cfg"}
    return {
        key: read_sections((Path(__file__).parent / file).read_text(encoding="utf-8"), file)
        for key, file in files.items()
    }
