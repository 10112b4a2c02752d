from __future__ import annotations

import numpy as np
import pytest
import torch

from nets_deap.individuals.genome import Genome, initGenome
from nets_deap.models.architecture import Architecture
from nets_deap.models.initialisers import initial_std
from nets_deap.models.registry import build
from nets_deap.models.zoo.perceptrons import perceptron
from nets_deap.networks.backends import make_network
from nets_deap.networks.kernels import library
from nets_deap.networks.masked_mlp import MaskedMLP
from nets_deap.networks.masked_module import MaskedModule
from nets_deap.networks.sparse_mlp import SparseMLP
from nets_deap.problem.optimizer import OPTIMIZERS
from nets_deap.problem.recipe import Recipe
from tests.architectures import drawn_extras, mlp, of

LENET = build("lenet-300-100", (1, 5, 5), 10)
BIASED = mlp((1, 5, 5), (300, 100), 10, bias=True)
pytestmark = pytest.mark.skipif(
    not library.available(), reason="no C compiler was at hand when the package was installed"
)
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


WIDTHS = ["basic", "avx2", "avx512"]
if library.available():
    WIDTHS = WIDTHS[: WIDTHS.index(library.best_variant()) + 1]


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every width of vectors that this processor can run, one after the other."""
    monkeypatch.setattr(library, "best_variant", lambda: request.param)


def fresh(density: float, architecture: Architecture = LENET) -> Genome:
    std = initial_std(architecture.layout, "kaiming")
    return initGenome(std, density, rng=np.random.default_rng(0))


def minibatch(samples: int, architecture: Architecture = LENET, dtype: torch.dtype = torch.float64):
    generator = torch.Generator().manual_seed(samples)
    x = torch.randn(samples, *architecture.input_shape, generator=generator, dtype=dtype)
    return x, architecture.targets(torch.arange(samples) % architecture.outputs, dtype)


@pytest.mark.usefixtures("width")
def test_a_step_worked_by_hand() -> None:
    # Two inputs, two hidden units, two outputs; the weight from input 1 to hidden unit 0 is pruned.
    architecture = mlp((2,), (2,), 2, "relu", "cross-entropy")
    weights = np.array([1, 9, 2, -1, np.log(3), 1, 0, 1], dtype=np.float32)
    mask = np.array([1, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
    network = SparseMLP(architecture, weights, mask, Recipe("sgd", lr=0.1))
    # Hidden: ReLU(1) = 1 and ReLU(2 − 3) = 0. Outputs ln 3 and 0: softmax 3/4 and 1/4.
    network.step(torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 0.0]]))
    np.testing.assert_allclose(network.outputs, [[np.log(3), 0]], rtol=1e-6)
    # Errors: −1/4 and 1/4 at the outputs, −ln 3 / 4 at hidden unit 0; hidden unit 1 is off.
    expected = [1 + np.log(3) / 40, 0, 2, -1, np.log(3) + 1 / 40, 1, -1 / 40, 1]
    np.testing.assert_allclose(network.weights(), expected, rtol=1e-6)


@pytest.mark.usefixtures("width")
def test_a_step_with_biases_worked_by_hand() -> None:
    # The same; hidden unit 1 has the bias 3, and output 1 has ln 3.
    architecture = mlp((2,), (2,), 2, "relu", "cross-entropy", bias=True)
    weights = np.array([1, 9, 2, -1, np.log(3), 1, 0, 1], dtype=np.float32)
    mask = np.array([1, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
    biases = np.array([0, 3, 0, np.log(3)], dtype=np.float32)
    network = SparseMLP(architecture, weights, mask, Recipe("sgd", lr=0.1), extras=biases)
    # Hidden: ReLU(1) = 1 and ReLU(2 − 3 + 3) = 2. Outputs ln 3 + 2 twice: softmax one half each.
    network.step(torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 0.0]]))
    np.testing.assert_allclose(network.outputs, [[np.log(3) + 2, np.log(3) + 2]], rtol=1e-6)
    # Errors: −1/2 and 1/2 at the outputs, −ln 3 / 2 at hidden unit 0, 0 at hidden unit 1.
    expected = [1 + np.log(3) / 20, 0, 2, -1, np.log(3) + 1 / 20, 1 + 1 / 10, -1 / 20, 1 - 1 / 10]
    np.testing.assert_allclose(network.weights(), expected, rtol=1e-6)
    expected = [np.log(3) / 20, 3, 1 / 20, np.log(3) - 1 / 20]
    np.testing.assert_allclose(network.extras(), expected, rtol=1e-6)


@pytest.mark.usefixtures("width")
@DTYPES
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_activations_of_any_number(activation: str, dtype: torch.dtype) -> None:
    architecture = of(lambda: perceptron([1, 1, 1], activation), (1,), 1, "mse")
    network = SparseMLP(architecture, np.ones(2, np.float32), np.ones(2, bool), Recipe(), dtype)
    steps = torch.linspace(-12, 12, 4001, dtype=dtype)
    x = torch.cat([steps, 10 ** (steps - 12), torch.tensor([torch.inf, -torch.inf, torch.nan, -0.0, 1e30])])
    expected = getattr(torch, activation)(x).to(dtype)
    within = 4e-7 if dtype == torch.float32 else 1e-15
    close = {"rtol": within, "atol": within if activation == "sigmoid" else 0, "equal_nan": True}
    torch.testing.assert_close(network.forward(x[:, None].to(dtype))[:, 0], expected, **close)


@pytest.mark.usefixtures("width")
@DTYPES
@pytest.mark.parametrize("units", [1, 8, 16, 25, 33])
@pytest.mark.parametrize("samples", [1, 8, 16, 31, 32, 64, 65, 100, 130])
def test_samples_in_blocks(samples: int, units: int, dtype: torch.dtype) -> None:
    architecture = mlp((units,), (4,), 3, "relu", "cross-entropy")
    genome = fresh(0.5, architecture)
    network = SparseMLP(architecture, genome.weights, genome.mask, Recipe(), dtype)
    x = torch.randn(samples, units, dtype=dtype)
    network.forward(x)
    blocks = network._batch(samples).x
    assert blocks.shape == (-(-samples // network.block), units, network.block)
    in_order = blocks.transpose(1, 2).flatten(0, 1)
    assert in_order[:samples].equal(x)
    assert in_order[samples:].eq(0).all()


@DTYPES
@pytest.mark.parametrize("density", [0.0, 0.001, 0.02, 1.0])
@pytest.mark.usefixtures("width")
@pytest.mark.parametrize("architecture", [LENET, BIASED], ids=["plain", "biased"])
def test_any_density_and_empty_layers(architecture: Architecture, density: float, dtype: torch.dtype) -> None:
    genome = fresh(density)
    arguments = (architecture, genome.weights, genome.mask, Recipe("adam", lr=0.01))
    more = {"dtype": dtype, "extras": drawn_extras(architecture)}
    ours, reference = SparseMLP(*arguments, **more), MaskedModule(*arguments, **more)
    for samples in (60, 60, 13):
        x, targets = minibatch(samples, dtype=dtype)
        ours.step(x, targets)
        reference.step(x, targets)
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(ours.weights(), reference.weights(), **tolerance)
    np.testing.assert_allclose(ours.extras(), reference.extras(), **tolerance)
    assert torch.allclose(ours.forward(x), reference.forward(x), **tolerance)


def test_samples_that_do_not_lie_in_a_row() -> None:
    genome = fresh(0.3)
    networks = [SparseMLP(LENET, genome.weights, genome.mask, Recipe("sgd", lr=0.1)) for _ in range(2)]
    x, targets = minibatch(8, dtype=torch.float32)
    networks[0].step(x, targets)
    networks[1].step(x.transpose(2, 3).contiguous().transpose(2, 3), targets.t().contiguous().t())
    assert (networks[0].weights() == networks[1].weights()).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_that_diverges_is_seen_to(optimizer: str) -> None:
    genome = fresh(0.3)
    network = SparseMLP(LENET, genome.weights, genome.mask, Recipe(optimizer, lr=1e30))
    for _ in range(4):
        network.step(*minibatch(8, dtype=torch.float32))
    assert not torch.isfinite(network.forward(minibatch(8, dtype=torch.float32)[0])).all()


@pytest.mark.usefixtures("width")
@DTYPES
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("hidden", [(), (3,), (6, 16), (7, 40, 33), (64, 100)])
def test_dense_and_sparse_layers_of_any_width(
    hidden: tuple[int, ...], optimizer: str, dtype: torch.dtype
) -> None:
    architecture = mlp((17,), hidden, 5, "relu", "cross-entropy")
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.3, architecture.layout.size).astype(np.float32)
    parts = [
        rng.random(shape) < (0.1 if i % 2 else 0.7) for i, shape in enumerate(architecture.layout.shapes)
    ]
    mask = np.concatenate([part.ravel() for part in parts])
    for inverted in (False, True):  # dense below sparse, and the other way round
        arguments = (architecture, weights, mask ^ inverted, Recipe(optimizer, lr=0.01))
        ours, reference = SparseMLP(*arguments, dtype), MaskedModule(*arguments, dtype=dtype)
        for samples in (60, 60, 70):
            x, targets = minibatch(samples, architecture, dtype)
            ours.step(x, targets)
            reference.step(x, targets)
        close = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
        np.testing.assert_allclose(ours.weights(), reference.weights(), **close)
        assert (ours.weights()[~(mask ^ inverted)] == 0).all()


def test_the_compiled_way_is_taken_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    units = np.arange(LENET.layout.shapes[0][0]) % 2 == 0  # half of the first hidden layer
    first, second, third = LENET.layout.shapes
    parts = [np.outer(units, np.ones(first[1])), np.outer(np.ones(second[0]), units), np.ones(third)]
    structured = np.concatenate([part.ravel() for part in parts]).astype(bool)

    def taken(density: float, batch_size: int = 60, mask: np.ndarray | None = None) -> type:
        genome = fresh(density)
        mask = genome.mask if mask is None else mask
        return type(make_network(LENET, genome.weights, mask, Recipe(batch_size=batch_size)))

    monkeypatch.setattr(library, "best_variant", lambda: "avx512")
    assert taken(0.05) is taken(1.0) is taken(0.05, 0) is taken(0.05, 8) is SparseMLP
    assert taken(0.2, 0) is taken(1.0, 1024) is MaskedMLP  # too large for the caches
    assert taken(0.2, 8) is MaskedMLP  # 56 of a block's 64 samples are padding
    assert taken(1.0, mask=structured) is MaskedMLP  # which leaves the other half out
    monkeypatch.setattr(library, "best_variant", lambda: "avx2")
    assert taken(0.2) is SparseMLP
    assert taken(0.6) is MaskedMLP


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_other_number_types_and_sigmoids_are_torchs(dtype: torch.dtype) -> None:
    genome = fresh(0.05)
    arguments = (LENET, genome.weights, genome.mask, Recipe())
    assert type(make_network(*arguments, dtype=dtype)) is MaskedMLP
    with pytest.raises(ValueError, match="no kernels for"):
        SparseMLP(*arguments, dtype)
    sigmoids = build("mlp-10", (2,), 2)
    genome = fresh(0.05, sigmoids)
    assert type(make_network(sigmoids, genome.weights, genome.mask, Recipe())) is MaskedMLP


def test_what_does_not_fit_is_refused() -> None:
    genome = fresh(0.2)
    network = SparseMLP(LENET, genome.weights, genome.mask, Recipe())
    x, targets = minibatch(8, dtype=torch.float32)
    for wrong in ((x.double(), targets), (x[..., :4], targets), (x, targets[:, :9]), (x, targets[:3])):
        with pytest.raises(ValueError, match=r"expected|samples with"):
            network.step(*wrong)


@DTYPES
@pytest.mark.usefixtures("width")
@pytest.mark.parametrize("density", [0.1, 0.6, 1.0])
def test_a_minibatch_read_out_of_more_samples(density: float, dtype: torch.dtype) -> None:
    genome = fresh(density)
    networks = [SparseMLP(LENET, genome.weights, genome.mask, Recipe(lr=0.1), dtype) for _ in range(2)]
    x, targets = minibatch(200, dtype=dtype)
    order = np.random.default_rng(0).permutation(200)
    for chosen in (order[:60], order[60:130], order[130:]):
        networks[0].step(x, targets, chosen)
        networks[1].step(x[chosen], targets[chosen])
        assert networks[0].outputs.equal(networks[1].outputs)
    assert (networks[0].weights() == networks[1].weights()).all()
    networks[0].step(x, targets, order[:120:2])  # no row of memory
    networks[1].step(x[order[:120:2]], targets[order[:120:2]])
    assert (networks[0].weights() == networks[1].weights()).all()


@pytest.mark.parametrize("place", [-1, 8])
def test_a_place_outside_of_the_samples_is_refused_and_nothing_done(place: int) -> None:
    genome = fresh(0.2)
    network = SparseMLP(LENET, genome.weights, genome.mask, Recipe())
    with pytest.raises(ValueError, match=r"must lie in 0 … 7"):
        network.step(*minibatch(8, dtype=torch.float32), np.array([0, place]))
    assert (network.weights() == np.where(genome.mask, genome.weights, 0)).all()


def test_places_are_whole_numbers_in_a_row() -> None:
    genome = fresh(0.2)
    network = SparseMLP(LENET, genome.weights, genome.mask, Recipe())
    pair = minibatch(8, dtype=torch.float32)
    for wrong in (np.array([True, False]), np.array([0.9]), np.array([[0, 1]]), np.array([0], np.int32)):
        with pytest.raises(ValueError, match=r"expected a minibatch's places as int64\[b\]"):
            network.step(*pair, wrong)
    with pytest.raises(ValueError, match="without samples"):
        network.step(*pair, np.array([], np.int64))


def test_samples_are_read_anew_in_every_step() -> None:
    genome = fresh(0.3)
    networks = [SparseMLP(LENET, genome.weights, genome.mask, Recipe("sgd", lr=0.1)) for _ in range(2)]
    buffer = torch.randn(25, 8)
    targets = minibatch(8, dtype=torch.float32)[1]
    for i in range(3):
        networks[0].step(buffer.t(), targets)  # no row of memory: copied
        networks[1].step(buffer.t().contiguous(), targets)
        buffer.copy_(torch.randn(25, 8, generator=torch.Generator().manual_seed(i)))
    assert (networks[0].weights() == networks[1].weights()).all()


@pytest.mark.usefixtures("width")
@DTYPES
@pytest.mark.parametrize("units", [3, 9, 17, 31, 33, 49, 63, 65, 100, 127])
def test_dense_gradients_of_layers_of_any_width(units: int, dtype: torch.dtype) -> None:
    architecture = mlp((units,), (7,), 3, "relu", "cross-entropy")
    genome = fresh(1.0, architecture)
    arguments = (architecture, genome.weights, genome.mask, Recipe(lr=0.1))
    ours, reference = SparseMLP(*arguments, dtype), MaskedModule(*arguments, dtype=dtype)
    x, targets = minibatch(70, architecture, dtype)
    ours.step(x, targets)
    reference.step(x, targets)
    close = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(ours.weights(), reference.weights(), **close)


def test_outputs_belong_to_the_caller() -> None:
    genome = fresh(0.2)
    network = SparseMLP(LENET, genome.weights, genome.mask, Recipe())
    first = network.forward(minibatch(8, dtype=torch.float32)[0])
    before = first.clone()
    network.forward(torch.zeros(8, 1, 5, 5))
    assert first.equal(before)


def test_without_the_kernels_the_dense_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "library", lambda: None)
    genome = fresh(0.05)
    assert type(make_network(LENET, genome.weights, genome.mask, Recipe())) is MaskedMLP
    with pytest.raises(RuntimeError, match="not built"):
        SparseMLP(LENET, genome.weights, genome.mask, Recipe())
