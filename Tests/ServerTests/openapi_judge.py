"""Holds the server's real answers against its OpenAPI file.

    openapi_judge.py PORT TOKEN PACKAGE

Checks that the file is OpenAPI 3.1, then asks every operation for an answer (most of them for an error as well), and
checks status and body against what the file says. An operation that was not asked fails the test.
"""

import http.client
import json
import sys

import jsonschema
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

port, token, package = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def ask(method, path, body=None, admin=False, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = dict(headers or {})
    if admin:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body) if isinstance(body, (dict, list)) else body
    connection.request(method, path, data, headers)
    response = connection.getresponse()
    return response, response.read()


response, raw = ask("GET", "/openapi.json")
document = json.loads(raw)
assert document["openapi"].startswith("3.1")
validate(document, cls=OpenAPIV31SpecValidator)

resolver = {"$defs": {}, **document}
status = json.loads(ask("GET", "/v1/status")[1])
model, version = status["model"], status["version"]
user = {"user_id": 3, "age": 7.5, "history_item": ["item 4"], "history_gap": [5]}
inference = {
    "inputs": [
        {"name": "age", "datatype": "FP64", "shape": [1], "data": [7.5]},
        {"name": "item_id", "datatype": "BYTES", "shape": [2], "data": ["item 1", "item 2"]},
    ]
}
item = {"id": "new", "features": {"item_id": "item 3", "price": 1.5, "tags": ["t1"]}, "price": 2.5, "category": "kind 1"}

# operation, method, path, body, admin, status
calls = [
    ("page", "GET", "/", None, False, 200),
    ("openAPI", "GET", "/openapi.json", None, False, 200),
    ("metrics", "GET", "/metrics", None, False, 200),
    ("status", "GET", "/v1/status", None, False, 200),
    ("rank", "POST", "/v1/rank", {"user": user, "k": 3, "stages": True}, False, 200),
    ("rank", "POST", "/v1/rank", {"user": user, "candidates": ["item 1", 7], "exponents": {"cvr": 0}}, False, 200),
    ("rank", "POST", "/v1/rank", {"user": {"dwell_secret": 1}}, False, 400),
    ("rank", "POST", "/v1/rank", "{", False, 400),
    ("score", "POST", "/v1/score", {"requests": [{"user": user, "candidates": [{"item_id": "item 1"}]}]}, False, 200),
    ("score", "POST", "/v1/score", {"requests": [], "head": "none"}, False, 400),
    ("serverMetadata", "GET", "/v2", None, False, 200),
    ("live", "GET", "/v2/health/live", None, False, 200),
    ("ready", "GET", "/v2/health/ready", None, False, 200),
    ("modelMetadata", "GET", f"/v2/models/{model}", None, False, 200),
    ("modelMetadata", "GET", "/v2/models/none", None, False, 404),
    ("modelReady", "GET", f"/v2/models/{model}/ready", None, False, 200),
    ("modelMetadataOfVersion", "GET", f"/v2/models/{model}/versions/{version}", None, False, 200),
    ("modelReadyOfVersion", "GET", f"/v2/models/{model}/versions/{version}/ready", None, False, 200),
    ("modelReadyOfVersion", "GET", f"/v2/models/{model}/versions/0/ready", None, False, 404),
    ("infer", "POST", f"/v2/models/{model}/infer", inference, False, 200),
    ("infer", "POST", f"/v2/models/{model}/infer", {"inputs": []}, False, 400),
    ("inferOfVersion", "POST", f"/v2/models/{model}/versions/{version}/infer", inference, False, 200),
    ("upsertItems", "POST", "/v1/items/upsert", {"items": [item]}, True, 200),
    ("upsertItems", "POST", "/v1/items/upsert", {"items": [{"id": "x"}]}, True, 400),
    ("upsertItems", "POST", "/v1/items/upsert", {"items": [item]}, False, 401),
    ("removeItems", "POST", "/v1/items/remove", {"ids": ["new"]}, True, 200),
    ("rollback", "POST", "/v1/models/rollback", None, True, 409),
    ("load", "POST", "/v1/models/load", {"path": "/nowhere"}, True, 422),
    ("load", "POST", "/v1/models/load", {"path": package}, True, 200),
    ("rollback", "POST", "/v1/models/rollback", None, True, 200),
]

operations = {
    operation["operationId"]: operation
    for path in document["paths"].values() for method, operation in path.items() if method in ("get", "post")
}
asked = set()
for name, method, path, body, admin, wanted in calls:
    response, raw = ask(method, path, body, admin)
    where = f"{method} {path} {body}: {response.status} {raw[:300]}"
    assert response.status == wanted, where
    assert response.headers["X-Request-Id"], where
    described = operations[name]["responses"].get(str(wanted))
    assert described is not None, f"{where}: the file does not know this status"
    if "$ref" in described:
        described = document["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    kind = response.headers["Content-Type"].split(";")[0]
    assert kind in described["content"], f"{where}: {kind}"
    if kind == "application/json":
        schema = {**described["content"][kind]["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(json.loads(raw))
    if wanted == 200 and method == "POST" and isinstance(body, dict):
        schema = operations[name]["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(body)
    asked.add(name)

missing = set(operations) - asked
assert not missing, f"not asked: {missing}"
print(f"agreed on {len(calls)} answers of {len(operations)} operations")
