"""Random modules, for properties that must hold for any."""

from __future__ import annotations

from hypothesis import strategies as st
from torch import Tensor, nn

CLASSES, STEPS, FEATURES = 3, 4, 6


class Shared(nn.Module):
    """One linear layer that is called twice, and is reached by two names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = self.first

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).tanh())


class Buffered(nn.Module):
    """Buffers of several kinds and a parameter of its own beside a layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)
        self.scale = nn.Parameter(nn.init.ones_(self.linear.weight.new_empty(1, 1, width)))
        self.register_buffer("shift", self.linear.weight.new_full((width,), 0.25))
        self.register_buffer("hidden", self.linear.weight.new_full((width,), 0.5), persistent=False)
        self.register_buffer("count", self.linear.weight.new_zeros(2).long())

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) * self.scale + self.shift + self.hidden


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(x, x, x, need_weights=False)[0]


class Recurrent(nn.Module):
    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.cell = getattr(nn, kind)(width, width, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x)[0]


class Convolution(nn.Module):
    """Along the steps; with normalisation over batches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv1d(width, width, 3, padding=1), nn.BatchNorm1d(width)
        self.back = nn.ConvTranspose1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.back(self.norm(self.convolution(x.transpose(1, 2))).relu()).transpose(1, 2)


KINDS = {
    "linear": lambda width: nn.Sequential(nn.Linear(width, width), nn.ReLU()),
    "shared": Shared,
    "buffered": Buffered,
    "attention": Attention,
    "gru": lambda width: Recurrent(width, "GRU"),
    "lstm": lambda width: Recurrent(width, "LSTM"),
    "convolution": Convolution,
    "norm": nn.LayerNorm,
    "dropout": lambda width: nn.Dropout(0.3),
}


class Network(nn.Module):
    """Samples [n, STEPS, FEATURES]; layers of these kinds; CLASSES outputs."""

    def __init__(self, kinds: tuple[str, ...], frozen: bool = False) -> None:
        super().__init__()
        self.start = nn.Linear(FEATURES, FEATURES)
        self.start.weight.requires_grad_(not frozen)
        self.layers = nn.Sequential(*(KINDS[kind](FEATURES) for kind in kinds))
        self.end = nn.Linear(STEPS * FEATURES, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.layers(self.start(x)).flatten(1))


kinds = st.lists(st.sampled_from(sorted(KINDS)), max_size=4).map(tuple)
