#!/usr/bin/env python3
"""ONNX twins of a model package's networks, and their scores.

    Scripts/export-onnx.py export PACKAGE                 writes PACKAGE/onnx/*.onnx, checked by onnx.checker
    Scripts/export-onnx.py run PACKAGE INPUTS SCORES      scores row ids with onnxruntime (what `hindsight parity` calls)

Needs onnx, onnxruntime, numpy and safetensors (pip install onnx onnxruntime numpy safetensors).

A CTR package gives user_mapping.onnx and item_mapping.onnx (the score is sigmoid(scale * <user, item> + bias); scale
and bias stand in both files' metadata), a CVR package fine_ranker.onnx. Inputs are row ids by feature name, int64:
[batch] for one value; [batch, values] for several and for the fields of the behaviour sequence, padded with -1. The
batch and the numbers of values are dynamic. Tables are float32 in ONNX, however the package keeps them. Row ids come from the package's encoder.json. `hindsight.model` in each
file's metadata is the model version.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

OPSET = 17  # the first with LayerNormalization
EPSILON = 1e-5


class Package:
    def __init__(self, path):
        self.path = Path(path)
        self.manifest = json.loads((self.path / "manifest.json").read_text())
        if (self.manifest["format"], self.manifest["formatVersion"]) != ("hindsight-package", 1):
            sys.exit(f"error: {path}: not a hindsight-package of format 1")
        self.schema = json.loads((self.path / "schema.json").read_text())
        self.student = self.manifest["student"]
        self.weights = read_weights(self.path / "weights.safetensors")
        self.version = self.manifest["version"]

    def table(self, index):
        return "tables/" + self.student["tables"][index]["name"]

    def features(self, side):
        """(name, bag, table) of the regular features of a side, in the schema's order."""
        return [
            (f["encoding"]["name"], f["encoding"].get("bag"), self.table(t))
            for f, t in zip(self.schema["regular"], self.student["featureTables"]) if f["side"] == side]

    def fields(self):
        sequence = self.schema.get("sequence")
        if not sequence:
            return []
        return [(f["name"], self.table(t)) for f, t in zip(sequence["fields"], self.student["fieldTables"])]

    def scale_and_bias(self):
        if self.student["learnedScale"]:
            return float(self.weights["dense/scale"].item()), float(self.weights["dense/bias"].item())
        return float(self.student["scale"]), 0.0


def read_weights(path):
    """All tensors as float32. NumPy has no bfloat16, so the file is read by hand; int8 rows get their scale."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "BF16":
            value = (np.frombuffer(data[start:end], np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            value = np.frombuffer(data[start:end], {"F32": np.float32, "I8": np.int8}[entry["dtype"]])
        tensors[name] = value.reshape(entry["shape"])
    for name in [n for n, value in tensors.items() if value.dtype == np.int8]:
        tensors[name] = tensors[name].astype(np.float32) * tensors["scales/" + name.removeprefix("tables/")]
    return tensors


class Graph:
    """A list of nodes that grows; methods take and give the names of values."""

    def __init__(self, package):
        self.package = package
        self.nodes, self.inputs, self.constants = [], [], {}
        self.count = 0

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value, dtype=np.float32, name=None):
        value = np.asarray(value, dtype)
        name = name or f"c{len(self.constants)}"
        self.constants.setdefault(name, numpy_helper.from_array(value, name))
        return name

    def weight(self, name):
        """A tensor of the package; dense ones of one row as vectors."""
        value = self.package.weights[name]
        if name.startswith("dense/") and value.shape[0] == 1 and not name.endswith(".weight"):
            value = value[0]
        return self.constant(value, name=name)

    def rows(self, name, is_list):
        shape = ["batch", f"{name} values"] if is_list else ["batch"]
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, shape))
        return name

    def embed(self, ids, table):
        return self.op("Gather", self.weight(table), ids, axis=0)

    def padded(self, ids):
        """Row ids with padding as row 0, and the mask [batch, values, 1] of what is no padding."""
        zero = self.constant(0, np.int64)
        kept = self.op("Cast", self.op("GreaterOrEqual", ids, zero), to=TensorProto.FLOAT)
        return self.op("Max", ids, zero), self.op("Unsqueeze", kept, self.constant([2], np.int64))

    def pool(self, x, mask, mean):
        """Sum or mean over the values; none gives zeros."""
        axis = self.constant([1], np.int64)
        total = self.op("ReduceSum", self.op("Mul", x, mask), axis, keepdims=0)
        if not mean:
            return total
        number = self.op("ReduceSum", mask, axis, keepdims=0)
        return self.op("Div", total, self.op("Max", number, self.constant(1)))

    def features(self, side):
        parts = []
        for name, bag, table in self.package.features(side):
            ids = self.rows(name, bag is not None)
            if bag is None:
                parts.append(self.embed(ids, table))
            else:
                ids, mask = self.padded(ids)
                parts.append(self.pool(self.embed(ids, table), mask, bag == "mean"))
        return parts

    def dense(self, x, name, bias):
        y = self.op("MatMul", x, self.weight(f"dense/{name}.weight"))
        return self.op("Add", y, self.weight(f"dense/{name}.bias")) if bias else y

    def layer_norm(self, x, name):
        return self.op(
            "LayerNormalization", x, self.weight(f"dense/{name}.gamma"), self.weight(f"dense/{name}.beta"), axis=-1,
            epsilon=EPSILON)

    def activation(self, x, name):
        student = self.package.student
        if student["batchNorm"]:
            running = lambda part: self.package.weights[f"dense/{name}.norm.{part}"][0]
            rstd = 1 / np.sqrt(running("running_variance") + np.float32(EPSILON))
            x = self.op("Sub", x, self.weight(f"dense/{name}.norm.running_mean"))
            x = self.op("Mul", x, self.constant(rstd * running("gamma")))
            x = self.op("Add", x, self.weight(f"dense/{name}.norm.beta"))
        return self.op("LeakyRelu", x, alpha=float(student["leakySlope"]))

    def stack(self, x, name, layers):
        """Linear layers with activations between; the last has a bias, the others when nothing normalises them."""
        for i in range(layers):
            last = i == layers - 1
            x = self.dense(x, f"{name}.{i}", bias=last or not self.package.student["batchNorm"])
            if not last:
                x = self.activation(x, f"{name}.{i}")
        return x

    def heads(self, x, part, of):
        """Part `part` of `of` of the last axis, [batch, events, heads d] -> [batch, heads, events, d]."""
        attention = self.package.student["attention"]
        heads, d = attention["heads"], attention["headDimension"]
        start, end = part * heads * d, (part + 1) * heads * d
        if of > 1:
            x = self.op(
                "Slice", x, self.constant([start], np.int64), self.constant([end], np.int64), self.constant([2], np.int64))
        x = self.op("Reshape", x, self.constant([0, 0, heads, d], np.int64))
        return self.op("Transpose", x, perm=[0, 2, 1, 3])

    def sequence(self):
        """[] or [[batch, width]]: one layer of self-attention over the events, averaged."""
        fields = self.package.fields()
        if not fields:
            return []
        attention = self.package.student["attention"]
        embedded, mask = [], None
        for name, table in fields:
            ids, kept = self.padded(self.rows(name, True))
            mask = mask or kept
            embedded.append(self.embed(ids, table))
        x = embedded[0] if len(embedded) == 1 else self.op("Concat", *embedded, axis=2)
        qkv = self.dense(x, "sequence.attention.qkv", bias=False)
        q, k, v = (self.heads(qkv, part, of=3) for part in range(3))
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = self.op("Mul", scores, self.constant(attention["headDimension"] ** -0.5))
        # Padding gets a score so low that its weight is exactly 0.
        absent = self.op("Mul", self.op("Sub", mask, self.constant(1)), self.constant(1e30))
        absent = self.op("Unsqueeze", self.op("Transpose", absent, perm=[0, 2, 1]), self.constant([1], np.int64))
        attended = self.op("MatMul", self.op("Softmax", self.op("Add", scores, absent), axis=-1), v)
        attended = self.op("Transpose", attended, perm=[0, 2, 1, 3])
        attended = self.op("Reshape", attended, self.constant([0, 0, attention["heads"] * attention["headDimension"]], np.int64))
        h = self.layer_norm(self.op("Add", x, self.dense(attended, "sequence.attention.out", bias=False)), "sequence.norm1")
        hidden = self.op("Relu", self.dense(h, "sequence.feed_forward.0", bias=True))
        z = self.layer_norm(self.op("Add", h, self.dense(hidden, "sequence.feed_forward.1", bias=True)), "sequence.norm2")
        return [self.pool(z, mask, mean=True)]

    def joined(self, parts):
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=1)

    def mapping(self, parts, name):
        x = self.stack(self.joined(parts), name, len(self.package.student["layers"]))
        norm = self.op("ReduceL2", x, axes=[1], keepdims=1)
        return self.op("Div", x, self.op("Max", norm, self.constant(1e-12)))

    def save(self, value, name, shape, path):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, Path(path).stem, self.inputs, [output], list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="hindsight")
        model.ir_version = 8
        scale, bias = self.package.scale_and_bias()
        helper.set_model_props(
            model, {"hindsight.model": self.package.version, "hindsight.scale": repr(scale), "hindsight.bias": repr(bias)})
        onnx.save(model, str(path))
        onnx.checker.check_model(str(path), full_check=True)


def export(path):
    package = Package(path)
    folder = package.path / "onnx"
    folder.mkdir(exist_ok=True)
    if package.student["task"] == "ctr":
        width = package.student["layers"][-1]
        graph = Graph(package)
        vector = graph.mapping(graph.features("user") + graph.sequence(), "user")
        graph.save(vector, "user_vector", ["batch", width], folder / "user_mapping.onnx")
        graph = Graph(package)
        vector = graph.mapping(graph.features("item"), "item")
        graph.save(vector, "item_vector", ["batch", width], folder / "item_mapping.onnx")
    else:
        graph = Graph(package)
        parts = graph.features("user") + graph.sequence() + graph.features("item") + graph.features("interaction")
        logits = graph.stack(graph.joined(parts), "mlp", len(package.student["layers"]) + 1)
        scores = graph.op("Squeeze", graph.op("Sigmoid", logits), graph.constant([1], np.int64))
        graph.save(scores, "score", ["batch"], folder / "fine_ranker.onnx")


def run(path, inputs, scores):
    import onnxruntime

    package = Package(path)
    values = load_file(inputs)

    def outputs(name):
        session = onnxruntime.InferenceSession(str(package.path / "onnx" / name), providers=["CPUExecutionProvider"])
        if session.get_modelmeta().custom_metadata_map.get("hindsight.model") != package.version:
            sys.exit(f"error: {path}/onnx/{name} belongs to another model than {package.version}")
        wanted = [i.name for i in session.get_inputs()]
        count = len(next(iter(values.values())))
        # Batches of an odd size: the batch is dynamic, and memory stays small.
        parts = [
            session.run(None, {n: values[n][start:start + 1009] for n in wanted})[0] for start in range(0, count, 1009)]
        return np.concatenate(parts) if parts else np.zeros((0,), np.float32)

    if package.student["task"] == "ctr":
        scale, bias = package.scale_and_bias()
        logits = np.float32(scale) * np.sum(outputs("user_mapping.onnx") * outputs("item_mapping.onnx"), axis=1)
        result = 1 / (1 + np.exp(-(logits + np.float32(bias))))
    else:
        result = outputs("fine_ranker.onnx")
    save_file({"score": np.ascontiguousarray(result, np.float32)}, scores)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["export", package]:
            export(package)
        case ["run", package, inputs, scores]:
            run(package, inputs, scores)
        case _:
            sys.exit(__doc__)
