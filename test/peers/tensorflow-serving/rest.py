"""The REST side, from the page "RESTful API" of TensorFlow Serving: JSON to messages, messages to JSON."""

import base64
import binascii
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

import answers
from servables import Failure, invalid

MODEL = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
CALL = re.compile(MODEL + r":(classify|regress|predict)", re.IGNORECASE)
LOOK = re.compile(MODEL + r"(/metadata)?", re.IGNORECASE)

HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNAVAILABLE: 503,
}


# ---- JSON in


def is_base64(value):
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def decode_base64(value):
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error as error:
        raise invalid("Unable to base64 decode") from error


def kind_of(value):
    names = {dict: "Object", list: "Array", str: "String", bool: "True" if value else "False", type(None): "Null"}
    return names.get(type(value), "Number")


def element(value, dtype):
    wrong = invalid(f"JSON Value: {json.dumps(value)} Type: {kind_of(value)} is not of expected type: {dtype.name}")
    if dtype == tf.string:
        if is_base64(value):
            return decode_base64(value)
        if isinstance(value, str):
            return value.encode("utf-8", "surrogatepass")
        raise wrong
    if dtype == tf.bool:
        if isinstance(value, bool):
            return value
        raise wrong
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong
    if dtype.is_integer:
        if isinstance(value, float) or not dtype.min <= value <= dtype.max:
            raise wrong
        return value
    if isinstance(value, int) and abs(value) >= 2 ** (24 if dtype == tf.float32 else 53):
        raise invalid(f"Cannot convert JSON value: {value} to {dtype.name} without loss of precision.")
    return value


def array_of(value, dtype):
    """Nested lists of one depth, each level of one length."""
    shape = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    flat = []

    def walk(part, depth):
        if not isinstance(part, list):
            if depth != len(shape):
                place = f"found at incorrect level: {depth + 1} in the JSON DOM. Expected at level: {len(shape)}"
                raise invalid(f"JSON Value: {json.dumps(part)} {place}")
            flat.append(element(part, dtype))
            return
        if depth >= len(shape):
            raise invalid(f"Encountered list at unexpected level: {depth} expected < {len(shape)}")
        if len(part) != shape[depth]:
            raise invalid(f"Encountered list at unexpected size: {len(part)} at level: {depth} expected size: {shape[depth]}")
        for item in part:
            walk(item, depth + 1)

    walk(value, 0)
    result = np.empty(len(flat), dtype=object if dtype == tf.string else dtype.as_numpy_dtype)
    result[:] = flat
    return result.reshape(shape)


def from_instances(instances, dtypes):
    if not isinstance(instances, list):
        raise invalid("Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid("No values in 'instances' array")
    named = isinstance(instances[0], dict) and not is_base64(instances[0])
    if not named and len(dtypes) > 1:
        raise invalid("instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map")
    stacks = {name: [] for name in dtypes}
    for position, instance in enumerate(instances):
        failed = f"Failed to process element: {position} of 'instances' list."
        if (isinstance(instance, dict) and not is_base64(instance)) != named:
            raise invalid(f"Expecting {'object but got list' if named else 'value/list but got object'} at item {position} of input list")
        row = instance if named else {next(iter(dtypes)): instance}
        if set(row) != set(dtypes):
            raise invalid(f"{failed} JSON object: keys must be equal to: {','.join(sorted(dtypes))}")
        for name, value in row.items():
            try:
                item = array_of(value, dtypes[name])
            except Failure as failure:
                raise invalid(f"{failed} Error: {failure.message}") from failure
            if stacks[name] and stacks[name][0].shape != item.shape:
                raise invalid(f"{failed} Error: Expecting shape {stacks[name][0].shape} but got: {item.shape}")
            stacks[name].append(item)
    return {name: np.stack(items) for name, items in stacks.items()}


def from_inputs(inputs, dtypes):
    if not isinstance(inputs, dict) or is_base64(inputs):
        if len(dtypes) > 1:
            raise invalid("inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map")
        inputs = {next(iter(dtypes)): inputs}
    for name in dtypes:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: array_of(inputs[name], dtype) for name, dtype in dtypes.items()}


def example_of(value):
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {kind_of(value)}")
    example = tf.train.Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            if isinstance(item, (bool, int)):
                kind, item = "int64_list", int(item)
            elif isinstance(item, float):
                kind = "float_list"
            elif isinstance(item, str) or is_base64(item):
                kind, item = "bytes_list", item.encode() if isinstance(item, str) else decode_base64(item)
            else:
                raise invalid(f"Feature: {name} has element with unexpected JSON type: {kind_of(item)}")
            if feature.WhichOneof("kind") not in (None, kind):
                raise invalid(f"Unexpected element type in feature: {name} expecting type: {feature.WhichOneof('kind')}")
            getattr(feature, kind).value.append(item)
    return example


# ---- JSON out: bare NaN and Infinity, and strings byte for byte, be they UTF-8 or not


def decimal(value):
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:g}"
    if type(value)(text) != value:
        text = f"{value:.{17 if isinstance(value, np.float64) else 9}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def text_of(value, as_base64=False):
    if isinstance(value, bytes) and as_base64:
        value = {"b64": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        if value.ndim:
            return f"[{', '.join(text_of(part, as_base64) for part in value)}]"
        value = value[()]
        return text_of(value, as_base64)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)}: {text_of(item)}' for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(text_of(item) for item in value)}]"
    if isinstance(value, bytes):
        return json.dumps(value.decode("utf-8", "surrogateescape"), ensure_ascii=False)
    if isinstance(value, np.floating):
        return decimal(value)
    if isinstance(value, np.generic):
        return json.dumps(value.item())
    return json.dumps(value, ensure_ascii=False)


def is_bytes(name):
    return name.endswith("_bytes")


def under_names(texts):
    """One alone loses its name."""
    if len(texts) == 1:
        return next(iter(texts.values()))
    return f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in texts.items())}}}"


def predictions(outputs):
    sizes = {array.shape[0] if array.ndim else None for array in outputs.values()}
    if len(sizes) > 1 or None in sizes:
        raise invalid("Tensor has no shape information, or an inconsistent batch size")
    rows = [
        under_names({name: text_of(np.asarray(array[row]), is_bytes(name)) for name, array in outputs.items()})
        for row in range(sizes.pop())
    ]
    return f'{{"predictions": [{", ".join(rows)}]}}'


def columns(outputs):
    return f'{{"outputs": {under_names({name: text_of(array, is_bytes(name)) for name, array in outputs.items()})}}}'


# ---- the paths


def parsed(body):
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {json.dumps(document)} Is not object")
    if not isinstance(document.get("signature_name", ""), str):
        raise invalid("JSON Value: not formatted correctly. 'signature_name' key must be a string value.")
    return document


def predict(servables, spec, document):
    version = servables.find(spec)
    name = spec.signature_name or answers.DEFAULT_SIGNATURE
    if name not in version.signatures:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    dtypes = {key: tf.as_dtype(info.dtype) for key, info in version.signatures[name].inputs.items()}
    if ("instances" in document) == ("inputs" in document):
        if "inputs" in document:
            raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
        raise invalid("Missing 'inputs' or 'instances' key")
    by_row = "instances" in document
    arrays = from_instances(document["instances"], dtypes) if by_row else from_inputs(document["inputs"], dtypes)
    request = predict_pb2.PredictRequest(model_spec=spec)
    for key, array in arrays.items():
        request.inputs[key].CopyFrom(answers.tensor_proto(array))
    response = answers.predict(servables, request)
    outputs = {key: tf.make_ndarray(proto) for key, proto in sorted(response.outputs.items())}
    return predictions(outputs) if by_row else columns(outputs)


def fill_examples(request, document):
    examples = document.get("examples")
    if not isinstance(examples, list) or not examples:
        raise invalid("key 'examples' is expected to be a list/array that is not empty")
    messages = [example_of(example) for example in examples]
    if "context" in document:
        request.input.example_list_with_context.context.CopyFrom(example_of(document["context"]))
        request.input.example_list_with_context.examples.extend(messages)
    else:
        request.input.example_list.examples.extend(messages)
    return request


def classify(servables, spec, document):
    request = fill_examples(classification_pb2.ClassificationRequest(model_spec=spec), document)
    rows = answers.classify(servables, request).result.classifications
    return text_of({"results": [[[each.label, np.float32(each.score)] for each in row.classes] for row in rows]})


def regress(servables, spec, document):
    request = fill_examples(regression_pb2.RegressionRequest(model_spec=spec), document)
    return text_of({"results": [np.float32(each.value) for each in answers.regress(servables, request).result.regressions]})


def printed(message):
    return json_format.MessageToJson(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def status(servables, spec):
    return printed(servables.status(spec))


def metadata(servables, spec):
    request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
    response = answers.metadata(servables, request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return f'{{"model_spec": {printed(response.model_spec)}, "metadata": {{"signature_def": {printed(signatures)}}}}}'


def spec_of(match):
    spec = model_pb2.ModelSpec(name=unquote(match[1]))
    if match[2]:
        spec.version.value = int(match[2])
    if match[3]:
        spec.version_label = unquote(match[3])
    return spec


def answer(servables, method, path, body):
    if method == "POST" and (match := CALL.fullmatch(path)):
        document = parsed(body)
        spec = spec_of(match)
        spec.signature_name = document.get("signature_name", "")
        return {"predict": predict, "classify": classify, "regress": regress}[match[4].lower()](servables, spec, document)
    if method == "GET" and (match := LOOK.fullmatch(path)):
        return (metadata if match[4] else status)(servables, spec_of(match))
    raise invalid(f"Malformed request: {method} {path}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece.
    wbufsize = -1
    servables = None

    def handle_request(self):
        body = self.read_body()
        path = self.path.partition("?")[0]
        if not path.lower().startswith("/v1/"):
            return self.reply(404, "text/html", "<html><body><h1>Not Found</h1></body></html>\n")
        try:
            return self.reply(200, "application/json", answer(self.servables, self.command, path, body))
        except Failure as failure:
            return self.reply(HTTP_STATUS.get(failure.code, 500), "application/json", json.dumps({"error": failure.message}))

    do_GET = do_POST = do_PUT = do_DELETE = handle_request

    def read_body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def reply(self, status_code, content_type, text):
        body = text.encode("utf-8", "surrogateescape")
        self.send_response(status_code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(servables, host, port):
    server = ThreadingHTTPServer((host, port), type("Bound", (Handler,), {"servables": servables}))
    server.daemon_threads = True
    server.serve_forever()
