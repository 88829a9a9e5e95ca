"""Saving what a program wants to find again: tensors, numbers and text in dicts and lists, without pickles."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigrad import checkpoint
from minigrad.arguments import only
from minigrad.arrays import Device
from minigrad.arrays import device as as_device
from minigrad.dtypes import checked_dtype
from minigrad.tensors import Tensor

__all__ = ["load", "save"]

STRUCTURE = "structure"  # the array that holds, as JSON, how the others are put together

Node = dict[str, Any]  # {"dict": [[key, Node], ...]}, {"list": [Node, ...]}, {"value": number or text}, ...


def save(obj: Any, f: str | os.PathLike[str]) -> None:
    """Write an object to the file `f`, under exactly that name, beside it first and then in one step.

    A state is saved as it is, `mg.save(net.state_dict(), "net.mg")`, or with others in a dict: `mg.save({"model":
    net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, "all.mg")`. Inside is a .npz, whose arrays
    `numpy.load` shows by their paths, "model.conv1.weight".

    Args:
        obj: tensors, NumPy arrays, numbers, text, bools and None, in dicts (with text or integers as keys), lists and
            tuples.
        f: name of the file.

    Raises:
        OSError: the file cannot be written; one of that name that was there before is untouched.
        TypeError: something in it is none of these.
    """
    if not isinstance(f, (str, os.PathLike)):
        raise TypeError(f"save writes to a file by its name, got {type(f).__name__}")
    arrays: dict[str, Any] = {}
    try:
        structure = json.dumps(_taken_apart(obj, "", arrays))
    except RecursionError:
        raise ValueError("save: the object is nested too deeply; does a dict or list contain itself?") from None
    checkpoint.save(os.fspath(f), {**arrays, STRUCTURE: np.array(structure)})


def _taken_apart(obj: Any, path: str, arrays: dict[str, Any]) -> Node:
    """How an object is put together, and the arrays that it needs, by name."""
    if isinstance(obj, Mapping):
        for key in obj:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise TypeError(f"save: the keys of a dict are text or integers, got {key!r}")
        return {"dict": [[key, _taken_apart(value, _below(path, key), arrays)] for key, value in obj.items()]}
    if isinstance(obj, (list, tuple)):
        parts = [_taken_apart(value, _below(path, number), arrays) for number, value in enumerate(obj)]
        return {"tuple" if isinstance(obj, tuple) else "list": parts}
    if isinstance(obj, np.generic):
        obj = obj.item()
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return {"value": obj}
    if not isinstance(obj, (Tensor, np.ndarray)) or obj.dtype.kind not in "biufcSU":
        raise TypeError(f"save: {_unfit(obj)}{f' (at {path!r})' if path else ''}")
    name = path or "array"
    while name in arrays or name in (STRUCTURE, checkpoint.CHECKSUM):
        name += "'"
    arrays[name] = obj
    if isinstance(obj, np.ndarray):
        return {"array": name}
    return {"tensor": name, "device": str(obj.device), "requires_grad": obj.requires_grad and obj.grad_fn is None}


def _below(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _unfit(obj: Any) -> str:
    """What to write in the place of an object that cannot be saved."""
    if isinstance(obj, np.ndarray):
        return f"an array of dtype {obj.dtype} would need a pickle; save numbers and text"
    if hasattr(obj, "state_dict"):
        return f"a {type(obj).__name__} is not saved whole, but its state is: save(obj.state_dict(), f)"
    return f"tensors, arrays, numbers, text, dicts and lists are saved, got {type(obj).__name__}"


def load(
    f: str | os.PathLike[str],
    map_location: str | Device | None = None,
    pickle_module: None = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """The object that `save` wrote, its tensors on the devices that they were on.

    Nothing in the file is run, and no more memory is asked for than it is long.

    Args:
        f: name of the file.
        map_location: a device, for all tensors.
        pickle_module, weights_only, mmap: not offered: nothing is pickled, and the file is read whole.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or of another kind, or there is no such device.
    """
    only("load", "pickle_module", pickle_module, None, "there are no pickles in these files")
    only("load", "weights_only", weights_only is not False, True, "files hold tensors, numbers and text, never objects")
    only("load", "mmap", mmap or None, None, "the file is read whole")
    if not isinstance(f, (str, os.PathLike)):
        raise TypeError(f"load reads a file by its name, got {type(f).__name__}")
    where = None if map_location is None else as_device(map_location)
    arrays = _read(os.fspath(f))
    try:
        return _put_together(json.loads(str(arrays.pop(STRUCTURE))), arrays, where)
    except (LookupError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"{f} is not a file of mg.save, or a damaged one ({error!r})") from None


def _read(path: str) -> dict[str, np.ndarray]:
    """The arrays of a file of `save`."""
    try:
        arrays = checkpoint.load(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except ValueError as error:
        raise ValueError(f"{error}; load reads what mg.save wrote, no pickles of other programs") from None
    if STRUCTURE not in arrays:
        raise ValueError(f"{path} holds arrays alone; read it with mg.checkpoint.load")
    return arrays


def _put_together(node: Node, arrays: dict[str, np.ndarray], where: Device | None) -> Any:
    """The object that `_taken_apart` took apart; each array is used once, so that memory stays that of the file."""
    if "value" in node:
        return node["value"]
    if "dict" in node:
        return {entry[0]: _put_together(entry[1], arrays, where) for entry in node["dict"]}
    for kind in (list, tuple):
        if kind.__name__ in node:
            return kind(_put_together(value, arrays, where) for value in node[kind.__name__])
    if "array" in node:
        return arrays.pop(node["array"])
    values = arrays.pop(node["tensor"])
    checked_dtype(values.dtype)
    try:
        device = where or as_device(node["device"])
    except ValueError as error:
        raise ValueError(f"{error}; load(f, map_location='cpu') puts the tensors there") from None
    return Tensor(device.backend.from_host(values, device), bool(node["requires_grad"]))
