#!/usr/bin/env python3
"""Goldens of the optimisers from PyTorch: python Scripts/goldens/optimisers.py

Writes Tests/ParametersTests/Goldens/optimisers.json. Every case starts from `initial`, applies `gradients`
with `rates`, step after step, and ends in `values` and `states`. Row cases list the rows that each step
touches; a row that is not touched is not stepped.
"""
import json
import pathlib

import numpy
import torch

SEED = 20200711
STEPS, ELEMENTS, ROWS, DIMENSION = 12, 37, 11, 10
generator = torch.Generator().manual_seed(SEED)


def normal(*shape):
    return torch.randn(*shape, generator=generator)


def warm_up(peak, steps):
    return [peak * min(1, (i + 1) / steps) for i in range(STEPS)]


def listed(tensor):
    return [float(x) for x in tensor.detach().reshape(-1)]


def stepped(optimiser, rate):
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()


def dense(name, make, state_keys, **settings):
    initial = normal(ELEMENTS) * 0.1
    # A zero gradient and very small and large ones exercise epsilon and the corrections.
    gradients = normal(STEPS, ELEMENTS) * torch.logspace(-6, 3, ELEMENTS)
    gradients[:, 0] = 0
    rates = warm_up(0.01, 4)
    parameter = torch.nn.Parameter(initial.clone())
    optimiser = make([parameter])
    for step in range(STEPS):
        parameter.grad = gradients[step].clone()
        stepped(optimiser, rates[step])
    return dict(
        name=name, settings=settings, initial=listed(initial), gradients=listed(gradients), rates=rates,
        values=listed(parameter), states=[listed(optimiser.state[parameter][key]) for key in state_keys])


def touched():
    """The rows of each step, in an order of no meaning; row 4 is first seen at step 9."""
    steps = []
    for step in range(STEPS):
        order = torch.randperm(ROWS, generator=generator).tolist()[: 3 + step % 5]
        steps.append([row for row in order if row != 4] + ([4] if step >= 9 else []))
    return steps


def rows(name, make, state_keys, row_state_keys=(), **settings):
    """Each row is a parameter of its own, so that PyTorch keeps its state and steps it alone."""
    initial = normal(ROWS, DIMENSION) * 0.1
    touches = touched()
    gradients = [normal(len(step), DIMENSION) for step in touches]
    rates = warm_up(0.01, 4)
    parameters = [torch.nn.Parameter(row.clone()) for row in initial]
    optimiser = make(parameters)
    for step in range(STEPS):
        optimiser.zero_grad(set_to_none=True)
        for row, gradient in zip(touches[step], gradients[step]):
            parameters[row].grad = gradient.clone()
        stepped(optimiser, rates[step])
    zeros = torch.zeros(DIMENSION)
    states = [
        [x for p in parameters for x in listed(optimiser.state[p].get(key, zeros))] for key in state_keys
    ] + [[float(optimiser.state[p].get(key, 0)) for p in parameters] for key in row_state_keys]
    return dict(
        name=name, settings=settings, initial=listed(initial), rows=touches,
        gradients=[x for step in gradients for x in listed(step)], rates=rates,
        values=[x for p in parameters for x in listed(p)], states=states, dimension=DIMENSION)


def rowwise_adagrad(initial_accumulator, epsilon):
    """FBGEMM's EXACT_ROWWISE_ADAGRAD written out in float64: PyTorch has none of its own."""
    initial = normal(ROWS, DIMENSION) * 0.1
    touches = touched()
    gradients = [normal(len(step), DIMENSION) for step in touches]
    rates = warm_up(0.01, 4)
    values = initial.double()
    sums = torch.full((ROWS,), initial_accumulator, dtype=torch.float64)
    for step in range(STEPS):
        for row, gradient in zip(touches[step], gradients[step].double()):
            sums[row] += gradient.square().mean()
            values[row] -= rates[step] / (sums[row].sqrt() + epsilon) * gradient
    return dict(
        name="rowwise_adagrad", settings=dict(initial_accumulator=initial_accumulator, epsilon=epsilon),
        initial=listed(initial), rows=touches, gradients=[x for step in gradients for x in listed(step)],
        rates=rates, values=listed(values), states=[listed(sums)], dimension=DIMENSION)


def adagrad(**settings):
    return lambda p: torch.optim.Adagrad(
        p, lr=1, eps=settings["epsilon"], initial_accumulator_value=settings["initial_accumulator"], foreach=False)


def adam(**settings):
    return lambda p: torch.optim.Adam(
        p, lr=1, betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"], foreach=False)


plain = dict(initial_accumulator=0.0, epsilon=1e-10)
tensorflow = dict(initial_accumulator=0.1, epsilon=1e-7)
usual = dict(beta1=0.9, beta2=0.999, epsilon=1e-8)
short = dict(beta1=0.5, beta2=0.9, epsilon=1e-3)
moments = ["exp_avg", "exp_avg_sq"]

golden = dict(
    script="Scripts/goldens/optimisers.py", torch=torch.__version__, numpy=numpy.__version__, seed=SEED,
    dense=[
        dense("sgd", lambda p: torch.optim.SGD(p, lr=1, foreach=False), []),
        dense("adagrad", adagrad(**plain), ["sum"], **plain),
        dense("adagrad", adagrad(**tensorflow), ["sum"], **tensorflow),
        dense("adam", adam(**usual), moments, **usual),
        dense("adam", adam(**short), moments, **short),
    ],
    rows=[
        rows("sgd", lambda p: torch.optim.SGD(p, lr=1, foreach=False), []),
        rows("adagrad", adagrad(**plain), ["sum"], **plain),
        rows("adagrad", adagrad(**tensorflow), ["sum"], **tensorflow),
        rowwise_adagrad(0.0, 1e-8),
        rowwise_adagrad(0.1, 1e-10),
        rows("adam", adam(**usual), moments, ["step"], **usual),
    ])

target = pathlib.Path(__file__).parents[2] / "Tests/ParametersTests/Goldens/optimisers.json"
target.write_text(json.dumps(golden) + "\n")
print(f"{target}: {target.stat().st_size} bytes, torch {torch.__version__}")
