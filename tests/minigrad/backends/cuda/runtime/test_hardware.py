"""Real GPUs, as far as a machine without one can tell."""

from __future__ import annotations

import pytest
from emulation import in_a_process
from numba import cuda

from minigrad.backends.cuda.runtime.hardware import explain


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("[222] Call to cuLinkAddData results in CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "numba-cuda[cu12]"),
        ("NVJITLINK_ERROR_PTX_COMPILE: Unsupported .version 8.7; current version is '8.4'", "update the driver"),
        ("CUDA_ERROR_INSUFFICIENT_DRIVER: driver version is insufficient for runtime version", "update the driver"),
        ("Error at driver init: CUDA driver library cannot be found", "MINIGRAD_CUDA=emulated"),
        ("[100] Call to cuInit results in CUDA_ERROR_NO_DEVICE", "CUDA_VISIBLE_DEVICES"),
        ("[209] Call to cuModuleLoadDataEx results in CUDA_ERROR_NO_BINARY_FOR_GPU", "too old"),
        ("libnvvm.so: cannot open shared object file", "pip install"),
        ("[700] CUDA_ERROR_ILLEGAL_ADDRESS", "MINIGRAD_CUDA_CHECK=1"),
        ("something new", "something new"),
    ],
)
def test_errors_of_the_cuda_stack_become_a_sentence_with_the_remedy(words: str, remedy: str) -> None:
    sentence = explain(RuntimeError(words))
    assert remedy in sentence and "\n" not in sentence


def test_hardware_that_is_not_there_is_said_in_a_sentence() -> None:
    if cuda.is_available():
        pytest.skip("there is a GPU")
    program = "import minigrad as mg; print(mg.devices()); mg.device('cuda')"
    done = in_a_process(program, MINIGRAD_CUDA="hardware")
    assert "cuda: there is no working NVIDIA driver" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("ValueError: there is no device 'cuda': ")
