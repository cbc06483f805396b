#!/usr/bin/env python3
"""Goldens of the layers: values and gradients from PyTorch, in float64 on the CPU.

    python3 Scripts/goldens/layers.py [Tests/LayersTests/Goldens/layers.json]

Needs PyTorch only; the file says which version and seed it was made with. Nothing here looks at how
Hindsight computes: sequences are padded and masked, repeated rows are really repeated, joined inputs are
really concatenated. Where PyTorch has the layer, the golden is PyTorch's own.

A case is a table of tensors: inputs (`x`, `dy`, ...), parameters by Hindsight's names (`p:...`), the output
`y`, and the gradients of sum(y dy) (`dx`, `g:...`).
"""

import json
import pathlib
import sys

import torch
import torch.nn.functional as F

SEED = 20200823
SLOPE = 0.1


# The pieces, as functions of a table of parameters by name ------------------------------------------------


def padded(rows, lengths):
    """Ragged rows [events, n] -> [requests, longest, n] and the mask of what is real."""
    longest = max(1, *lengths)
    out = rows.new_zeros(len(lengths), longest, rows.shape[1])
    mask = torch.zeros(len(lengths), longest, dtype=torch.bool)
    start = 0
    for r, length in enumerate(lengths):
        # index_put keeps the graph from `out` back to `rows`
        out = out.index_put((torch.full((length,), r), torch.arange(length)), rows[start : start + length])
        mask[r, :length] = True
        start += length
    return out, mask


def sequence_block(x, mask, p, name, heads):
    """Section 5.1 on padded sequences [requests, k, n]: attention, feed-forward, skips, norms, masked mean."""
    requests, k, n = x.shape
    q, key, v = (x @ p[f"{name}.attention.qkv.weight"]).chunk(3, dim=-1)
    split = lambda t: t.reshape(requests, k, heads, -1).transpose(1, 2)
    # A request without events would be softmax over nothing; let it see its padding, which the mean drops.
    visible = mask | ~mask.any(dim=1, keepdim=True)
    a = F.scaled_dot_product_attention(split(q), split(key), split(v), attn_mask=visible[:, None, None, :])
    a = a.transpose(1, 2).reshape(requests, k, -1)
    h = F.layer_norm(x + a @ p[f"{name}.attention.out.weight"], (n,), *norm(p, f"{name}.norm1"))
    hidden = F.relu(h @ p[f"{name}.feed_forward.0.weight"] + p[f"{name}.feed_forward.0.bias"])
    z = h + hidden @ p[f"{name}.feed_forward.1.weight"] + p[f"{name}.feed_forward.1.bias"]
    z = F.layer_norm(z, (n,), *norm(p, f"{name}.norm2"))
    return (z * mask[..., None]).sum(dim=1) / mask.sum(dim=1).clamp_min(1)[:, None]


def norm(p, name):
    return p[f"{name}.gamma"].flatten(), p[f"{name}.beta"].flatten()


def dense(x, p, name):
    bias = p.get(f"{name}.bias")
    return F.linear(x, p[f"{name}.weight"].T, None if bias is None else bias.flatten())


def activation(x, p, name, slope, training=True, momentum=0.1):
    """Batch normalisation if there are parameters for it, then leaky ReLU."""
    if f"{name}.norm.gamma" in p:
        running = [p[f"{name}.norm.running_{s}"].view(-1) for s in ("mean", "variance")]
        x = F.batch_norm(x, *running, *norm(p, f"{name}.norm"), training, momentum, 1e-5)
    return F.leaky_relu(x, slope)


def mlp(x, p, name, depth, slope, activate_last=False, training=True, momentum=0.1):
    """dense, act, dense, act, ..., dense (and act, if asked)."""
    for i in range(depth):
        x = dense(x, p, f"{name}.{i}")
        if i < depth - 1 or activate_last:
            x = activation(x, p, f"{name}.{i}", slope, training, momentum)
    return x


# The cases ------------------------------------------------------------------------------------------------


def random(*shape, scale=1.0):
    return (scale * torch.randn(*shape)).requires_grad_()


def dense_parameters(p, name, inputs, outputs, bias):
    p[f"{name}.weight"] = random(inputs, outputs, scale=inputs**-0.5)
    if bias:
        p[f"{name}.bias"] = random(1, outputs, scale=0.3)


def norm_parameters(p, name, width, running=False):
    p[f"{name}.gamma"] = (1 + 0.2 * torch.randn(1, width)).requires_grad_()
    p[f"{name}.beta"] = random(1, width, scale=0.2)
    if running:
        p[f"{name}.running_mean"] = 0.3 * torch.randn(1, width)
        p[f"{name}.running_variance"] = 0.5 + torch.rand(1, width)


def mlp_parameters(p, name, widths, batch_norm, activate_last=False):
    depth = len(widths) - 1
    for i in range(depth):
        activated = i < depth - 1 or activate_last
        dense_parameters(p, f"{name}.{i}", widths[i], widths[i + 1], bias=not (batch_norm and activated))
        if batch_norm and activated:
            norm_parameters(p, f"{name}.{i}.norm", widths[i + 1], running=True)


def case(inputs, p, y, upstream=None, facts=()):
    """The case's tensors: differentiates sum(y dy)."""
    dy = torch.randn_like(y) if upstream is None else upstream
    leaves = {f"d{k}": t for k, t in inputs.items()} | {f"g:{k}": t for k, t in p.items() if t.requires_grad}
    gradients = torch.autograd.grad((y * dy).sum(), list(leaves.values()))
    return (
        {k: t for k, t in inputs.items()}
        | {f"p:{k}": t for k, t in p.items()}
        | {"y": y, "dy": dy}
        | dict(zip(leaves, gradients))
        | {k: torch.tensor(v) for k, v in dict(facts).items()}
    )


def before(p):
    """The parameters with statistics as they were before a training step."""
    return {k: t.detach().clone() if "running" in k else t for k, t in p.items()}


def sequence_case(width, heads, head_dimension, feed_forward, lengths):
    inner = heads * head_dimension
    p = {}
    dense_parameters(p, "s.attention.qkv", width, 3 * inner, bias=False)
    dense_parameters(p, "s.attention.out", inner, width, bias=False)
    norm_parameters(p, "s.norm1", width)
    dense_parameters(p, "s.feed_forward.0", width, feed_forward, bias=True)
    dense_parameters(p, "s.feed_forward.1", feed_forward, width, bias=True)
    norm_parameters(p, "s.norm2", width)
    x = random(sum(lengths), width)
    y = sequence_block(*padded(x, lengths), p, "s", heads)
    if inner == width:
        check_against_encoder_layer(x, lengths, p, heads, feed_forward, y)
    facts = {"heads": [heads], "head_dimension": [head_dimension], "feed_forward": [feed_forward], "lengths": lengths}
    return case({"x": x}, p, y, facts=facts)


def check_against_encoder_layer(x, lengths, p, heads, feed_forward, y):
    """PyTorch's own encoder layer says the same, wherever it can express the shape."""
    width = x.shape[1]
    layer = torch.nn.TransformerEncoderLayer(width, heads, feed_forward, dropout=0, batch_first=True)
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(p["s.attention.qkv.weight"].T)
        layer.self_attn.in_proj_bias.zero_()
        layer.self_attn.out_proj.weight.copy_(p["s.attention.out.weight"].T)
        layer.self_attn.out_proj.bias.zero_()
        for ours, theirs in (("norm1", layer.norm1), ("norm2", layer.norm2)):
            theirs.weight.copy_(p[f"s.{ours}.gamma"][0])
            theirs.bias.copy_(p[f"s.{ours}.beta"][0])
        for i, theirs in enumerate((layer.linear1, layer.linear2)):
            theirs.weight.copy_(p[f"s.feed_forward.{i}.weight"].T)
            theirs.bias.copy_(p[f"s.feed_forward.{i}.bias"][0])
        start = 0
        for r, length in enumerate(lengths):
            if length > 0:
                alone = layer(x[start : start + length][None])[0].mean(dim=0)
                torch.testing.assert_close(alone, y[r], rtol=1e-12, atol=1e-12)
            start += length


def batch_norm_case(rows, width, multiplicity=None, training=True):
    p = {}
    norm_parameters(p, "s.norm", width, running=True)
    old = before(p)
    x = random(rows, width)
    repeated = x if multiplicity is None else x.repeat_interleave(torch.tensor(multiplicity), dim=0)
    y = activation(repeated, p, "s", SLOPE, training)
    facts = {f"new:{k}": p[f"s.norm.{k}"].tolist() for k in ("running_mean", "running_variance")} if training else {}
    if multiplicity is None:
        return case({"x": x}, old, y, facts=facts)
    # Each copy has an upstream of its own; Hindsight is handed their sum, and the copies' common value.
    dy = torch.randn_like(y)
    result = case({"x": x}, old, y, upstream=dy, facts=facts | {"multiplicity": multiplicity})
    owner = torch.arange(rows).repeat_interleave(torch.tensor(multiplicity))
    result["dy"] = torch.zeros_like(x).index_add(0, owner, dy)
    result["y"] = y[[sum(multiplicity[:r]) for r in range(rows)]]
    return result


def dense_case(bias):
    p = {}
    dense_parameters(p, "s", 5, 3, bias)
    x = random(4, 5)
    return case({"x": x}, p, dense(x, p, "s"))


def layer_norm_case(residual):
    p = {}
    norm_parameters(p, "s", 6)
    inputs = {"x": random(5, 6)} | ({"residual": random(5, 6)} if residual else {})
    return case(inputs, p, F.layer_norm(sum(inputs.values()), (6,), *norm(p, "s")))


def l2_case():
    x = torch.randn(5, 4)
    x[1] = 0
    x[2] *= 1e-6
    x[3] *= 1e-13
    x.requires_grad_()
    return case({"x": x}, {}, F.normalize(x, eps=1e-12))


def stack_case(batch_norm, training=True):
    p = {}
    mlp_parameters(p, "s", [4, 6, 5, 2], batch_norm)
    old = before(p)
    x = random(7, 4)
    return case({"x": x}, old, mlp(x, p, "s", 3, SLOPE, training=training), facts={"widths": [6, 5, 2]})


USERS = [0, 0, 1, 2, 2, 2, 0, 1]
ITEMS = [0, 1, 2, 1, 3, 0, 2, 3]


def joined_case(batch_norm, activate_last):
    """[user, item, sample] rows joined: the MLP ranker's shape; users and items repeat."""
    p = {}
    widths = [5, 4] if activate_last else [5, 4, 1]
    mlp_parameters(p, "s", [3 + 2 + 4] + widths, batch_norm, activate_last)
    old = before(p)
    inputs = {"x0": random(3, 3), "x1": random(4, 2), "x2": random(8, 4)}
    x = torch.cat([inputs["x0"][USERS], inputs["x1"][ITEMS], inputs["x2"]], dim=1)
    y = mlp(x, p, "s", len(widths), SLOPE, activate_last)
    facts = {"widths": widths, "activate_last": [int(activate_last)], "index0": USERS, "index1": ITEMS}
    return case(inputs, old, y, facts=facts)


def joined_dense_case(indexed):
    p = {}
    dense_parameters(p, "s.0", 3 + 2, 4, bias=True)
    inputs = {"x0": random(3 if indexed else 8, 3), "x1": random(8, 2)}
    x = torch.cat([inputs["x0"][USERS] if indexed else inputs["x0"], inputs["x1"]], dim=1)
    return case(inputs, p, dense(x, p, "s.0"), facts={"widths": [4]} | ({"index0": USERS} if indexed else {}))


def inner_product_case():
    """5 <normalise(MLP(user)), normalise(MLP(item))> a sample (Eq. 3); users and items repeat."""
    p = {}
    mlp_parameters(p, "u", [5, 6, 5, 4], batch_norm=True)
    mlp_parameters(p, "i", [3, 6, 5, 4], batch_norm=True)
    old = before(p)
    inputs = {"x0": random(3, 3), "x1": random(3, 2), "x2": random(4, 3)}
    users = torch.cat([inputs["x0"], inputs["x1"]], dim=1)[USERS]
    u = F.normalize(mlp(users, p, "u", 3, SLOPE), eps=1e-12)
    i = F.normalize(mlp(inputs["x2"][ITEMS], p, "i", 3, SLOPE), eps=1e-12)
    y = 5 * (u * i).sum(dim=1, keepdim=True)
    return case(inputs, old, y, facts={"widths": [6, 5, 4], "index0": USERS, "index1": ITEMS})


def cases():
    multiplicity = [3, 1, 2, 1, 5]
    return {
        "dense": dense_case(bias=False),
        "dense.bias": dense_case(bias=True),
        "joined_dense": joined_dense_case(indexed=False),
        "joined_dense.indexed": joined_dense_case(indexed=True),
        "batch_norm.training": batch_norm_case(7, 3),
        "batch_norm.long": batch_norm_case(67, 2),
        "batch_norm.wide": batch_norm_case(5, 67),
        "batch_norm.multiplicity": batch_norm_case(5, 4, multiplicity),
        "batch_norm.evaluation": batch_norm_case(6, 3, training=False),
        "layer_norm": layer_norm_case(residual=False),
        "layer_norm.residual": layer_norm_case(residual=True),
        "l2_normalise": l2_case(),
        "stack.batch_norm": stack_case(batch_norm=True),
        "stack.evaluation": stack_case(batch_norm=True, training=False),
        "stack.plain": stack_case(batch_norm=False),
        "joined_stack.batch_norm": joined_case(batch_norm=True, activate_last=False),
        "joined_stack.plain": joined_case(batch_norm=False, activate_last=False),
        "joined_stack.activate_last": joined_case(batch_norm=True, activate_last=True),
        "sequence.ragged": sequence_case(5, 2, 3, 10, [5, 0, 1, 3]),
        "sequence.encoder_layer": sequence_case(8, 4, 2, 16, [1, 5, 0, 0, 4]),
        "sequence.one_event": sequence_case(3, 2, 2, 6, [1]),
        "sequence.long": sequence_case(3, 1, 32, 7, [33, 0, 1, 18, 50]),
        "inner_product": inner_product_case(),
    }


def plain(tensor):
    values = tensor.detach().to(torch.float64).flatten().tolist()
    shape = list(tensor.shape) if tensor.dim() == 2 else [1, tensor.numel()]
    return {"shape": shape, "values": [float(f"{v:.15g}") for v in values]}


def main():
    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.float64)
    target = sys.argv[1] if len(sys.argv) > 1 else "Tests/LayersTests/Goldens/layers.json"
    document = {
        "script": "Scripts/goldens/layers.py",
        "torch": torch.__version__,
        "seed": SEED,
        "slope": SLOPE,
        "cases": {name: {k: plain(t) for k, t in tensors.items()} for name, tensors in cases().items()},
    }
    text = json.dumps(document, separators=(",", ":")).replace('},"', '},\n"')
    pathlib.Path(target).write_text(text + "\n")


if __name__ == "__main__":
    main()
