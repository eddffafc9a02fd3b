"""The requests of PredictionService: messages of tensorflow-serving-api in, messages out. REST and gRPC both end here."""

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, predict_pb2, regression_pb2

from servables import Failure, invalid

DEFAULT_SIGNATURE = "serving_default"

FIELDS = {
    "float16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "object": "string_val",
}


def tensor_proto(array):
    """In the typed field, as TensorFlow Serving answers, not in `tensor_content`."""
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    field = FIELDS.get(array.dtype.name, "int_val")
    values = array.reshape(-1)
    getattr(proto, field).extend(values.view(np.uint16).tolist() if field == "half_val" else values.tolist())
    return proto


def fill_spec(spec, version, signature_name):
    spec.name = version.name
    spec.version.value = version.number
    spec.signature_name = signature_name


def predict(servables, request):
    version = servables.find(request.model_spec)
    signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if signature_name not in version.signatures:
        raise Failure(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature_name}" not found.')
    try:
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    except (TypeError, ValueError) as error:
        raise invalid(f"Tensor not readable: {error}") from error
    outputs = version.run(signature_name, inputs, list(request.output_filter))
    response = predict_pb2.PredictResponse(outputs={name: tensor_proto(array) for name, array in outputs.items()})
    fill_spec(response.model_spec, version, signature_name)
    return response


def run_examples(servables, request, kind, names):
    version = servables.find(request.model_spec)
    signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = version.signatures.get(signature_name)
    if signature is None:
        raise invalid(f"No signature was found with the name: {signature_name}")
    if list(signature.inputs) != ["inputs"] or not set(signature.outputs) <= names:
        raise invalid(f"Expected a {kind} signature. Was: {signature_name}")
    context = b""
    examples = request.input.example_list.examples
    if request.input.WhichOneof("kind") == "example_list_with_context":
        context = request.input.example_list_with_context.context.SerializeToString()
        examples = request.input.example_list_with_context.examples
    if not examples:
        raise invalid("Input is empty.")
    serialized = np.array([context + example.SerializeToString() for example in examples], dtype=object)
    return version, len(examples), version.run(signature_name, {"inputs": serialized})


def classify(servables, request):
    version, count, outputs = run_examples(servables, request, "classification", {"classes", "scores"})
    response = classification_pb2.ClassificationResponse()
    fill_spec(response.model_spec, version, request.model_spec.signature_name)
    classes, scores = outputs.get("classes"), outputs.get("scores")
    for row in range(count):
        classifications = response.result.classifications.add()
        for column in range((classes if classes is not None else scores).shape[1]):
            label = classes[row, column].decode() if classes is not None else ""
            classifications.classes.add(label=label, score=scores[row, column] if scores is not None else 0)
    return response


def regress(servables, request):
    version, _, outputs = run_examples(servables, request, "regression", {"outputs"})
    response = regression_pb2.RegressionResponse()
    fill_spec(response.model_spec, version, request.model_spec.signature_name)
    for value in outputs["outputs"].reshape(-1):
        response.result.regressions.add(value=value)
    return response


def metadata(servables, request):
    for field in request.metadata_field:
        if field != "signature_def":
            raise invalid(f"Metadata field {field} is not supported")
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    version = servables.find(request.model_spec)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    fill_spec(response.model_spec, version, "")
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=version.signatures)
    response.metadata["signature_def"].Pack(signatures)
    return response
