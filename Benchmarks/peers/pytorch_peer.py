#!/usr/bin/env python3
"""What one would run instead of Hindsight: the paper's models in PyTorch, written to be fast on a CPU.

    python3 pytorch_peer.py --workload ctr-baseline                       the common way: one row a sample
    python3 pytorch_peer.py --workload ctr-pfd+md-share* --deduplicated   the strongest way
    python3 pytorch_peer.py --verify                                      both ways give the same gradients
    python3 pytorch_peer.py --serve                                       work in slices, for ./benchmark

Prints one JSON object: {"workload", "deduplicated", "threads", "samples_per_second", ...}. With --serve a greeting
({"parameters", ...}), then for each line of seconds on standard input one {"samples", "seconds", ...}.

Workloads
    ctr-baseline        inner-product model
    ctr-pfd+md-share*   the same, taught by an MLP; all inputs shared except user id
    cvr-baseline        MLP
    cvr-pfd-share       the same, taught by an MLP with privileged features; all inputs shared

Networks, as in the paper (sections 5.1-5.3) and in Hindsight
    sequence block   Q, K, V without bias, 4 heads x 32, scale 1/sqrt(32), output projection without bias; skip and
                     layer norm; feed-forward n -> 4n -> n with biases and ReLU; skip and layer norm; masked mean
    mapping          Linear (no bias) - batch norm - LeakyReLU for 512 and 256, Linear (bias) to 128, l2-normalise;
                     logit = 5 <user, item>
    MLP              Linear (no bias) - batch norm - LeakyReLU for 512, 256 and 128, Linear (bias) to 1
    loss             student: (1 - lambda) L_s + lambda L_d, teacher: L_t, after the swapping step (lambda = 0.5);
                     soft labels without gradient. BCE is linear in its target, so the student has one loss.
    optimiser        Adagrad, for dense weights and, row by row, for the embeddings touched by the batch

What makes it fast (flags turn each off or on, so that a benchmark can take the best on its machine)
    embeddings       all tables are one matrix; a batch gathers rows as leaf tensors, so that no autograd graph
                     reaches a table. Gradients are summed by distinct row (sort, index_add) and Adagrad
                     touches those rows only: 1.7 times as fast as nn.Embedding(sparse=True) with
                     torch.optim.Adagrad (40,000 rows of 16 from a table of 220,000)
    attention        torch's fused kernel or plain batched products, tried first, the faster is taken (`--attention`)
    dense Adagrad    fused=True: all weights in one pass (`--no-fused-adagrad`)
    allocator        jemalloc or tcmalloc when installed, else glibc told to keep its memory: otherwise a step may
                     give hundreds of MB back to the kernel and take the page faults again (`--no-allocator`)
    denormals        flushed to zero
    torch.compile    off unless `--compile`: it compiles for a minute, and here gained nothing

`--deduplicated`: the sequence block, the user mapping and the user part of an MLP's first layer run once a request.
Batch norm over requests weighs each by its number of samples, so the gradients are those of the plain way.

The shape is that of the benchmark: batch 1024, k = 50 events, embeddings of 16, 10 samples a request. With
--samples-per-request 1 there is nothing to deduplicate.

Written and tuned with PyTorch 2.13 on a Zen 4. Needs torch, numpy, and safetensors for --data and --write-data.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass

WORKLOADS = ["ctr-baseline", "ctr-pfd+md-share*", "cvr-baseline", "cvr-pfd-share"]


def parse_arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--workload", choices=WORKLOADS, default=WORKLOADS[0])
    p.add_argument("--deduplicated", action="store_true")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seconds", type=float, default=10, help="measure about so long, after warm-up")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--attention", choices=["auto", "fused", "plain"], default="auto")
    p.add_argument("--compile", action="store_true", help="torch.compile the networks")
    p.add_argument("--no-fused-adagrad", action="store_true")
    p.add_argument("--no-allocator", action="store_true", help="leave the C allocator as it is")
    p.add_argument("--data", help="take the batches from this safetensors file")
    p.add_argument("--write-data", help="write the synthetic batches to this safetensors file and leave")
    p.add_argument("--verify", action="store_true", help="compare both ways' losses and gradients in float64 and leave")
    p.add_argument("--serve", action="store_true", help="read seconds from standard input, work so long, answer, repeat")
    shape = p.add_argument_group("shape")
    shape.add_argument("--batch", type=int, default=1024)
    shape.add_argument("--samples-per-request", type=int, default=10)
    shape.add_argument("--sequence-length", type=int, default=50, help="k")
    shape.add_argument("--shortest", type=int, help="sequence lengths are uniform in [shortest, k]; default: all k")
    shape.add_argument("--dimension", type=int, default=16)
    shape.add_argument("--user-features", type=int, default=8)
    shape.add_argument("--item-features", type=int, default=8)
    shape.add_argument("--privileged-features", type=int, default=8)
    shape.add_argument("--sequence-fields", type=int, default=4, help="2 of the item's tables, the rest event fields")
    shape.add_argument("--ids", type=int, default=100_000, help="rows of the user and of the item id table")
    shape.add_argument("--rows", type=int, default=1_000, help="rows of every other table")
    shape.add_argument("--batches", type=int, default=8, help="distinct batches, cycled")
    return p.parse_args()


def use_a_better_allocator() -> str:
    """Restarts this program once with an allocator that keeps freed memory. Returns its name."""
    if "PEER_ALLOCATOR" in os.environ:
        return os.environ["PEER_ALLOCATOR"]
    folder = f"/usr/lib/{platform.machine()}-linux-gnu"
    environment = dict(os.environ)
    for name, file in (("jemalloc", "libjemalloc.so.2"), ("tcmalloc", "libtcmalloc_minimal.so.4")):
        if os.path.exists(f"{folder}/{file}"):
            environment |= {
                "PEER_ALLOCATOR": name, "LD_PRELOAD": f"{folder}/{file}",
                "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
            break
    else:
        # glibc: no mmap for big blocks, and never trim the heap.
        environment |= {
            "PEER_ALLOCATOR": "glibc-keep", "MALLOC_MMAP_THRESHOLD_": str(1 << 40),
            "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(256 << 20), "MALLOC_ARENA_MAX": "2"}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


arguments = parse_arguments()
allocator = "system" if arguments.no_allocator else use_a_better_allocator()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(arguments.threads)

import numpy as np  # noqa: E402  the thread counts and the allocator must be set before
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402


# ---- Data ----

@dataclass
class Batch:
    """Row ids of the one embedding matrix, per request (U of them) and per sample (N)."""

    request: Tensor  # [N] -> 0 ..< U
    multiplicity: Tensor  # [U] samples of each request
    user: Tensor  # [U, user features]
    sequence: Tensor  # [U, k, fields]
    lengths: Tensor  # [U]
    item: Tensor  # [N, item features]
    privileged: Tensor  # [N, privileged features]
    label: Tensor  # [N]

    def expanded(self) -> "Batch":
        """The same samples with nothing shared: one request a sample."""
        r = self.request
        return Batch(
            torch.arange(len(r)), torch.ones(len(r)), self.user[r], self.sequence[r], self.lengths[r],
            self.item, self.privileged, self.label)


@dataclass
class Tables:
    """Where each table begins in the one embedding matrix."""

    user: list[int]
    item: list[int]
    sequence: list[int]
    privileged: list[int]
    own_user_id: int  # the student's own copy of the user id table (Share*)
    rows: int


def lay_out(a: argparse.Namespace) -> Tables:
    end = 0

    def table(rows: int) -> int:
        nonlocal end
        begin, end = end, end + rows
        return begin

    user = [table(a.ids if i == 0 else a.rows) for i in range(a.user_features)]
    item = [table(a.ids if i == 0 else a.rows) for i in range(a.item_features)]
    events = [item[i] if i < min(2, a.item_features) else table(a.rows) for i in range(a.sequence_fields)]
    privileged = [table(a.rows) for _ in range(a.privileged_features)]
    return Tables(user, item, events, privileged, table(a.ids), end)


def synthetic_batches(a: argparse.Namespace, tables: Tables) -> list[Batch]:
    rng = np.random.default_rng(a.seed)

    def ids(shape: tuple[int, ...], begins: list[int], with_id: bool) -> Tensor:
        columns = [
            begin + rng.integers(0, a.ids if with_id and i == 0 else a.rows, shape) for i, begin in enumerate(begins)]
        return torch.from_numpy(np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0), np.int64))

    batches = []
    for _ in range(a.batches):
        request = torch.arange(a.batch) // a.samples_per_request
        requests = int(request[-1]) + 1
        k = a.sequence_length
        shortest = k if a.shortest is None else a.shortest
        batches.append(Batch(
            request, torch.bincount(request).float(), ids((requests,), tables.user, True),
            ids((requests, k), tables.sequence, True), torch.from_numpy(rng.integers(shortest, k + 1, requests)),
            ids((a.batch,), tables.item, True), ids((a.batch,), tables.privileged, False),
            torch.from_numpy((rng.random(a.batch) < 0.2).astype(np.float32))))
    return batches


def read_batches(path: str) -> list[Batch]:
    from safetensors.torch import load_file
    tensors = load_file(path)
    count = 1 + max(int(name.split(".")[0]) for name in tensors)
    return [Batch(**{f: tensors[f"{i}.{f}"] for f in Batch.__dataclass_fields__}) for i in range(count)]


def write_batches(path: str, batches: list[Batch]) -> None:
    from safetensors.torch import save_file
    save_file(
        {f"{i}.{f}": getattr(b, f).contiguous() for i, b in enumerate(batches) for f in Batch.__dataclass_fields__},
        path)


# ---- Embeddings ----

class Embeddings:
    """All tables as one matrix, with Adagrad on the rows that a batch touched."""

    def __init__(self, rows: int, dimension: int, dtype: torch.dtype) -> None:
        self.weight = torch.randn(rows, dimension, dtype=dtype) * 0.01
        self.accumulator = torch.zeros(rows, dimension, dtype=dtype)
        self.gathered: list[tuple[Tensor, Tensor]] = []

    def rows(self, index: Tensor) -> Tensor:
        """[...] -> [..., dimension], a leaf: its gradient is all that `step` needs."""
        flat = index.reshape(-1)
        leaf = self.weight.index_select(0, flat).requires_grad_()
        self.gathered.append((flat, leaf))
        return leaf.view(*index.shape, -1)

    def gradient(self) -> tuple[Tensor, Tensor]:
        """Distinct rows and their summed gradients."""
        index = torch.cat([index for index, _ in self.gathered])
        gradient = torch.cat([leaf.grad for _, leaf in self.gathered])
        self.gathered.clear()
        rows, inverse = torch.unique(index, return_inverse=True)
        return rows, gradient.new_zeros(len(rows), gradient.shape[1]).index_add_(0, inverse, gradient)

    def step(self, learning_rate: float) -> None:
        rows, gradient = self.gradient()
        accumulator = self.accumulator.index_select(0, rows).addcmul_(gradient, gradient)
        self.accumulator.index_copy_(0, rows, accumulator)
        change = gradient.div_(accumulator.sqrt_().add_(1e-10))
        self.weight.index_add_(0, rows, change, alpha=-learning_rate)


# ---- Networks ----

class SequenceBlock(nn.Module):
    """One layer of self-attention over k events of width n, mean over the events that are there."""

    def __init__(self, n: int, heads: int = 4, head_dimension: int = 32, fused: bool = True) -> None:
        super().__init__()
        self.heads, self.head_dimension, self.fused = heads, head_dimension, fused
        width = heads * head_dimension
        self.qkv = nn.Linear(n, 3 * width, bias=False)
        self.out = nn.Linear(width, n, bias=False)
        self.norm1, self.norm2 = nn.LayerNorm(n), nn.LayerNorm(n)
        self.up, self.down = nn.Linear(n, 4 * n), nn.Linear(4 * n, n)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        u, k, n = x.shape
        present = None if lengths is None else torch.arange(k) < lengths[:, None]  # [U, k]
        # Unbound before transposed: backward then stacks the three gradients straight into the product's layout.
        projected = self.qkv(x).view(u, k, 3, self.heads, self.head_dimension).unbind(2)
        q, key, v = (t.transpose(1, 2) for t in projected)
        mask = None if present is None else present[:, None, None, :]
        if self.fused:
            a = F.scaled_dot_product_attention(q, key, v, attn_mask=mask)
        else:
            scores = (q * self.head_dimension ** -0.5) @ key.transpose(-1, -2)
            if mask is not None:
                scores = scores.masked_fill(~mask, float("-inf"))
            a = scores.softmax(-1) @ v
        x = self.norm1(x + self.out(a.transpose(1, 2).reshape(u, k, -1)))
        x = self.norm2(x + self.down(F.relu(self.up(x))))
        if present is None:
            return x.mean(1)
        return (x * present[..., None]).sum(1) / lengths.clamp(min=1)[:, None]


class WeightedNormalise(torch.autograd.Function):
    """Batch normalisation of rows that stand for w samples each; the incoming gradient is summed over them."""

    @staticmethod
    def forward(ctx, x, w, gamma, beta):  # type: ignore[override]
        share = (w / w.sum()).to(x.dtype)
        mean = share @ x
        variance = share @ (x - mean).square_()
        rstd = (variance + 1e-5).rsqrt()
        xhat = (x - mean) * rstd
        ctx.save_for_backward(xhat, share, gamma, rstd)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(beta, xhat, gamma), mean, variance

    @staticmethod
    def backward(ctx, g, _mean, _variance):  # type: ignore[override]
        xhat, share, gamma, rstd = ctx.saved_tensors
        beta_gradient, gamma_gradient = g.sum(0), (g * xhat).sum(0)
        x_gradient = (g - share[:, None] * torch.addcmul(beta_gradient, xhat, gamma_gradient)) * (gamma * rstd)
        return x_gradient, None, gamma_gradient, beta_gradient


class NormAct(nn.Module):
    """Batch norm, then LeakyReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width, momentum=0.01)

    def forward(self, x: Tensor, multiplicity: Tensor | None = None) -> Tensor:
        if multiplicity is None:
            return F.leaky_relu_(self.norm(x), 0.01)
        y, mean, variance = WeightedNormalise.apply(x, multiplicity, self.norm.weight, self.norm.bias)
        with torch.no_grad():
            total = multiplicity.sum()
            self.norm.running_mean.lerp_(mean, 0.01)
            self.norm.running_var.lerp_(variance * (total / (total - 1)), 0.01)
        return F.leaky_relu_(y, 0.01)


class Mapping(nn.Module):
    """Input-512-act-256-act-128-l2-normalise."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, 512, bias=False), nn.Linear(512, 256, bias=False)
        self.act1, self.act2 = NormAct(512), NormAct(256)
        self.last = nn.Linear(256, 128)

    def forward(self, x: Tensor, multiplicity: Tensor | None = None) -> Tensor:
        x = self.act1(self.first(x), multiplicity)
        x = self.act2(self.second(x), multiplicity)
        return F.normalize(self.last(x), dim=1)


class Mlp(nn.Module):
    """512-256-128-1. The first layer's product is a sum of the user's part, once a request, and the sample's."""

    def __init__(self, user_width: int, sample_width: int) -> None:
        super().__init__()
        self.user_width = user_width
        self.first = nn.Linear(user_width + sample_width, 512, bias=False)
        self.second, self.third = nn.Linear(512, 256, bias=False), nn.Linear(256, 128, bias=False)
        self.act1, self.act2, self.act3 = NormAct(512), NormAct(256), NormAct(128)
        self.last = nn.Linear(128, 1)

    def forward(self, user: Tensor, sample: Tensor, request: Tensor | None) -> Tensor:
        if request is None:
            x = self.first(torch.cat([user, sample], 1))
        else:
            by_user = F.linear(user, self.first.weight[:, :self.user_width])
            x = F.linear(sample, self.first.weight[:, self.user_width:]) + by_user.index_select(0, request)
        x = self.act3(self.third(self.act2(self.second(self.act1(x)))))
        return self.last(x).squeeze(1)


class Networks(nn.Module):
    """Everything between the gathered embeddings and the loss."""

    def __init__(self, a: argparse.Namespace, workload: str, fused_attention: bool) -> None:
        super().__init__()
        d = a.dimension
        n = a.sequence_fields * d
        user, item, privileged = a.user_features * d + n, a.item_features * d, a.privileged_features * d
        self.ctr = workload.startswith("ctr")
        self.taught = "pfd" in workload
        self.block = SequenceBlock(n, fused=fused_attention)
        if self.ctr:
            self.user, self.item = Mapping(user), Mapping(item)
        else:
            self.student = Mlp(user, item)
        if self.taught:
            self.teacher = Mlp(user, item + privileged)

    def forward(
        self, user: Tensor, teachers_user: Tensor | None, sequence: Tensor, item: Tensor, privileged: Tensor | None,
        lengths: Tensor | None, request: Tensor | None, multiplicity: Tensor | None, label: Tensor,
        distil: float = 0.5,
    ) -> Tensor:
        history = self.block(sequence, lengths)
        users = torch.cat([user, history], 1)
        if self.ctr:
            u, v = self.user(users, multiplicity), self.item(item)
            logit = 5 * ((u if request is None else u.index_select(0, request)) * v).sum(1)
        else:
            logit = self.student(users, item, request)
        if not self.taught:
            return F.binary_cross_entropy_with_logits(logit, label)
        if teachers_user is not None:
            users = torch.cat([teachers_user, history], 1)
        teachers = self.teacher(users, torch.cat([item, privileged], 1), request)
        target = torch.lerp(label, torch.sigmoid(teachers.detach()), distil)
        return F.binary_cross_entropy_with_logits(logit, target) + F.binary_cross_entropy_with_logits(teachers, label)


class Trainer:
    def __init__(
        self, a: argparse.Namespace, tables: Tables, workload: str, fused_attention: bool,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        torch.manual_seed(a.seed)
        self.share_star = workload == "ctr-pfd+md-share*"
        self.tables, self.dtype = tables, dtype
        self.embeddings = Embeddings(tables.rows, a.dimension, dtype)
        self.networks = Networks(a, workload, fused_attention).to(dtype)
        self.forward = torch.compile(self.networks, dynamic=False) if a.compile else self.networks
        self.optimiser = torch.optim.Adagrad(
            self.networks.parameters(), lr=0.01, eps=1e-10,
            **({"foreach": True} if a.no_fused_adagrad else {"fused": True}))

    def loss(self, b: Batch, deduplicated: bool) -> Tensor:
        rows = self.embeddings.rows
        user = rows(b.user)  # [U, features, d]
        teachers_user = None
        if self.share_star:  # the student's own user ids; the rest is the teacher's as well
            own = rows(b.user[:, 0] - self.tables.user[0] + self.tables.own_user_id)
            teachers_user, user = user.flatten(1), torch.cat([own[:, None], user[:, 1:]], 1)
        full = bool((b.lengths == b.sequence.shape[1]).all())
        return self.forward(
            user.flatten(1), teachers_user, rows(b.sequence).flatten(2), rows(b.item).flatten(1),
            rows(b.privileged).flatten(1) if self.networks.taught else None,
            None if full else b.lengths,  # nothing to mask when nothing is missing
            b.request if deduplicated else None, b.multiplicity if deduplicated else None, b.label.to(self.dtype))

    def step(self, b: Batch, deduplicated: bool) -> float:
        loss = self.loss(b, deduplicated)
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.embeddings.step(0.01)
        return loss.item()


# ---- Counting ----

def flops_a_sample(a: argparse.Namespace, workload: str, deduplicated: bool) -> float:
    """Multiply-adds of all matrix products, twice, forward and backward (3 x forward)."""
    d, k = a.dimension, a.sequence_length
    n, width = a.sequence_fields * d, 128
    user, item, privileged = a.user_features * d + n, a.item_features * d, a.privileged_features * d
    share = 1 / a.samples_per_request if deduplicated else 1.0
    block = k * (n * 3 * width + width * n + 8 * n * n) + 2 * k * k * width
    mapping_rest = 512 * 256 + 256 * 128
    mlp_rest = mapping_rest + 128
    total = share * block
    if workload.startswith("ctr"):
        total += share * (user * 512 + mapping_rest) + item * 512 + mapping_rest + 128
    else:
        total += share * user * 512 + item * 512 + mlp_rest
    if "pfd" in workload:
        total += share * user * 512 + (item + privileged) * 512 + mlp_rest
    return 3 * 2 * total


def gemm_peak() -> float:
    """The best rate of torch's own product, on sizes that suit it, in FLOP/s."""
    x, y = torch.randn(1024, 1024), torch.randn(1024, 1024)
    z, times = torch.empty(1024, 1024), []
    for _ in range(12):
        begin = time.perf_counter()
        torch.mm(x, y, out=z)
        times.append(time.perf_counter() - begin)
    return 2 * 1024 ** 3 / min(times)


def parameter_counts(a: argparse.Namespace, trainer: "Trainer") -> dict[str, int]:
    """Dense weights, and values of the tables that this workload reads, to compare with another's model."""
    id_tables, other_tables = 2, a.user_features - 1 + a.item_features - 1 + max(0, a.sequence_fields - 2)
    if "pfd" in a.workload:
        other_tables += a.privileged_features
    if trainer.share_star:
        id_tables += 1
    return {
        "parameters": sum(p.numel() for p in trainer.networks.parameters()),
        "embedding_parameters": (id_tables * a.ids + other_tables * a.rows) * a.dimension}


# ---- Measuring ----

def step_times(
    trainer: Trainer, batches: list[Batch], deduplicated: bool, seconds: float, warm_up: int,
) -> tuple[list[float], list[float]]:
    """Seconds of each step by the clock, and of processor time (all threads): the second shows a busy machine."""
    for i in range(warm_up):
        trainer.step(batches[i % len(batches)], deduplicated)
    times: list[float] = []
    processor_times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        begin, processor_begin = time.perf_counter(), time.process_time()
        trainer.step(batches[len(times) % len(batches)], deduplicated)
        times.append(time.perf_counter() - begin)
        processor_times.append(time.process_time() - processor_begin)
    return times, processor_times


def serve(a: argparse.Namespace, trainer: Trainer, batches: list[Batch]) -> None:
    """Works in slices of so many seconds as standard input says, so that contenders can take turns."""
    step = 0
    for line in sys.stdin:
        end, samples = time.perf_counter() + float(line), 0
        begin, processor_begin = time.perf_counter(), time.process_time()
        while time.perf_counter() < end or samples == 0:
            batch = batches[step % len(batches)]
            trainer.step(batch, a.deduplicated)
            step, samples = step + 1, samples + len(batch.label)
        print(json.dumps({
            "samples": samples, "seconds": time.perf_counter() - begin,
            "processor_seconds": time.process_time() - processor_begin}), flush=True)


def faster_attention(a: argparse.Namespace, tables: Tables, batches: list[Batch]) -> bool:
    if a.attention != "auto":
        return a.attention == "fused"
    took = {
        fused: statistics.median(step_times(
            Trainer(a, tables, a.workload, fused), batches, a.deduplicated, seconds=1, warm_up=2)[1])
        for fused in (True, False)}
    return took[True] <= took[False]


def verify(a: argparse.Namespace, tables: Tables) -> None:
    """Both ways, and both attention kernels, in float64, on ragged sequences and uneven requests."""
    a.batch, a.batches, a.shortest = 64, 1, 1
    batch = synthetic_batches(a, tables)[0]
    for workload in WORKLOADS:
        results = []
        for deduplicated, fused in ((False, False), (True, False), (True, True)):
            trainer = Trainer(a, tables, workload, fused, torch.float64)
            loss = trainer.loss(batch if deduplicated else batch.expanded(), deduplicated)
            loss.backward()
            rows, embedding_gradient = trainer.embeddings.gradient()
            state = [p.grad for p in trainer.networks.parameters()]
            state += [b for name, b in trainer.networks.named_buffers() if not name.endswith("num_batches_tracked")]
            results.append([loss.detach(), rows, embedding_gradient, *state])
        worst = max(
            float((x.double() - y.double()).abs().max())
            for other in results[1:] for x, y in zip(results[0], other) if x.numel())
        print(json.dumps({"workload": workload, "largest_difference": worst}))
        if worst > 1e-9:
            sys.exit(f"{workload}: plain and deduplicated differ by {worst}")


def main() -> None:
    a = arguments
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(True)
    tables = lay_out(a)
    if a.verify:
        return verify(a, tables)
    batches = read_batches(a.data) if a.data else synthetic_batches(a, tables)
    if a.write_data:
        return write_batches(a.write_data, batches)
    if not a.deduplicated:
        batches = [b.expanded() for b in batches]

    fused = faster_attention(a, tables, batches)
    trainer = Trainer(a, tables, a.workload, fused)
    if a.serve:
        step_times(trainer, batches, a.deduplicated, seconds=0, warm_up=5 if a.compile else 3)
        print(json.dumps(parameter_counts(a, trainer) | {
            "attention": "fused" if fused else "plain", "allocator": allocator, "torch": torch.__version__}), flush=True)
        return serve(a, trainer, batches)
    times, processor_times = step_times(trainer, batches, a.deduplicated, a.seconds, warm_up=5 if a.compile else 3)
    step = statistics.median(times)
    flops, peak = flops_a_sample(a, a.workload, a.deduplicated), gemm_peak()
    samples = len(batches[0].label)
    print(json.dumps({
        "workload": a.workload, "deduplicated": a.deduplicated, "threads": a.threads,
        "samples_per_second": round(samples / step, 1), "step_milliseconds": round(1e3 * step, 3),
        "step_processor_milliseconds": round(1e3 * statistics.median(processor_times), 3),
        "steps": len(times), "batch": samples, "samples_per_request": a.samples_per_request,
        "sequence_length": a.sequence_length, "dimension": a.dimension,
        "megaflops_per_sample": round(flops / 1e6, 3), "gflops": round(flops * samples / step / 1e9, 1),
        "gemm_peak_gflops": round(peak / 1e9, 1), "peak_fraction": round(flops * samples / step / peak, 3),
        "attention": "fused" if fused else "plain", "compiled": a.compile, "allocator": allocator,
        "torch": torch.__version__, "processor": processor()}))


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
