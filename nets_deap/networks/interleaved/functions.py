"""The functions of torch that have a faster way in the layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nets_deap.networks.interleaved.conversion import Enter, Mean, Moved
from nets_deap.networks.interleaved.convolution import Settings
from nets_deap.networks.interleaved.images import HANDLERS, WEIGHTED, Context, Images, Made
from nets_deap.networks.interleaved.layout import MARGIN, Layout
from nets_deap.networks.interleaved.norm import Norm
from nets_deap.networks.interleaved.normalisation import Normalise
from nets_deap.networks.interleaved.passes import Convolution, Convolve, ConvolveNormalised
from nets_deap.networks.interleaved.past import Past
from nets_deap.networks.interleaved.pooling import MaxPool


def _handles(*functions: Any, table: dict[Any, Any] = HANDLERS) -> Callable[[Any], Any]:
    def noted(handler: Any) -> Any:
        table.update(dict.fromkeys(functions, handler))
        return handler

    return noted


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def entered(context: Context, x: Tensor | Images, margin: int = MARGIN) -> Images:
    """x [n, …] in the layout, with a margin that is wide enough."""
    if isinstance(x, Images):
        if x.layout.flat or x.layout.margin >= margin:
            return x
        return moved(x, replace(x.layout, margin=margin))
    layout = Layout(x.shape[0], x.shape[1], flat=True)
    if x.ndim == 4:
        layout = Layout(x.shape[0], x.shape[1], x.shape[2], x.shape[3], margin)
    return Images.of(context, layout, Enter.apply(x, layout, context.arena))


def moved(x: Images, layout: Layout) -> Images:
    return Images.of(x.context, layout, Moved.apply(x.data, x.layout, layout, x.context.arena))


@_handles(torch.conv2d, table=WEIGHTED)
def _convolution(
    context: Context,
    input: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    sparse = context.sparse[id(weight)]
    strides, dilations = _pair(stride), _pair(dilation)
    if isinstance(padding, str):
        reach = [(size - 1) * dilation for size, dilation in zip(sparse.shape[2:], dilations, strict=True)]
        if padding == "same" and any(each % 2 for each in reach):
            input = functional.pad(input, (0, reach[1] % 2, 0, reach[0] % 2))
        padding = [each // 2 for each in reach] if padding == "same" else 0
    settings = Settings(strides, _pair(padding), dilations, groups)
    if input.ndim == 3:  # one image
        return _convolution(context, input.unsqueeze(0), weight, bias, *settings).squeeze(0)
    return _sum(entered(context, input, max(settings.padding)), weight, bias, settings)


@_handles(functional.linear, table=WEIGHTED)
def _linear(context: Context, input: Any, weight: Tensor, bias: Tensor | None = None) -> Any:
    if input.ndim == 2:
        return _sum(entered(context, input), weight, bias, Settings())
    rows = input.plain if isinstance(input, Images) else input
    return _sum(entered(context, rows.reshape(-1, rows.shape[-1])), weight, bias, Settings()).plain.view(
        *rows.shape[:-1], -1
    )


def _sum(x: Images, weight: Tensor, bias: Tensor | None, settings: Settings) -> Images:
    context = x.context
    sparse = context.sparse[id(weight)]
    layouts = x.layout, sparse.output(x.layout, settings)
    given = x.data, sparse.values, bias
    convolution = Convolution(sparse, layouts, settings, x.past, context.arena)
    made = Images(
        context, layouts[1], lambda rectified: (Convolve.apply(*given, convolution, rectified), None)
    )
    made.convolved = convolution, given
    return made


@_handles(functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
def _relu(input: Images, inplace: bool = False) -> Images:
    return input.become(input.rectified()) if inplace else input.rectified()


HANDLERS[torch.relu_] = HANDLERS[Tensor.relu_] = lambda input: _relu(input, inplace=True)


@_handles(functional.batch_norm)
def _batch_norm(
    input: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if not isinstance(input, Images) or input.layout.flat:
        return NotImplemented
    layout, context = input.layout, input.context
    arena = context.arena
    given = (each for each in (weight, bias, running_mean, running_var) if each is not None)
    if any(each.dtype != arena.dtype or not each.is_contiguous() for each in given):
        return NotImplemented
    norm = Norm(layout, arena.dtype, weight, bias)
    running = None if running_mean is None or running_var is None else (running_mean, running_var)
    if not training:
        if torch.is_grad_enabled() or running is None:
            return NotImplemented
        norm.of(input.data)
        norm.take(*running, eps)

        def affine(past: Images | None, rectified: bool) -> Made:
            return norm.apply(None if past is None else past.data, rectified, arena), None

        return Images(context, layout, lambda rectified: affine(None, rectified), affine)
    if layout.samples * layout.rows * layout.cols <= 1:
        return NotImplemented  # torch says what is wrong
    convolution, inputs = input.convolved if input.deferred else (None, ())
    if convolution:
        convolution.forward(inputs[0], inputs[2], norm=norm)
    else:
        norm.of(input.data)
        norm.measure()
    norm.settle(running, momentum, eps)

    def make(past: Images | None, rectified: bool) -> Made:
        own = Past(norm, rectified)
        added, place = (None, None) if past is None else (past.data, past.past)
        given = weight, bias, added
        made: Tensor
        if convolution:
            made = ConvolveNormalised.apply(*inputs, *given, convolution, norm, own, place)
        else:
            made = Normalise.apply(norm.x, *given, norm, own, place, arena)
        return made, own if made.requires_grad else None

    return Images(context, layout, lambda rectified: make(None, rectified), make)


@_handles(torch.add, Tensor.add, Tensor.__add__, Tensor.__radd__)
def _add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    if not (isinstance(input, Images) and isinstance(other, Images)) or alpha != 1:
        return NotImplemented
    if input.shape != other.shape:
        return NotImplemented
    context = input.context
    first, second = (input, other) if input.deferred and input.with_past else (other, input)
    if first.layout != second.layout:
        if first.layout.margin < second.layout.margin and not first.deferred:
            first = moved(first, second.layout)
        else:
            second = moved(second, first.layout)
    if not (first.deferred and first.with_past):
        return Images.of(context, first.layout, first.data + second.data)
    join, past = first.with_past, Images.of(context, second.layout, second.data, second.past)  # as it is now
    return Images(context, first.layout, lambda rectified: join(past, rectified))


@_handles(Tensor.add_, Tensor.__iadd__)
def _add_in_place(input: Any, other: Any, *, alpha: float = 1) -> Any:
    result = _add(input, other, alpha=alpha)
    if result is NotImplemented or not isinstance(input, Images):
        return NotImplemented
    input._data, input._plain, input.layout = result._data, None, result.layout
    input.make, input.with_past, input.past = result.make, result.with_past, result.past
    input.convolved = result.convolved
    return input


@_handles(functional.max_pool2d, torch.max_pool2d)
def _max_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    size = _pair(kernel_size)
    usual = size[0] == size[1] and _pair(stride or size) == size and _pair(padding) == (0, 0)
    if not usual or _pair(dilation) != (1, 1) or ceil_mode or return_indices or input.layout.flat:
        return NotImplemented
    old = input.layout
    if min(old.rows, old.cols) < size[0]:
        return NotImplemented
    new = Layout(old.samples, old.channels, old.rows // size[0], old.cols // size[0])
    return Images.of(input.context, new, MaxPool.apply(input.data, size[0], old, new, input.context.arena))


@_handles(torch.mean, Tensor.mean)
def _mean(input: Images, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    over = {each % 4 for each in dim} if isinstance(dim, (tuple, list)) else set()
    if input.layout.flat or over != {2, 3} or dtype is not None:
        return NotImplemented
    old = input.layout
    flat = Layout(old.samples, old.channels, flat=True)
    mean = Images.of(input.context, flat, Mean.apply(input.data, old, flat, input.context.arena))
    return moved(mean, Layout(old.samples, old.channels)) if keepdim else mean


@_handles(functional.adaptive_avg_pool2d)
def _adaptive_mean(input: Images, output_size: Any) -> Any:
    return _mean(input, (2, 3), keepdim=True) if _pair(output_size) == (1, 1) else NotImplemented


@_handles(functional.avg_pool2d)
def _mean_pool(input: Images, kernel_size: Any, *args: Any, **kwargs: Any) -> Any:
    whole = input.layout.rows, input.layout.cols
    if args or kwargs.get("padding") or _pair(kernel_size) != whole:
        return NotImplemented
    return _mean(input, (2, 3), keepdim=True)


@_handles(torch.flatten, Tensor.flatten)
def _flatten(input: Images, start_dim: int = 0, end_dim: int = -1) -> Any:
    old = input.layout
    if start_dim != 1 or end_dim not in (-1, input.ndim - 1):
        return NotImplemented
    if old.flat:
        return input
    return moved(input, Layout(old.samples, old.channels * old.rows * old.cols, flat=True))


@_handles(Tensor.view, Tensor.reshape, torch.reshape)
def _view(input: Images, *shape: Any) -> Any:
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    rest = prod(input.shape[1:])
    if len(sizes) != 2 or sizes not in {(len(input), -1), (len(input), rest), (-1, rest)}:
        return NotImplemented
    return _flatten(input, 1)


@_handles(Tensor.contiguous, Tensor.clone)
def _same(input: Images, **kwargs: Any) -> Images:
    return Images.of(input.context, input.layout, input.data)


@_handles(functional.dropout, functional.dropout2d)
def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    return NotImplemented if training and p else input


def plain(x: Any) -> Tensor:
    """A tensor [n, …] of what may be in the layout."""
    found: Tensor = x.plain if isinstance(x, Images) else x
    return found
