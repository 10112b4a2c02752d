"""Trace the steps that a module computes."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, fx, nn

from nets_deap.models.making import aliases


class _Tracer(fx.Tracer):
    """Modules without children, and torch's own, are steps of the graph."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return not any(module.children()) or super().is_leaf_module(module, name)


class _Shapes(fx.Interpreter):
    """Runs a graph and notes the shape of each tensor; torch's own class for it takes a second to import."""

    def run_node(self, node: fx.Node) -> Any:
        result = super().run_node(node)
        if isinstance(result, Tensor):
            node.meta["shape"] = tuple(result.shape)
        return result


def traced(module: nn.Module, x: Tensor) -> fx.GraphModule | None:
    """What a module computes in training as in evaluation, step by step, with the shape of each tensor in
    `meta`; None if nobody can tell.

    x: two samples
    """
    copied = copy.deepcopy(module).eval()
    hooked = any(each._forward_hooks or each._forward_pre_hooks for each in copied.modules())
    if hooked or any(len(places) > 1 for places in aliases(copied).values()):
        return None
    try:
        in_training = _steps(_Tracer().trace(copied.train()))
        graph = _Tracer().trace(copied.eval())
        if _steps(graph) != in_training:
            return None
        whole = fx.GraphModule(copied, graph)
        with torch.no_grad():
            _Shapes(whole).run(x)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception:  # a module that decides by its data, or does anything else that cannot be traced
        return None
    return whole


def _steps(graph: fx.Graph) -> list[Any]:
    """What a graph computes, whatever the constants."""
    return [(node.op, str(node.target), [each.name for each in node.all_input_nodes]) for node in graph.nodes]


def shape_of(node: Any, default: Any = ()) -> Any:
    """The shape of what a node of `traced` puts out; `default` for what is no tensor."""
    return node.meta.get("shape", default) if isinstance(node, fx.Node) else default
