"""Stochastic gradient descent by the paper's rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import numpy as np

from minigrad.device import DeviceArray
from minigrad.tensor import Tensor

__all__ = ["SGD"]


class SGD:
    """Gradient descent with momentum and weight decay (section 5).

    v <- momentum * v - lr * weight_decay * w - lr * gradient;  w <- w + v

    The rate is inside the momentum: when it changes, steps made before keep the rate they were made with. (PyTorch
    multiplies by the rate outside, which differs from this at a change of rate, and only there.)

    Args:
        parameters: tensors that require a gradient, or groups: dicts with "params" and any of "lr", "momentum" and
            "weight_decay" that shall differ from the arguments below.
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
        given = list(parameters)
        if not given:
            raise ValueError("SGD was given no parameters")
        groups = given if all(isinstance(group, dict) for group in given) else [{"params": given}]
        self.param_groups: list[dict[str, Any]] = [self._group(group, defaults) for group in groups]
        self._velocities: dict[int, DeviceArray | None] = {}
        parameter_ids = [id(parameter) for parameter in self._parameters()]
        if len(set(parameter_ids)) < len(parameter_ids):
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
            if not isinstance(parameter, Tensor) or not parameter.requires_grad or parameter._function is not None:
                raise TypeError(f"SGD updates tensors made with requires_grad=True, got {type(parameter).__name__}")
        result = {**defaults, **group, "params": params}
        for name in defaults:
            value = result[name]
            if not isinstance(value, (int, float, np.number)) or not 0 <= value < inf:
                raise ValueError(f"SGD: {name} is a number, 0 or more; got {value!r}")
        return result

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self._parameters():
            parameter.zero_grad()

    def step(self) -> None:
        """Update every parameter that has a gradient, in place, by one fused kernel each."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                w, backend = parameter.array, parameter.device.backend
                velocity = self._velocities.get(id(parameter))
                if velocity is None and group["momentum"]:
                    velocity = backend.full(w.shape, 0, w.dtype, w.device)
                elif velocity is not None and (velocity.device, velocity.dtype) != (w.device, w.dtype):
                    velocity = Tensor(velocity).to(w.device).to(w.dtype).array  # the module was moved by .to
                self._velocities[id(parameter)] = velocity
                gradient = parameter.grad.array
                backend.sgd_update(w, gradient, velocity, group["lr"], group["momentum"], group["weight_decay"])

    def state_dict(self) -> dict[str, np.ndarray]:
        """The velocities on the host, by the parameter's number in order of the groups; rates are not state."""
        return {
            str(number): velocity.device.backend.to_host(velocity)
            for number, parameter in enumerate(self._parameters())
            if (velocity := self._velocities.get(id(parameter))) is not None
        }

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue with the velocities that `state_dict` gave for the same parameters.

        Raises:
            ValueError: a number or a shape does not fit; nothing is changed then.
        """
        parameters = self._parameters()
        velocities: dict[int, DeviceArray | None] = {}
        for name, value in state.items():
            if not name.isdecimal() or int(name) >= len(parameters) or parameters[int(name)].shape != value.shape:
                raise ValueError(f"the velocity {name!r} of shape {value.shape} belongs to no parameter here")
            parameter = parameters[int(name)]
            copy = parameter.device.backend.from_host(value.astype(parameter.dtype), parameter.device)
            velocities[id(parameter)] = copy
        self._velocities = velocities
