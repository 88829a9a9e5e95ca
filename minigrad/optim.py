"""Optimisers: stochastic gradient descent, by the paper's rule or by PyTorch's, and Adam."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minigrad.arguments import only
from minigrad.arrays import DeviceArray, quiet
from minigrad.not_offered import in_class, in_module
from minigrad.tensors import Tensor

__all__ = ["SGD", "Adam", "Optimizer"]

if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "optim")

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimizer:
    """What optimisers share: groups of parameters with rates of their own, and what is kept for each parameter.

    Attributes:
        param_groups: the groups; change their "lr" to change the rate.
    """

    _kept: tuple[str, ...]  # the names of the arrays that are kept for a parameter

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        kind = type(self).__name__
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            given_type = type(params).__name__
            raise TypeError(
                f"{kind} takes a list of tensors or of groups, such as model.parameters(); got {given_type}"
            )
        given: list[Any] = list(params)
        if not given:
            raise ValueError(f"{kind} was given no parameters")
        groups = given if all(isinstance(group, dict) for group in given) else [{"params": given}]
        self._defaults = defaults
        self.param_groups: list[dict[str, Any]] = [self._group(group) for group in groups]
        self._state: dict[int, dict[str, Any]] = {}  # by the parameter's number, in order of the groups
        if len({id(parameter) for parameter in self._parameters()}) < len(self._parameters()):
            raise ValueError(f"{kind} was given a parameter twice")

    def _group(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """A group with all its settings, checked."""
        kind, defaults = type(self).__name__, self._defaults
        if "params" not in group or set(group) - {"params"} - set(defaults):
            known = ", ".join(repr(name) for name in defaults)
            raise ValueError(f"a parameter group has 'params' and may have {known}; got {sorted(group)}")
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        for parameter in params:
            if not isinstance(parameter, Tensor):
                raise TypeError(f"{kind} updates tensors, got {type(parameter).__name__}")
            if parameter.grad_fn is not None or parameter.dtype.kind != "f":
                raise TypeError(f"{kind} updates float32 and float64 tensors that were not computed from others")
        result = {**defaults, **group, "params": params}
        for name in defaults:
            self._check_setting(name, result[name])
        return result

    def _check_setting(self, name: str, value: Any) -> None:
        if not isinstance(value, (int, float, np.number)) or not 0 <= value < inf:
            raise ValueError(f"{type(self).__name__}: {name} is a number, 0 or more; got {value!r}")

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; or make them 0, if they are to stay tensors."""
        for parameter in self._parameters():
            parameter.zero_grad(set_to_none)

    @quiet
    def step(self, closure: None = None) -> None:
        """Give every parameter that has a gradient its next value.

        Those that no longer require one are frozen: they keep their value.
        """
        only(f"{type(self).__name__}.step", "closure", closure, None, "compute loss and gradients before step()")
        number = -1
        for group in self.param_groups:
            for parameter in group["params"]:
                number += 1
                if parameter.grad is not None and parameter.requires_grad:
                    parameter.array = self._next(number, parameter, parameter.grad.array, group)

    def _next(self, number: int, parameter: Tensor, gradient: DeviceArray, group: Mapping[str, Any]) -> DeviceArray:
        """The next value of the parameter of that number."""
        raise TypeError(f"{type(self).__name__} defines no rule")

    def _array(self, number: int, name: str, parameter: Tensor) -> DeviceArray:
        """What is kept for a parameter, where that is now, in its dtype and memory order; zeros at first."""
        w, backend = parameter.array, parameter.device.backend
        state = self._state.setdefault(number, {})
        kept = state.get(name)
        if kept is None:
            kept = backend.full(w.shape, 0, w.dtype, w.device)
        elif (kept.device, kept.dtype) != (w.device, w.dtype):
            kept = Tensor(kept).to(w.device).to(w.dtype).array  # the module was moved by .to
        state[name] = backend.reorder(kept, w.chwn)
        return state[name]

    if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
        __getattr__ = in_class("Optimizer")

    # state

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` goes on from: copies of all that is kept, and the settings of the groups.

        Returns:
            "state": by the parameter's number in order of the groups, what is kept for it, tensors by name;
            "param_groups": the groups' settings, with the numbers of their "params".
        """
        state = {
            number: {name: self._copied(value) for name, value in kept.items()}
            for number, kept in sorted(self._state.items())
        }
        groups, count = [], 0
        for group in self.param_groups:
            numbers = list(range(count, count + len(group["params"])))
            groups.append({**group, "params": numbers})
            count += len(numbers)
        return {"state": state, "param_groups": groups}

    @staticmethod
    def _copied(value: Any) -> Any:
        """A tensor with a copy of an array, which the next step may change; another value as it is."""
        return Tensor(value.device.backend.copy_to(value, value.device)) if isinstance(value, DeviceArray) else value

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave for as many parameters of the same shapes; rates are set too.

        Raises:
            ValueError: something does not fit; nothing is changed then.
        """
        kind = type(self).__name__
        if not isinstance(state_dict, Mapping) or {"state", "param_groups"} != set(state_dict):
            raise ValueError(f"{kind}: a state has 'state' and 'param_groups', as state_dict() gives it")
        sizes = [len(group["params"]) for group in self.param_groups]
        given = [len(group.get("params", ())) for group in state_dict["param_groups"]]
        if sizes != given:
            raise ValueError(f"{kind}: the state has groups of {given} parameters, this optimiser of {sizes}")
        groups = [
            self._group({**saved, "params": group["params"]})
            for saved, group in zip(state_dict["param_groups"], self.param_groups, strict=True)
        ]
        state = {int(number): self._loaded(number, kept) for number, kept in state_dict["state"].items()}
        for group, loaded in zip(self.param_groups, groups, strict=True):
            group.update(loaded)
        self._state = state

    def _loaded(self, number: Any, kept: Mapping[str, Any]) -> dict[str, Any]:
        """What a state keeps for the parameter of that number, on its device and in its dtype."""
        parameters = self._parameters()
        if not str(number).isdecimal() or int(number) >= len(parameters):
            raise ValueError(f"the state has the parameter {number!r}, of 0 to {len(parameters) - 1} here")
        if set(kept) != set(self._kept):
            raise ValueError(
                f"the state of parameter {number} holds {sorted(kept)}, and {type(self).__name__} keeps "
                f"{sorted(self._kept)}"
            )
        return {name: self._checked(number, name, value, parameters[int(number)]) for name, value in kept.items()}

    def _checked(self, number: Any, name: str, given: npt.ArrayLike, parameter: Tensor) -> Any:
        """One value of a state: an array like the parameter."""
        value = np.asarray(given)
        if value.shape != parameter.shape or value.dtype.kind not in "fiu":
            raise ValueError(
                f"the {name} {str(number)!r} of shape {value.shape} and dtype {value.dtype} belongs to no parameter "
                f"of shape {parameter.shape}"
            )
        return parameter.device.backend.from_host(value.astype(parameter.dtype), parameter.device)


class SGD(Optimizer):
    """Gradient descent with momentum and weight decay (section 5).

    v <- momentum * v - lr * weight_decay * w - lr * gradient;  w <- w + v

    In the paper's rule the rate is inside the momentum: when it changes, steps made before keep the rate they were made
    with. `rule="pytorch"` multiplies by the rate outside, as PyTorch does, which differs from this at a change of rate,
    and only there: b <- momentum * b + weight_decay * w + gradient;  w <- w - lr * b

    Args:
        params: tensors (those that require no gradient are left alone), or groups: dicts with "params" and any of
            "lr", "momentum" and "weight_decay" that shall differ from the arguments below.
        lr: learning rate.
        momentum: how much of the last step is kept.
        dampening, nesterov, maximize, differentiable: not offered; PyTorch has them.
        weight_decay: pull of the weights towards 0.
        foreach, fused: choose among PyTorch's implementations; here a step is always one primitive a parameter.
        rule: "paper" or "pytorch".
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        rule: str = "paper",
    ) -> None:
        only(
            "SGD", "dampening", dampening, 0, "weight_decay, which comes after it, is given by name: weight_decay=5e-4"
        )
        only("SGD", "nesterov", nesterov, False, "momentum alone is: leave it False")
        _no_modes("SGD", maximize, differentiable)
        if rule not in ("paper", "pytorch"):
            raise ValueError(f"SGD: rule is 'paper' or 'pytorch', got {rule!r}")
        self.rule = rule
        self._kept = ("velocity",) if rule == "paper" else ("momentum_buffer",)
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def _next(self, number: int, parameter: Tensor, gradient: DeviceArray, group: Mapping[str, Any]) -> DeviceArray:
        w, backend = parameter.array, parameter.device.backend
        lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
        (name,) = self._kept
        kept = self._array(number, name, parameter) if momentum else None
        if self.rule == "paper" or kept is None:
            return backend.sgd_update(w, gradient, kept, lr, momentum, decay)
        backend.sgd_update(w, gradient, kept, -1.0, momentum, decay)  # for what it makes of the buffer
        return backend.add(w, backend.scale(kept, -lr))

    def velocities(self) -> dict[str, Tensor]:
        """The velocity of each parameter that has one, by the parameter's number in order of the groups.

        They are the ones that the next step changes, not copies.
        """
        return {str(number): Tensor(kept[self._kept[0]]) for number, kept in sorted(self._state.items())}

    def load_velocities(self, velocities: Mapping[str, npt.ArrayLike]) -> None:
        """Go on with what `velocities` gave for the same parameters.

        Raises:
            ValueError: a number or a shape does not fit; nothing is changed then.
        """
        (name,) = self._kept
        self._state = {int(number): self._loaded(number, {name: value}) for number, value in velocities.items()}


class Adam(Optimizer):
    """Gradient descent by running means of the gradient and of its square (Kingma and Ba, 2015).

    m <- beta1 * m + (1 - beta1) * g;  v <- beta2 * v + (1 - beta2) * g^2, with g = gradient + weight_decay * w
    w <- w - lr * m' / (sqrt(v') + eps), with m' = m / (1 - beta1^step) and v' = v / (1 - beta2^step)

    m and v start at 0, which is what m' and v' make up for.

    Args:
        params: tensors, or groups, as for `SGD`; groups may have "lr", "betas", "eps" and "weight_decay".
        lr: learning rate, about the size of a step.
        betas: (beta1, beta2), how much of the means is kept at a step.
        eps: keeps the quotient finite where gradients are 0.
        weight_decay: pull of the weights towards 0, a part of the gradient.
        amsgrad, maximize, capturable, differentiable, decoupled_weight_decay: not offered; PyTorch has them.
        foreach, fused: choose among PyTorch's implementations; here a step is always one primitive a parameter.
    """

    _kept = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        only("Adam", "amsgrad", amsgrad, False, "Adam without it is: leave it False")
        _no_modes("Adam", maximize, differentiable)
        only("Adam", "capturable", capturable, False, "there are no graphs of kernels to capture: leave it False")
        only(
            "Adam",
            "decoupled_weight_decay",
            decoupled_weight_decay,
            False,
            "before a step, under mg.no_grad(): p *= 1 - lr * weight_decay",
        )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _check_setting(self, name: str, value: Any) -> None:
        if name != "betas":
            super()._check_setting(name, value)
        elif (
            not isinstance(value, (tuple, list))
            or len(value) != 2
            or not all(isinstance(beta, (int, float, np.number)) and 0 <= beta < 1 for beta in value)
        ):
            raise ValueError(f"Adam: betas are two numbers, each 0 or more and less than 1; got {value!r}")

    def _next(self, number: int, parameter: Tensor, gradient: DeviceArray, group: Mapping[str, Any]) -> DeviceArray:
        state = self._state.setdefault(number, {"step": 0})
        m, v = (self._array(number, name, parameter) for name in ("exp_avg", "exp_avg_sq"))
        settings = group["lr"], group["betas"], group["eps"], group["weight_decay"]
        step = state["step"] + 1
        w = parameter.device.backend.adam_update(parameter.array, gradient, m, v, *settings, step)
        state["step"] = step
        return w

    def _checked(self, number: Any, name: str, given: npt.ArrayLike, parameter: Tensor) -> Any:
        if name != "step":
            return super()._checked(number, name, given, parameter)
        value = np.asarray(given)  # PyTorch keeps it in a float tensor
        if value.shape != () or value.dtype.kind not in "fiu" or not 0 <= value < 2**53 or value % 1:
            raise ValueError(f"the step of parameter {number} is a whole number, 0 or more; got {given!r}")
        return int(value)


def _no_modes(name: str, maximize: Any, differentiable: Any) -> None:
    """Refuse two of PyTorch's modes of any optimiser."""
    only(name, "maximize", maximize, False, "differentiate the negative: (-loss).backward()")
    only(name, "differentiable", differentiable, False, "there are first derivatives only")
