"""The driver of this machine, whichever it is: memory, views, copies and launches."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checks import complains
from numba import cuda

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.launch import REGISTRY, kernel, launch, launch_1d
from minigrad.backends.cuda.runtime.hardware import explain
from minigrad.backends.cuda.runtime.memory import ArrayView, DevicePool
from minigrad.backends.cuda.runtime.signature import Kernel
from minigrad.device import Device

FIRST = Device("cuda", 0)


def on_device(array: np.ndarray, device: Device = FIRST) -> ArrayView:
    view = driver.allocate(array.shape, array.dtype, device)
    driver.copy_from_host(view, array)
    return view


def second_device() -> Device:
    if len(driver.devices()) < 2:
        pytest.skip("one CUDA device; MINIGRAD_CUDA_DEVICES=2 makes it two")
    return Device("cuda", 1)


def _scale(x, y, factor):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i] * factor


scale = Kernel(_scale, "float[::1], float[::1], float")


def _convert(x, y):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i]


convert = Kernel(_convert, "any[::1], other[::1]")


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


def test_reshape_and_part_share_memory() -> None:
    view = on_device(np.arange(24, dtype="f8").reshape(4, 6))
    whole = view.reshape(2, -1, 3)
    assert whole.shape == (2, 4, 3) and whole.memory is view.memory
    rows = view.part(1, 3)
    assert rows.shape == (2, 6) and view.reshape((24,)).part(5, 5).size == 0
    np.testing.assert_array_equal(driver.copy_to_host(rows), np.arange(6, 18).reshape(2, 6))
    driver.copy_from_host(rows, np.zeros((2, 6)))
    np.testing.assert_array_equal(driver.copy_to_host(whole).reshape(-1), [*range(6), *[0] * 12, *range(18, 24)])
    assert driver.copy_to_host(view.reshape(6, 4).part(1, 2).part(0, 1)).tolist() == [[4, 5, 0, 0]]


def test_views_complain_about_what_does_not_fit() -> None:
    view = on_device(np.zeros((4, 6), "f4"))
    with complains("(4, 6)", "(5, 5)", error=ValueError):
        view.reshape(5, 5)
    with complains("(4, 6)", error=ValueError):
        view.reshape(5, -1)
    with complains("(4, 6)", error=IndexError):
        view.part(2, 5)
    with complains("(4, 6)", "(6, 4)", error=ValueError):
        driver.copy_from_host(view, np.zeros((6, 4)))
    with complains("float32", "float64", error=ValueError):
        driver.copy(view, on_device(np.zeros((4, 6))))


def test_copies_within_a_device_and_to_another() -> None:
    array = np.arange(1000, dtype="i4")
    source = on_device(array)
    for device in (FIRST, second_device()):
        target = driver.allocate((10, 100), "i4", device)
        driver.copy(target, source)
        np.testing.assert_array_equal(driver.copy_to_host(target).reshape(-1), array)
    driver.synchronise(FIRST)


def test_memory_lives_as_long_as_a_view_of_it() -> None:
    view = on_device(np.arange(6, dtype="f4"))
    tail = view.part(4, 6)
    del view
    gc.collect()
    for _ in range(4):
        on_device(np.zeros(6, "f4"))
    assert driver.copy_to_host(tail).tolist() == [4, 5]


def counting_pool(limit: int | None = None) -> tuple[DevicePool, list[int]]:
    """A pool of memory that is only counted; it runs out at `limit` bytes idle and in use."""
    reserved: list[int] = []

    def reserve(size: int) -> tuple[object, int]:
        if limit is not None and pool.used_bytes + pool.idle_bytes + size > limit:
            raise MemoryError("full")
        reserved.append(size)
        return object(), len(reserved)

    pool = DevicePool(FIRST, reserve, lambda: (1 << 20, limit or 0))
    return pool, reserved


def test_pool_gives_the_same_memory_again() -> None:
    pool, reserved = counting_pool()
    first = pool.take(100_000)
    address = first.address
    del first
    again = pool.take(99_000)
    assert again.address == address and len(reserved) == 1 and again.capacity >= 100_000
    assert pool.take(99_000).address != address


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 10**5, 10**9 + 1, 2**33])
def test_pool_gives_at_least_what_is_asked_and_not_much_more(size: int) -> None:
    capacity = counting_pool()[0].take(size).capacity
    assert size <= capacity <= max(size * 1.25, size + 512) and capacity % 512 == 0


def test_pool_releases_idle_memory_before_it_gives_up() -> None:
    pool, reserved = counting_pool(limit=3 << 20)
    held = [pool.take(1 << 20)]
    pool.take(1 << 20)
    held.append(pool.take(2 << 20))  # fits only without the idle one
    assert pool.idle_bytes == 0 and len(reserved) == 3
    with complains("cuda:0", "no 1.0 MiB", "1.0 of 3.0 MiB are free", "3.0 MiB hold arrays", error=MemoryError):
        pool.take(1 << 20)


def test_launch_computes_in_the_type_of_its_arrays() -> None:
    for dtype in ("f4", "f8"):
        x = np.random.default_rng(0).standard_normal(1000).astype(dtype)
        result = driver.allocate((1000,), dtype, FIRST)
        launch_1d(scale, 1000, FIRST, on_device(x), result, 0.1)
        np.testing.assert_array_equal(driver.copy_to_host(result), x * np.dtype(dtype).type(0.1))


@pytest.mark.parametrize("count", [1, 255, 256, 257, 70_001])
@pytest.mark.parametrize("grid", [None, 1, 3])
def test_grid_stride_loops_reach_every_element(count: int, grid: int | None) -> None:
    x, result = on_device(np.arange(count, dtype="f8")), on_device(np.zeros(count))
    if grid:
        launch(scale, grid, 64, FIRST, x, result, 2)
    else:
        launch_1d(scale, count, FIRST, x, result, 2)
    np.testing.assert_array_equal(driver.copy_to_host(result), 2 * np.arange(count))


def test_launch_on_nothing_does_nothing() -> None:
    empty = on_device(np.zeros(0, "f4"))
    launch_1d(scale, 0, FIRST, empty, empty, 1.0)
    launch(scale, 1, 32, FIRST, empty, empty, 1.0)


@pytest.mark.parametrize("source", ["f4", "f8", "i8", "i4", "u1", "?"])
@pytest.mark.parametrize("target", ["f4", "f8", "i8", "i4", "i2", "u1"])
def test_elements_of_any_type(source: str, target: str) -> None:
    array = np.arange(2 if source == "?" else 100).astype(source)
    result = driver.allocate(array.shape, target, FIRST)
    launch_1d(convert, array.size, FIRST, on_device(array), result)
    np.testing.assert_array_equal(driver.copy_to_host(result), array.astype(target))


def test_launch_complains_about_arguments_that_do_not_fit() -> None:
    x, y = on_device(np.zeros(3, "f4")), on_device(np.zeros(3, "f8"))
    for arguments, words in (
        ((x, y, 1.0), ("scale", "y", "float32")),
        ((x, x), ("scale", "3", "2")),
        ((x, 1.0, 1.0), ("scale", "y")),
        ((x, x.reshape(1, 3), 1.0), ("scale", "1 axes", "(1, 3)")),
        ((x, x, x), ("scale", "factor")),
    ):
        with complains(*words, error=TypeError):
            launch(scale, 1, 1, FIRST, *arguments)


def test_foreign_array_is_refused_and_both_devices_named() -> None:
    second = second_device()
    here, there = on_device(np.zeros(3, "f4")), on_device(np.zeros(3, "f4"), second)
    for device, arguments in ((FIRST, (here, there, 1.0)), (second, (here, there, 1.0))):
        with complains("scale", "cuda:0", "cuda:1", error=mg.DeviceMismatchError):
            launch(scale, 1, 1, device, *arguments)


def test_declarations_become_signatures() -> None:
    signatures = [str(signature) for signature in scale.all_signatures()]
    assert len(signatures) == 2 and "float32" in signatures[0] and "float64" in signatures[1]
    assert scale.signature("f4") == scale.signature(np.float32) == scale.all_signatures()[0]
    assert len(convert.all_signatures()) == len(convert.variants()) > 100
    fixed = Kernel(lambda a, b: None, "u1[:,:], i8")
    assert fixed.all_signatures() == [fixed.signature()]
    assert fixed.signature()[0].layout == "A" and fixed.signature()[0].ndim == 2
    assert scale.name == "scale" and "float[::1]" in repr(scale)


def test_declarations_that_do_not_fit_complain() -> None:
    with complains("2", "1", error=TypeError):
        Kernel(lambda a, b: None, "f4[::1]")
    with complains("f4[", error=TypeError):
        Kernel(lambda a: None, "f4[")
    with complains("float", error=TypeError):
        scale.signature()


def test_every_kernel_registers_itself() -> None:
    count = len(REGISTRY)
    made = kernel("float[::1], float[::1], float")(_scale)
    assert REGISTRY.pop() is made and len(REGISTRY) == count


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


def in_a_process(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter with these variables."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("MINIGRAD_CUDA", "NUMBA_"))}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=variables | environment, capture_output=True, text=True, timeout=120)


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


def test_numba_cuda_works_with_a_numpy_that_has_no_row_stack() -> None:
    program = """if True:
        import numpy as np
        if vars(np).pop("row_stack", None):
            np.__all__.remove("row_stack")
        import minigrad as mg
        assert (mg.ones(2, device="cuda:0") + 1).numpy().tolist() == [2, 2]
        assert not hasattr(np, "row_stack")
    """
    done = in_a_process(program)
    assert done.returncode == 0, done.stderr


def test_hardware_that_is_not_there_is_said_in_a_sentence() -> None:
    if cuda.is_available():
        pytest.skip("there is a GPU")
    program = "import minigrad as mg; print(mg.devices()); mg.device('cuda')"
    done = in_a_process(program, MINIGRAD_CUDA="hardware")
    assert "cuda: there is no working NVIDIA driver" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("ValueError: there is no device 'cuda': ")


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
