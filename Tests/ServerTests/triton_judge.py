"""Judges the server by the real tritonclient: health, metadata, and scores in JSON, in binary, and mixed.

    triton_judge.py PORT EXPECTED.json

EXPECTED.json: {"name", "version", "user": {...}, "items": [{...}], "scores": [...], "conversions": [...]}, where the
scores come from the library and not from the server. Prints "agreed" and exits with 0 when all holds.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

port, expected = sys.argv[1], json.load(open(sys.argv[2]))
client = triton.InferenceServerClient(f"127.0.0.1:{port}")
name, version = expected["name"], expected["version"]

assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready(name) and client.is_model_ready(name, version)
assert not client.is_model_ready("another")
server = client.get_server_metadata()
assert server["name"] == "hindsight" and "binary_tensor_data" in server["extensions"], server
model = client.get_model_metadata(name)
assert model["name"] == name and model["versions"] == [version], model
inputs = {tensor["name"]: tensor for tensor in model["inputs"]}
assert inputs["user_id"]["datatype"] == "BYTES" and inputs["user_id"]["shape"] == [-1]
assert inputs["age"]["datatype"] == "FP64" and inputs["history_item"]["shape"] == [-1, -1]
assert [tensor["name"] for tensor in model["outputs"]][0] == "score"
assert "dwell_secret" not in inputs

user, items = expected["user"], expected["items"]
rows = len(items)


def texts(values, shape):
    return np.array([str(value).encode() for value in values], dtype=np.object_).reshape(shape)


def tensors(binary, repeat_user, wide=False):
    """The request, with the user once or once a row; `wide` adds missing elements at the ends of lists."""
    count = rows if repeat_user else 1
    tags = max(len(item["tags"]) for item in items) + (2 if wide else 0)
    events = len(user["history_item"])
    pad = 3 if wide else 0
    columns = {
        "user_id": np.full([count], user["user_id"], np.int64),
        "age": np.full([count, 1], user["age"], np.float64),
        "history_item": texts((user["history_item"] + [""] * pad) * count, [count, events + pad]),
        "history_gap": np.array((user["history_gap"] + [np.nan] * pad) * count, np.float64).reshape([count, events + pad]),
        "item_id": texts([item["item_id"] for item in items], [rows]),
        "price": np.array([item["price"] for item in items], np.float64),
        "tags": texts(
            [tag for item in items for tag in item["tags"] + [""] * (tags - len(item["tags"]))], [rows, tags]),
    }
    types = {"user_id": "INT64", "age": "FP64", "history_gap": "FP64", "price": "FP64"}
    result = []
    for column, values in columns.items():
        if not binary and values.dtype == np.float64 and np.isnan(values).any():
            continue  # JSON has no NaN; the binary form is asked for that.
        tensor = triton.InferInput(column, list(values.shape), types.get(column, "BYTES"))
        tensor.set_data_from_numpy(values, binary_data=binary)
        result.append(tensor)
    return result


def close(found, wanted):
    assert found.dtype == np.float32 and found.shape == (rows,), (found.dtype, found.shape)
    assert np.array_equal(found, np.array(wanted, np.float32)), (found, wanted)


checks = 0
for binary_in in (True, False):
    for binary_out in (True, False):
        for repeat_user in (True, False):
            answer = client.infer(
                name, tensors(binary_in, repeat_user), request_id="7",
                outputs=[
                    triton.InferRequestedOutput("score", binary_data=binary_out),
                    triton.InferRequestedOutput("cvr", binary_data=not binary_out),
                ])
            close(answer.as_numpy("score"), expected["scores"])
            close(answer.as_numpy("cvr"), expected["conversions"])
            head = answer.get_response()
            assert head["id"] == "7" and head["model_name"] == name and head["model_version"] == version
            checks += 1

close(client.infer(name, tensors(True, True, wide=True), model_version=version).as_numpy("score"), expected["scores"])


def refused(call, *words):
    try:
        call()
    except InferenceServerException as error:
        assert all(word in str(error) for word in words), error
        return 1
    raise AssertionError(f"expected a refusal with {words}")


checks += refused(lambda: client.infer("another", tensors(True, False)), "another")
checks += refused(lambda: client.infer(name, tensors(True, False), model_version="other"), version)
checks += refused(
    lambda: client.infer(name, tensors(True, False), outputs=[triton.InferRequestedOutput("vector")]), "vector", "score")
checks += refused(
    lambda: client.infer(
        name, tensors(True, False), outputs=[triton.InferRequestedOutput("score", class_count=2)]), "extension")
secret = triton.InferInput("dwell_secret", [1], "FP64")
secret.set_data_from_numpy(np.array([3.0]))
checks += refused(lambda: client.infer(name, tensors(True, False) + [secret]), "dwell_secret", "privileged")
nothing = triton.InferInput("price", [3], "FP64")
nothing.set_data_from_numpy(np.array([1.0, 2.0, 3.0]))
checks += refused(lambda: client.infer(name, tensors(True, False)[:-2] + [nothing]), "price", "rows")
print(f"agreed on {checks} checks")
