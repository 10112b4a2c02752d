"""A text classifier with embeddings, on token ids: which package does a docstring come from?"""

import re
from collections import Counter

import numpy as np
from journey import journey
from texts import PACKAGES, docstrings
from torch import nn

import nets_deap as nd

WORDS, LENGTH, EACH = 2000, 24, 700  # vocabulary; words a sample; samples a package


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 32)
        self.layers = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, len(PACKAGES)))

    def forward(self, tokens):
        return self.layers(self.embedding(tokens).mean(dim=1))


def samples():
    """Token ids int64[n, LENGTH], and the package of each sample."""
    words = [re.findall(r"[a-z]+", docstrings(package).lower()) for package in PACKAGES]
    hidden = {*PACKAGES, "np", "pd"}  # the names of the packages would give them away
    words = [[word for word in text if word not in hidden] for text in words]
    common = Counter(word for text in words for word in text).most_common(WORDS - 1)
    ids = {word: i for i, (word, _) in enumerate(common, start=1)}  # 0 is any other word
    tokens, labels = [], []
    for package, text in zip(PACKAGES, words, strict=True):
        pieces = np.array([ids.get(word, 0) for word in text])
        pieces = pieces[: len(pieces) // LENGTH * LENGTH].reshape(-1, LENGTH)[:EACH]
        tokens.append(pieces)
        labels += [package] * len(pieces)
    return np.concatenate(tokens), np.array(labels)


def prunable(name, parameter):
    """Embeddings, too: they are most of this network."""
    return parameter.ndim == 2


def main():
    data = nd.Data.of(samples())
    return journey(Classifier, data, nn.functional.cross_entropy, prunable=prunable)


if __name__ == "__main__":
    main()
