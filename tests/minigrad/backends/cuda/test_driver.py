"""The driver of this machine, whichever it is: memory, views, copies and launches."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from checks import complains
from emulation import FIRST, in_a_process, on_device, second_device

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim
from minigrad.backends.cuda import driver


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "i2", "i1", "u1", "u2", "u4", "u8", "?"])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (5, 7), (2, 3, 4, 5)])
def test_arrays_go_there_and_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    view = on_device(array)
    assert view.shape == shape and view.dtype == array.dtype and view.size == array.size
    assert view.nbytes == array.nbytes and view.device == FIRST and str(shape) in repr(view)
    np.testing.assert_array_equal(driver.copy_to_host(view), array)


def test_host_array_may_change_after_the_copy() -> None:
    array = np.ones(100_000, "f4")
    view = on_device(array)
    array[:] = 2
    assert (driver.copy_to_host(view) == 1).all()


def test_host_array_of_any_order_and_type_is_converted() -> None:
    array = np.arange(12).reshape(3, 4).T
    view = driver.allocate((4, 3), "f4", FIRST)
    driver.copy_from_host(view, array)
    np.testing.assert_array_equal(driver.copy_to_host(view), array)


def test_copies_within_a_device_and_to_another() -> None:
    array = np.arange(1000, dtype="i4")
    source = on_device(array)
    for device in (FIRST, second_device()):
        target = driver.allocate((10, 100), "i4", device)
        driver.copy(target, source)
        np.testing.assert_array_equal(driver.copy_to_host(target).reshape(-1), array)
    driver.synchronise(FIRST)


def test_importing_minigrad_does_not_import_cuda() -> None:
    program = "import sys, minigrad; assert 'numba.cuda' not in sys.modules and 'numba_cuda' not in sys.modules"
    assert in_a_process(program).returncode == 0


def test_emulation_is_said_once_and_as_many_devices_are_there_as_asked() -> None:
    program = """if True:
        import minigrad as mg
        print([(str(info.device), info.kind) for info in mg.devices() if info.device.type == "cuda"])
        print((mg.ones(2, device="cuda:2") + mg.ones(2, device="cuda:2")).numpy())
    """
    done = in_a_process(program, MINIGRAD_CUDA="emulated", MINIGRAD_CUDA_DEVICES="3")
    assert "('cuda:2', 'emulated')]" in done.stdout and "[2. 2.]" in done.stdout, done.stderr
    assert done.stderr.count("emulated") == 1 and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MINIGRAD_CUDA", "gpu"), ("MINIGRAD_CUDA_DEVICES", "none"), ("MINIGRAD_CUDA_SCHEDULE", "random")],
)
def test_wrong_settings_complain(variable: str, value: str) -> None:
    done = in_a_process("import minigrad as mg; mg.device('cuda')", **{"MINIGRAD_CUDA": "emulated", variable: value})
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ValueError") and variable in last and value in last


def test_a_device_too_many_complains_and_says_how_to_have_more() -> None:
    with complains("'cuda:99'", "cuda:0", "MINIGRAD_CUDA_DEVICES", error=ValueError):
        mg.device("cuda:99")


def test_without_the_package_the_cpu_works_alone_and_says_why() -> None:
    program = """if True:
        import sys
        from importlib.machinery import PathFinder
        class Absent(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                return None if name == "numba_cuda" else super().find_spec(name, path, target)
        sys.meta_path[:] = [Absent if each is PathFinder else each for each in sys.meta_path]
        import minigrad as mg
        assert {info.device.type for info in mg.devices()} == {"cpu", "reference"}
        assert "numba-cuda is not installed" in mg.devices().missing["cuda"]
        print(mg.devices())
        assert mg.ones(2).numpy().sum() == 2
        mg.device("cuda")
    """
    done = in_a_process(program)
    assert "numba-cuda is not installed" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ValueError") and "numba-cuda" in last and "cuda" in last


BROKEN = {
    "AttributeError: module 'numpy' has no attribute": "import numpy; numpy.a_function_that_is_no_more",
    "ValueError: numpy.dtype size changed, may": "raise ValueError('numpy.dtype size changed,\\n may')",
    "RuntimeError: no": "raise RuntimeError('no')",
    "'numba.cuda": "",
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_package_that_cannot_be_imported_is_a_reason_and_the_cpu_works_alone(words: str, tmp_path: Path) -> None:
    package = tmp_path / "numba_cuda" / "numba" / "cuda"
    package.mkdir(parents=True)
    (tmp_path / "numba_cuda" / "__init__.py").write_text("__version__ = '0.30.4'")
    (package / "__init__.py").write_text(BROKEN[words])
    program = """if True:
        import minigrad as mg
        from minigrad.kernels import place
        print(mg.devices())
        assert {info.device.type for info in mg.devices()} == {"cpu", "reference"}
        assert ((mg.ones(2, requires_grad=True) + 1) * 2).sum().item() == 8
        for use in (lambda: mg.zeros(2, device="cuda:0"), lambda: mg.ones(2).to("cuda"), place):
            try:
                use()
            except (RuntimeError, ValueError) as error:
                print(error)
    """
    done = in_a_process(program, PYTHONPATH=os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    reasons = done.stdout.splitlines()[3:]
    assert len(reasons) == 4 and not done.stderr
    assert reasons[0].startswith("cuda: the package numba-cuda cannot be used here (")
    assert all(words in reason and "install it anew" in reason for reason in reasons)


def test_the_emulator_that_cannot_be_imported_is_a_reason() -> None:
    program = """if True:
        import sys
        sys.modules["minigrad.backends.cuda.emulator.checked"] = None
        import minigrad as mg
        print(mg.devices())
    """
    done = in_a_process(program, MINIGRAD_CUDA="emulated")
    assert "cuda: the package numba-cuda cannot be used here (" in done.stdout and not done.stderr


def test_a_training_step_waits_for_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the loss, and nothing else: labels are checked on the host, where they came from."""
    read = []
    to_host = driver.copy_to_host
    monkeypatch.setattr(driver, "copy_to_host", lambda x: read.append(x.shape) or to_host(x))
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(18, 4))
    net.to("cuda:0")
    optimizer = optim.SGD(net.parameters(), 0.1, momentum=0.9)
    x, targets = mg.randn(5, 1, 8, 8).to("cuda:0"), mg.tensor([0, 1, 2, 3, 0]).to("cuda:0")
    read.clear()
    loss = F.cross_entropy(net(x), targets)
    loss.backward()
    optimizer.step()
    float(loss)
    assert read == [()]
    with pytest.raises(ValueError, match="target 9 of example 1"):
        F.cross_entropy(mg.zeros(2, 4, device="cuda:0"), mg.tensor([0, 9], device="cuda:0"))
    assert read == [()]
