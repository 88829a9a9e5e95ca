"""Stochastic gradient descent by the paper's rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.arrays import DeviceArray
from minigrad.tensors import Tensor

__all__ = ["SGD"]


class SGD:
    """Gradient descent with momentum and weight decay (section 5).

    v <- momentum * v - lr * weight_decay * w - lr * gradient;  w <- w + v

    The rate is inside the momentum: when it changes, steps made before keep the rate they were made with. (PyTorch
    multiplies by the rate outside, which differs from this at a change of rate, and only there.)

    Args:
        parameters: tensors (those that require no gradient are left alone), or groups: dicts with "params" and any of
            "lr", "momentum" and "weight_decay" that shall differ from the arguments below.
        lr: learning rate.
        momentum: how much of the last step is kept.
        weight_decay: pull of the weights towards 0.

    Attributes:
        param_groups: the groups; change their "lr" to change the rate.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        if isinstance(parameters, Tensor) or not isinstance(parameters, Iterable):
            given_type = type(parameters).__name__
            raise TypeError(f"SGD takes a list of tensors or of groups, such as model.parameters(); got {given_type}")
        given = list(parameters)
        if not given:
            raise ValueError("SGD was given no parameters")
        groups = given if all(isinstance(group, dict) for group in given) else [{"params": given}]
        self.param_groups: list[dict[str, Any]] = [self._group(group, defaults) for group in groups]
        self._velocities: dict[int, DeviceArray] = {}  # by the parameter's number, in order of the groups
        if len({id(parameter) for parameter in self._parameters()}) < len(self._parameters()):
            raise ValueError("SGD was given a parameter twice")

    @staticmethod
    def _group(group: Any, defaults: dict[str, float]) -> dict[str, Any]:
        unknown = set(group) - {"params"} - set(defaults)
        if "params" not in group or unknown:
            raise ValueError(
                f"a parameter group has 'params' and may have 'lr', 'momentum', 'weight_decay'; got {sorted(group)}"
            )
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        for parameter in params:
            if not isinstance(parameter, Tensor):
                raise TypeError(f"SGD updates tensors, got {type(parameter).__name__}")
            if parameter.grad_fn is not None or parameter.dtype.kind != "f":
                raise TypeError("SGD updates float32 and float64 tensors that were not computed from others")
        result = {**defaults, **group, "params": params}
        for name in defaults:
            value = result[name]
            if not isinstance(value, (int, float, np.number)) or not 0 <= value < inf:
                raise ValueError(f"SGD: {name} is a number, 0 or more; got {value!r}")
        return result

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; or make them 0, if they are to stay tensors."""
        for parameter in self._parameters():
            parameter.zero_grad(set_to_none)

    def step(self) -> None:
        """Give every parameter that has a gradient its next value, by one primitive each.

        Those that no longer require one are frozen: they keep their value.
        """
        number = -1
        for group in self.param_groups:
            rates = group["lr"], group["momentum"], group["weight_decay"]
            for parameter in group["params"]:
                number += 1
                if parameter.grad is not None and parameter.requires_grad:
                    velocity = self._velocity(number, parameter) if group["momentum"] else None
                    update = parameter.device.backend.sgd_update
                    parameter.array = update(parameter.array, parameter.grad.array, velocity, *rates)

    def _velocity(self, number: int, parameter: Tensor) -> DeviceArray:
        """The velocity of a parameter where that is now, in its dtype and memory order; zeros at first."""
        w, backend = parameter.array, parameter.device.backend
        velocity = self._velocities.get(number)
        if velocity is None:
            velocity = backend.full(w.shape, 0, w.dtype, w.device)
        elif (velocity.device, velocity.dtype) != (w.device, w.dtype):
            velocity = Tensor(velocity).to(w.device).to(w.dtype).array  # the module was moved by .to
        self._velocities[number] = backend.reorder(velocity, w.chwn)
        return self._velocities[number]

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the velocities on the host, named as by `velocities`; rates are not state."""
        return {name: velocity.numpy() for name, velocity in self.velocities().items()}

    def velocities(self) -> dict[str, Tensor]:
        """The velocity of each parameter that has one, by the parameter's number in order of the groups.

        They are the ones that the next step changes, not copies.
        """
        return {str(number): Tensor(velocity) for number, velocity in sorted(self._velocities.items())}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Continue with the velocities that `state_dict` gave for the same parameters.

        Raises:
            ValueError: a number or a shape does not fit; nothing is changed then.
        """
        parameters = self._parameters()
        velocities: dict[int, DeviceArray] = {}
        for name, given in state.items():
            value = np.asarray(given)
            if not str(name).isdecimal() or int(name) >= len(parameters) or parameters[int(name)].shape != value.shape:
                raise ValueError(f"the velocity {name!r} of shape {value.shape} belongs to no parameter here")
            parameter = parameters[int(name)]
            copy = parameter.device.backend.from_host(value.astype(parameter.dtype), parameter.device)
            velocities[int(name)] = copy
        self._velocities = velocities
