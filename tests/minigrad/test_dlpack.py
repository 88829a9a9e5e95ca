"""Arrays that other libraries have: out and in by DLPack, copied or shared, and CUDA memory by its interface."""

from __future__ import annotations

import ctypes
import gc
import threading
from typing import Any

import numpy as np
import pytest
from checks import chwn, complains

import minigrad as mg

DTYPES = [np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]
HOSTS = ["cpu:0", "cpu:1", "reference"]
SHARES = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
sharing = pytest.mark.skipif(not SHARES, reason="NumPy before 2.1 lets no memory out that nobody may write to")


class Asking:
    """A library that asks for what NumPy does not."""

    def __init__(self, x: mg.Tensor, **asked: Any) -> None:
        self.x, self.asked = x, asked

    def __dlpack__(self, **asked: Any) -> Any:
        return self.x.__dlpack__(**{**asked, **self.asked})

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.x.__dlpack_device__()


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.mark.parametrize("place", HOSTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_and_in_again(dtype: type, place: str) -> None:
    values = np.arange(6).reshape(2, 3).astype(dtype)
    x = mg.tensor(values, place)
    for copy in (None, True, False) if SHARES else (None, True):
        found = np.from_dlpack(Asking(x, copy=copy))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, values)
        back = mg.from_dlpack(Asking(x, copy=copy), device=place, copy=copy)
        assert (back.dtype, back.device) == (x.dtype, x.device)
        np.testing.assert_array_equal(back.numpy(), values)


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 0), (1,), (4, 3, 2, 5)])
def test_shapes(shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    for copy in (None, False):
        np.testing.assert_array_equal(np.from_dlpack(Asking(mg.tensor(values), copy=copy if SHARES else None)), values)
        np.testing.assert_array_equal(mg.from_dlpack(values, copy=copy).numpy(), values)


@sharing
def test_what_goes_out_is_a_copy_unless_none_is_wanted() -> None:
    x = mg.tensor(np.arange(6.0))
    found, again = np.from_dlpack(x), np.from_dlpack(x)
    assert address(found) != address(again)
    one, other = (np.from_dlpack(Asking(x, copy=False)) for _ in range(2))
    assert address(one) == address(other)
    assert not one.flags.writeable


@sharing
def test_maps_whose_images_lie_last_go_out_with_strides_and_come_back_as_they_lie() -> None:
    values = np.random.default_rng(0).standard_normal((5, 2, 3, 4)).astype(np.float32)
    x = chwn(mg.tensor(values))
    for copy in (None, False):
        found = np.from_dlpack(Asking(x, copy=copy))
        assert found.strides == (4, 240, 80, 20)
        np.testing.assert_array_equal(found, values)
    back = mg.from_dlpack(Asking(x, copy=False), copy=False)
    assert back.array.chwn and address(back.array.data) == address(found)
    np.testing.assert_array_equal(back.numpy(), values)
    assert not mg.from_dlpack(found, copy=True).array.chwn
    with complains("strides (4, 240, 80, 20)", "reference", error=ValueError):
        mg.from_dlpack(found, device="reference", copy=False)


def test_what_comes_in_is_a_copy_unless_none_is_wanted() -> None:
    values = np.arange(6.0)
    copied, shared = mg.from_dlpack(values), mg.from_dlpack(values, copy=False)
    values[0] = 9
    assert copied.tolist()[0] == 0
    assert shared.tolist()[0] == 9 and address(shared.array.data) == address(values)
    assert (shared * 2).tolist()[0] == 18


def test_memory_that_does_not_lie_in_order_is_not_shared() -> None:
    values = np.arange(12.0)[::2]
    assert mg.from_dlpack(values).tolist() == values.tolist()
    with complains("copy=False", error=ValueError):
        mg.from_dlpack(values, copy=False)
    with complains("shares memory with cpu and reference alone", error=ValueError):
        mg.from_dlpack(np.arange(3.0), device="cuda", copy=False)
    assert mg.from_dlpack(np.arange(3.0), device="cuda").tolist() == [0, 1, 2]


@sharing
def test_memory_lives_as_long_as_somebody_holds_it() -> None:
    """Either side's, large enough to be of the pool, also where it is let go in another thread."""
    x = mg.tensor(np.full(1 << 16, 7.0))
    found = [np.from_dlpack(Asking(x, copy=False))]
    del x
    gc.collect()
    others = [mg.tensor(np.zeros(1 << 16)) for _ in range(4)]  # would take the memory if it were free
    assert (found[0] == 7).all()
    thread = threading.Thread(target=found.clear)
    thread.start()
    thread.join()
    values = np.full(1 << 16, 5.0)
    shared = mg.from_dlpack(values, copy=False)
    del values
    gc.collect()
    assert (shared.numpy() == 5).all() and len(others) == 4


def test_a_gradient_does_not_hold_it_back() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert np.from_dlpack(x * 2).tolist() == [2, 4]


def test_what_cannot_be_exchanged_complains() -> None:
    with complains("__dlpack__", "list", error=TypeError):
        mg.from_dlpack([1.0])
    with complains("complex128", error=TypeError):
        mg.from_dlpack(np.array([1j]))
    with complains("device of kind 2", error=ValueError):
        mg.from_dlpack(mg.tensor([1.0], "cuda"))
    with complains("cuda:1", ".cpu()", "__cuda_array_interface__", error=BufferError):
        mg.tensor([1.0], "cuda:1").__dlpack__()
    with complains(".cpu()", error=BufferError):
        mg.tensor([1.0]).__dlpack__(dl_device=(2, 0))
    assert mg.tensor([1.0], "cuda:1").__dlpack_device__() == (2, 1)
    assert mg.tensor([1.0]).__dlpack_device__() == (1, 0)


def test_a_library_of_before_read_only_arrays_gets_no_shared_memory() -> None:
    """NumPy says so for us: DLPack could not say that nobody may write, before version 1."""
    with pytest.raises(BufferError):
        mg.tensor([1.0]).__dlpack__(copy=False)


@pytest.mark.parametrize("order", [lambda x: x, chwn])
def test_emulated_memory_by_its_interface(order: Any) -> None:
    values = np.random.default_rng(0).standard_normal((3, 2, 4)).astype(np.float32)
    x = order(mg.tensor(values, "cuda"))
    found = x.__cuda_array_interface__
    assert (found["version"], found["typestr"], found["shape"]) == (3, "<f4", (3, 2, 4))
    place, read_only = found["data"]
    assert read_only
    memory = np.frombuffer((ctypes.c_char * values.nbytes).from_address(place), np.float32)
    seen = np.lib.stride_tricks.as_strided(memory, found["shape"], found["strides"])
    np.testing.assert_array_equal(seen, values)
    assert not hasattr(mg.tensor(values), "__cuda_array_interface__")


def test_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal((5, 2, 3, 4)).astype(np.float32)
    for x in (mg.tensor(values), chwn(mg.tensor(values))):
        there = torch.from_dlpack(x)
        np.testing.assert_array_equal(there.numpy(), values)
        there += 1  # its own
        np.testing.assert_array_equal(x.numpy(), values)
    theirs = torch.from_numpy(values.copy())
    np.testing.assert_array_equal(mg.from_dlpack(theirs).numpy(), values)
    shared = mg.from_dlpack(theirs, copy=False)
    assert address(shared.array.data) == theirs.data_ptr()
    with pytest.raises((BufferError, RuntimeError)):
        mg.from_dlpack(theirs.requires_grad_())
