#!/usr/bin/env python3
"""Goldens of the methods: Eq. 5 for whole graphs, and short trainings, from PyTorch in float64 on the CPU.

    python3 Scripts/goldens/methods.py [Tests/DistillationTests/Goldens]

Needs PyTorch only; the files say which version and seed they were made with. The graphs are written from the
paper and know nothing of how Hindsight computes: every sample has its own copy of its user and item (nothing
is deduplicated), sequences are padded and masked, inputs are concatenated, gradients are autograd's, and the
teacher's soft label is detached.

    methods-ctr.json, methods-cvr.json   every method and training manner of a task
    methods-options.json                 temperature, learnt scale, no batch norm, soft label column, ...
    training.json                        three steps of torch.optim.Adagrad

Each file holds the starting values by "name rowsxcolumns" (parameters by Hindsight's names, tables as
owner/table), the batches, and the cases. A gradient that is not there is zero. `batches` are deduplicated, the
way Hindsight reads them. The sizes are those of Tests/DistillationTests/SyntheticRun.swift.
"""

import json
import pathlib
import sys

import torch
import torch.nn.functional as F

import layers

SEED = 20200823
SLOPE = 0.1
HEADS, HEAD_DIMENSION, FEED_FORWARD = 2, 3, 2
MAPPING, MLP, DEEP, SHARED, HEAD = [6, 5, 4], [6, 5, 4], [7, 6, 5, 4, 4, 3, 3], 6, [5, 4]
ROWS = {"user": 7, "country": 4, "item": 9, "tags": 5, "age": 4, "affinity": 6, "clicks": 5, "dwell": 4}
# name -> (table, dimension)
FEATURES = {
    "user": ("user", 3), "country": ("country", 2), "item": ("item", 3), "tags": ("tags", 2),
    "affinity": ("affinity", 2), "clicks": ("clicks", 2), "dwell": ("dwell", 3),
    "h_item": ("item", 3), "age": ("age", 2),
}  # fmt: skip
USER, ITEM, EVENT, PRIVILEGED = ["user", "country"], ["item", "tags"], ["h_item", "age"], ["clicks", "dwell"]
INTERACTION = {"ctr": [], "cvr": ["affinity"]}
LABELS = [("click", "binary", 1.0), ("cart", "binary", 0.5), ("seconds", "continuous", 0.3)]
TEACHERS = ["lupi", "md", "pfd", "pfd+md"]
SEES_PRIVILEGED = ["lupi", "pfd", "pfd+md"]
MANNERS = {"independent": None, "share": [], "share*": ["user"]}


# Batches ---------------------------------------------------------------------------------------------------


def ids(table, count):
    return torch.randint(ROWS[table], (count,)).tolist()


def make_batch(lengths, user_index, item_index, bags):
    """Distinct users and items, and the samples that refer to them."""
    count, users, items = len(user_index), len(lengths), len(bags)
    draw = lambda names, n: {f: ids(FEATURES[f][0], n) for f in names}
    f32 = lambda t: t.to(torch.float32).tolist()
    return {
        "count": count, "user_index": user_index, "item_index": item_index, "lengths": lengths, "bags": bags,
        "ids": draw(["user", "country"], users) | draw(["item"], items) | draw(["tags"], sum(bags))
        | draw(["affinity"] + PRIVILEGED, count) | draw(EVENT, sum(lengths)),
        "labels": [f32(torch.randint(2, (count,))), f32(torch.randint(2, (count,))), f32(torch.randn(count))],
        "weights": f32(0.5 + 1.5 * torch.rand(count)), "soft_labels": f32(0.05 + 0.9 * torch.rand(count)),
    }  # fmt: skip


def make_batches():
    return [
        make_batch(
            [3, 0, 5, 1], [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 0], [0, 1, 1, 2, 3, 0, 4, 4, 2, 1, 3, 2], [2, 0, 1, 2, 1]),
        make_batch([0, 2, 4], [0, 1, 1, 2, 2, 2, 0, 0, 1, 2], [0, 1, 2, 3, 0, 1, 2, 3, 3, 2], [1, 3, 0, 2]),
        make_batch([6, 1, 1, 0, 2], [0, 1, 2, 3, 4, 4, 4, 0, 0, 1, 2], [0, 0, 1, 1, 2, 0, 1, 2, 2, 1, 0], [1, 1, 2]),
    ]  # fmt: skip


def ragged(values, lengths, index):
    """The lists of `lengths` elements, one for each entry of `index`, and their lengths."""
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    lists = [values[starts[i] : starts[i] + lengths[i]] for i in index]
    return [v for one in lists for v in one], [len(one) for one in lists]


# Networks --------------------------------------------------------------------------------------------------


class Graph:
    """Student and teacher of one method: names of parameters, and logits."""

    def __init__(self, case):
        self.case = case
        self.task, self.method = case["task"], case["method"]
        self.except_ = MANNERS.get(case["manner"]) if "except" not in case else case["except"]
        self.has_teacher = self.method in TEACHERS and not case.get("soft_labels")
        self.tasks = [name for name, _, _ in LABELS] if self.method == "mtl" else ["click"]
        self.batch_norm = case.get("batch_norm", True)
        self.p = {}

    # Who owns what (section 4)

    def owner(self, feature, network):
        if feature in PRIVILEGED:
            return "teacher"
        if not self.has_teacher or self.method == "lupi" or self.except_ is None or feature in self.except_:
            return network
        return "shared"

    def history_owner(self, network):
        return self.owner("history", network)

    # Inputs, one row a sample

    def table(self, owner, feature):
        table, dimension = FEATURES[feature]
        return self.get(f"{owner}/{table}", ROWS[table], dimension)

    def features(self, names, network, batch):
        columns = []
        for feature in names:
            table = self.table(self.owner(feature, network), feature)
            values = batch["ids"][feature]
            if feature == "tags":
                values, lengths = ragged(values, batch["bags"], batch["item_index"])
                offsets = torch.tensor([0] + lengths[:-1]).cumsum(0)
                columns.append(F.embedding_bag(torch.tensor(values), table, offsets, mode="mean"))
                continue
            index = batch["user_index"] if feature in USER else batch["item_index"] if feature in ITEM else None
            columns.append(table[torch.tensor([values[i] for i in index] if index else values)])
        return columns

    def history(self, network, batch):
        if not self.case.get("sequence", True):
            return []
        owner = self.history_owner(network)
        name, width, inner = f"{owner}.sequence", sum(FEATURES[f][1] for f in EVENT), HEADS * HEAD_DIMENSION
        self.get(f"{name}.attention.qkv.weight", width, 3 * inner)
        self.get(f"{name}.attention.out.weight", inner, width)
        self.get_dense(f"{name}.feed_forward.0", width, FEED_FORWARD * width, True)
        self.get_dense(f"{name}.feed_forward.1", FEED_FORWARD * width, width, True)
        self.get_norm(f"{name}.norm1", width)
        self.get_norm(f"{name}.norm2", width)
        columns = []
        for field in EVENT:
            values, lengths = ragged(batch["ids"][field], batch["lengths"], batch["user_index"])
            columns.append(self.table(owner, field)[torch.tensor(values)])
        return [layers.sequence_block(*layers.padded(torch.cat(columns, dim=1), lengths), self.p, name, HEADS)]

    # Networks (sections 5.2 and 5.3)

    def student(self, batch, training=True, momentum=1.0):
        user = self.features(USER, "student", batch) + self.history("student", batch)
        item = self.features(ITEM, "student", batch)
        if self.task == "ctr":
            return self.inner_product("student", user, item, self.tasks, training, momentum)
        sample = self.features(INTERACTION[self.task], "student", batch)
        return self.mlp("student.mlp", user + item + sample, MLP, self.tasks, training, momentum)

    def teacher(self, batch, training=True, momentum=1.0):
        user, item, sample = [], [], []
        if self.method != "lupi":
            user = self.features(USER, "teacher", batch) + self.history("teacher", batch)
            item = self.features(ITEM, "teacher", batch)
            sample = self.features(INTERACTION[self.task], "teacher", batch)
        if self.method in SEES_PRIVILEGED:
            sample = sample + self.features(PRIVILEGED, "teacher", batch)
        if self.task == "ctr" and self.method == "pfd":
            return self.inner_product("teacher", user + sample, item, ["click"], training, momentum)[0]
        deep = self.task == "cvr" and self.method in ("md", "pfd+md")
        return self.mlp("teacher.mlp", user + item + sample, DEEP if deep else MLP, ["click"], training, momentum)[0]

    def inner_product(self, name, user, item, tasks, training, momentum):
        sides = [
            self.heads(f"{name}.{side}", x, MAPPING, HEAD, tasks, training, momentum)
            for side, x in (("user", user), ("item", item))
        ]
        logits = []
        for task, u, i in zip(tasks, *sides):
            cosine = (F.normalize(u, eps=1e-12) * F.normalize(i, eps=1e-12)).sum(dim=1)
            if self.case.get("learned_scale"):
                prefix = name if len(tasks) == 1 else f"{name}.{task}"
                scale, bias = self.get(f"{prefix}.scale", 1, 1), self.get(f"{prefix}.bias", 1, 1)
                logits.append(scale[0, 0] * cosine + bias[0, 0])
            else:
                logits.append(5 * cosine)
        return logits

    def mlp(self, name, x, widths, tasks, training, momentum):
        return [y[:, 0] for y in self.heads(name, x, widths + [1], HEAD + [1], tasks, training, momentum)]

    def heads(self, name, x, widths, head, tasks, training, momentum):
        x = torch.cat(x, dim=1)
        if len(tasks) == 1:
            return [self.stack(name, x, widths, False, training, momentum)]
        bottom = self.stack(f"{name}.shared", x, [SHARED], True, training, momentum)
        return [self.stack(f"{name}.{task}", bottom, head, False, training, momentum) for task in tasks]

    def stack(self, name, x, widths, activate_last, training, momentum):
        inputs = [x.shape[1]] + widths
        for i, width in enumerate(widths):
            activated = i < len(widths) - 1 or activate_last
            self.get_dense(f"{name}.{i}", inputs[i], width, bias=not (self.batch_norm and activated))
            if self.batch_norm and activated:
                self.get_norm(f"{name}.{i}.norm", width, running=True)
        return layers.mlp(x, self.p, name, len(widths), SLOPE, activate_last, training, momentum)

    # Parameters, from the pool when first asked for

    def get(self, name, rows, columns):
        if name not in self.p:
            start = POOL.start(name, rows, columns)
            self.p[name] = start.clone().requires_grad_("running" not in name)
        return self.p[name]

    def get_dense(self, name, rows, columns, bias):
        self.get(f"{name}.weight", rows, columns)
        if bias:
            self.get(f"{name}.bias", 1, columns)

    def get_norm(self, name, width, running=False):
        for part in ["gamma", "beta"] + (["running_mean", "running_variance"] if running else []):
            self.get(f"{name}.{part}", 1, width)

    def shapes(self):
        return sorted(f"{n} {t.shape[0]}x{t.shape[1]}" for n, t in self.p.items())

    # Eq. 5

    def losses(self, batch, momentum=1.0):
        """(L_s, L_d, L_t, auxiliary) as weighted means, and the logits."""
        labels = torch.tensor(batch["labels"])
        weights = torch.tensor(batch["weights"])
        mean = lambda loss: (weights * loss).sum() / weights.sum()
        log_loss = lambda logit, target: mean(F.binary_cross_entropy_with_logits(logit, target, reduction="none"))
        trains = self.case.get("trains", "both")
        teacher = student = distillation = teacher_loss = None
        if self.has_teacher:
            teacher = self.teacher(batch, training=trains != "student", momentum=momentum)
            teacher_loss = log_loss(teacher, labels[0])
        if trains == "teacher":
            return None, None, teacher_loss, [], None, teacher
        student = self.student(batch, momentum=momentum)
        student_loss = log_loss(student[0], labels[0])
        auxiliary = [
            log_loss(logit, label) if kind == "binary" else mean(F.mse_loss(logit, label, reduction="none"))
            for logit, label, (_, kind, _) in list(zip(student, labels, LABELS))[1:]
        ]
        if self.has_teacher:
            t = self.case.get("temperature", 1.0)
            distillation = t * t * log_loss(student[0] / t, torch.sigmoid(teacher.detach() / t))
        elif self.case.get("soft_labels"):
            distillation = log_loss(student[0], torch.tensor(batch["soft_labels"]))
        return student_loss, distillation, teacher_loss, auxiliary, student[0], teacher

    def gradients(self, batch, lambda_, momentum=1.0):
        ls, ld, lt, auxiliary, student, teacher = self.losses(batch, momentum)
        extra = sum((w * loss for loss, (_, _, w) in zip(auxiliary, LABELS[1:])), torch.zeros(()))
        taught = torch.zeros(()) if ls is None else ls + extra
        hard = taught
        if ld is not None:
            taught = (1 - lambda_) * ls + lambda_ * ld + extra
        own = torch.zeros(()) if lt is None or self.case.get("trains") == "student" else lt
        shared = {"joint": taught + own, "without_distillation": hard + own, "teacher_only": own}
        by_owner = {"student": taught, "teacher": own, "shared": shared[self.case.get("shared_gradient", "joint")]}
        result = {}
        for owner, objective in by_owner.items():
            names = [n for n, t in self.p.items() if n.startswith(owner) and t.requires_grad]
            if names and objective.requires_grad:
                found = torch.autograd.grad(
                    objective, [self.p[n] for n in names], allow_unused=True, retain_graph=True)  # fmt: skip
                result |= {n: g for n, g in zip(names, found) if g is not None}
        named = {"student": ls, "distillation": ld, "teacher": lt}
        named |= {f"auxiliary{i}": a for i, a in enumerate(auxiliary)}
        total = torch.tensor(batch["weights"]).sum()
        losses = {k: (v * total).item() for k, v in named.items() if v is not None}
        return result, losses, student, teacher


# Files -----------------------------------------------------------------------------------------------------


class Pool:
    """Starting values, the same for all cases where name and shape are."""

    def __init__(self):
        self.values = {}

    def start(self, name, rows, columns):
        key = f"{name} {rows}x{columns}"
        if key not in self.values:
            deviation = 0.8 if "/" in name else rows**-0.5 if name.endswith("weight") else 0.3
            value = deviation * torch.randn(rows, columns)
            if name.endswith("gamma"):
                value = 1 + value
            elif name.endswith("running_variance"):
                value = 0.5 + torch.rand(rows, columns)
            elif name.endswith("scale"):
                value = 4 + value
            self.values[key] = value.mul(1000).round().div(1000)
        return self.values[key]


POOL = Pool()


def rounded(tensor, digits=9):
    return [float(f"{v:.{digits}g}") for v in tensor.detach().flatten().tolist()]


def run_case(case, batches):
    graph = Graph(case)
    batch = batches[case["batch"]]
    if case.get("trains") == "teacher":
        graph.student(batch, momentum=0.0)  # has parameters, which must not move
    gradients, losses, student, teacher = graph.gradients(batch, case["lambda"])
    trained = {"student": ("student", "shared"), "teacher": ("teacher", "shared")}.get(case.get("trains"))
    for name, t in graph.p.items():
        # With momentum 1 the running statistics became the batch's, which is what a step reports.
        if "running" in name and (trained is None or name.startswith(trained)):
            gradients[name] = t
    result = case | {"losses": losses, "parameters": graph.shapes()}
    if student is not None:
        result["student_logits"] = rounded(student)
    if teacher is not None:
        result["teacher_logits"] = rounded(teacher)
    return result | {"gradients": {n: rounded(g) for n, g in sorted(gradients.items())}}


def run_training(case, batches):
    """Algorithm 1 with Adagrad: linear warm-up, the swapping step, PyTorch's running statistics."""
    graph = Graph(case)
    graph.losses(batches[0], momentum=0.0)  # asks for every parameter; moves nothing
    weights = [t for t in graph.p.values() if t.requires_grad]
    # From an accumulator of 0, the sign of a gradient's rounding error would decide a whole first step.
    optimiser = torch.optim.Adagrad(weights, lr=case["peak"], initial_accumulator_value=case["accumulator"])
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1, (step + 1) / case["warm_up"]))
    losses = []
    for step, batch in enumerate(batches):
        gradients, step_losses, _, _ = graph.gradients(
            batch, 0.0 if step < case["swapping_step"] else case["lambda"], case["momentum"])  # fmt: skip
        for name, t in graph.p.items():
            t.grad = gradients.get(name)
        optimiser.step()
        warm_up.step()
        losses.append(step_losses)
    return case | {
        "losses_by_step": losses,
        "parameters": graph.shapes(),
        "after": {n: rounded(t) for n, t in sorted(graph.p.items())},
    }


def all_methods(task):
    for method in ["baseline", "mtl"] + TEACHERS:
        for manner in MANNERS if method in TEACHERS else ["independent"]:
            yield {"name": f"{task} {method} {manner}", "task": task, "method": method, "manner": manner,
                   "lambda": 0.4, "batch": 0}  # fmt: skip


def options():
    def case(name, task, method, manner="share", **rest):
        return {"name": name, "task": task, "method": method, "manner": manner, "lambda": 0.7, "batch": 1} | rest

    return [
        case("temperature", "ctr", "pfd+md", temperature=2.5),
        case("temperature below one", "cvr", "pfd", "independent", temperature=0.5),
        case("learned scale of student and teacher", "ctr", "pfd", learned_scale=True),
        case("learned scale a task", "ctr", "mtl", "independent", learned_scale=True),
        case("no batch norm, inner product", "ctr", "pfd", batch_norm=False),
        case("no batch norm, tasks", "ctr", "mtl", "independent", batch_norm=False),
        case("no batch norm, MLP", "cvr", "pfd+md", batch_norm=False),
        case("L_d kept from shared inputs", "ctr", "pfd+md", "share*", shared_gradient="without_distillation"),
        case("shared inputs are the teacher's", "cvr", "pfd", shared_gradient="teacher_only"),
        case("soft label column", "ctr", "pfd", soft_labels=True),
        case("the student's own history", "ctr", "pfd+md", "share*", **{"except": ["history"]}),
        case("no history", "ctr", "pfd", sequence=False),
        case("asynchronous, the teacher's turn", "ctr", "pfd", "independent", trains="teacher"),
        case("asynchronous, the student's turn", "ctr", "pfd", "independent", trains="student"),
        case("lambda zero", "cvr", "pfd+md", **{"lambda": 0.0}),
        case("lambda one", "cvr", "pfd", **{"lambda": 1.0}),
    ]


def trainings():
    shared = {"lambda": 0.5, "swapping_step": 1, "peak": 0.01, "warm_up": 2, "momentum": 0.01,
              "accumulator": 1e-4}  # fmt: skip
    for task in ("ctr", "cvr"):
        for method, manner in (("baseline", "independent"), ("pfd+md", "share*")):
            yield {"name": f"{task} {method}", "task": task, "method": method, "manner": manner} | shared


def losses():
    """The losses alone: Eq. 6, L_d with a temperature, the mean squared error's terms."""
    x = torch.tensor([-100.0, -30, -3.5, -0.5, 0, 0.25, 2, 40, 90] + torch.randn(24).tolist()).requires_grad_()
    y = torch.cat([torch.tensor([0.0, 1, 1, 0, 1, 0, 1, 0, 1]), torch.randint(2, (24,)).double()])
    soft, real, weight = torch.rand(33), torch.randn(33), 0.5 + torch.rand(33)
    teacher, t = 3 * torch.randn(33), 2.5
    terms = {
        "log_loss": F.binary_cross_entropy_with_logits(x, y, weight, reduction="sum"),
        "soft_log_loss": F.binary_cross_entropy_with_logits(x, soft, weight, reduction="sum"),
        "squared_loss": (weight * F.mse_loss(x, real, reduction="none")).sum(),
    }
    distilled = t * t * F.binary_cross_entropy_with_logits(x / t, torch.sigmoid(teacher / t), weight, reduction="sum")
    tensors = {"x": x, "label": y, "soft": soft, "real": real, "weight": weight, "teacher": teacher,
               "cool": torch.sigmoid(teacher / t)}  # fmt: skip
    for name, loss in (terms | {"distillation": distilled}).items():
        tensors[f"{name}"] = loss
        tensors[f"d{name}"] = torch.autograd.grad(loss, x)[0]
    return {"temperature": t, "tensors": {k: rounded(v, 15) for k, v in tensors.items()}}


def write(path, cases, batches, **rest):
    used = {key for case in cases for key in case["parameters"]}
    document = {
        "script": "Scripts/goldens/methods.py", "torch": torch.__version__, "seed": SEED, "batches": batches,
        "initial": {k: v.flatten().tolist() for k, v in sorted(POOL.values.items()) if k in used}, "cases": cases,
    } | rest  # fmt: skip
    text = json.dumps(document, separators=(",", ":"))
    path.write_text(text.replace('},{"name"', '},\n{"name"').replace('],"', '],\n"') + "\n")


def main():
    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.float64)
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "Tests/DistillationTests/Goldens")
    folder.mkdir(exist_ok=True)
    batches = make_batches()
    for task in ("ctr", "cvr"):
        write(folder / f"methods-{task}.json", [run_case(c, batches) for c in all_methods(task)], batches)
    write(folder / "methods-options.json", [run_case(c, batches) for c in options()], batches, losses=losses())
    write(folder / "training.json", [run_training(c, batches) for c in trainings()], batches)


if __name__ == "__main__":
    main()
