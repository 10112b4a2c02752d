"""Tickets under plain DEAP, with a selection operator of one's own."""

import random

from deap import algorithms

from nets_deap import ElitistHallOfFame, MultiprocessMap, configure, make_ticket, make_toolbox


def selSparserOfTwo(individuals, k):
    """Of three genomes drawn at random the two fittest; of these the sparser."""
    chosen = []
    for _ in range(k):
        better = sorted(random.sample(individuals, 3), key=lambda genome: genome.fitness)[1:]
        chosen.append(min(better, key=len))
    return chosen


if __name__ == "__main__":
    random.seed(1)
    config = configure(dataset="digits", target_density=0.1, mutate="noise,dormancy,awaken")
    with MultiprocessMap(2) as engine:
        toolbox = make_toolbox(config, engine)
        toolbox.register("select", selSparserOfTwo)
        population, hall = toolbox.population(n=10), ElitistHallOfFame(2)
        algorithms.eaSimple(population, toolbox, cxpb=1, mutpb=1, ngen=5, halloffame=hall)
    print(hall[0], hall[0].evaluation)
    make_ticket(config, hall[0]).save("ticket.safetensors")  # for `nets-deap train`
