"""Keep a module sparse while any loop of the user's own trains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nets_deap.problem.ticket import Ticket

if TYPE_CHECKING:
    from torch import nn


def keep_sparse(model: nn.Module, ticket: Ticket) -> nn.Module:
    """Keep what the ticket prunes at zero under any optimiser of torch; returns the module, see
    `models.plain`.

    Raises NetsError for a module that has other parameters than the ticket.
    """
    from nets_deap.models.plain import keep_sparse as kept

    return kept(model, ticket.architecture, ticket.mask)
