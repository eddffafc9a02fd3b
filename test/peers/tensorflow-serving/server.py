"""A stand-in for tensorflow_model_server, which no package ships: TensorFlow runs real SavedModels, and the messages and stubs are those of
tensorflow-serving-api. Flags as the original's, `--load_delay_ms`, since small models load too fast to be seen loading, and `--host`, since
the original listens on all addresses, which is right in a container alone.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

import answers
import rest
from servables import Failure, Servables


def answering(run):
    """A method of a service, with failures as gRPC's status."""

    def method(self, request, context):
        try:
            return run(self.servables, request)
        except Failure as failure:
            context.abort(failure.code, failure.message)

    return method


class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, servables):
        self.servables = servables

    Predict = answering(answers.predict)
    Classify = answering(answers.classify)
    Regress = answering(answers.regress)
    GetModelMetadata = answering(answers.metadata)


def reload(servables, request):
    servables.reload(request.config)
    return model_management_pb2.ReloadConfigResponse()


class Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, servables):
        self.servables = servables

    GetModelStatus = answering(lambda servables, request: servables.status(request.model_spec))
    HandleReloadConfigRequest = answering(reload)


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--port", type=int, required=True)
    flags.add_argument("--rest_api_port", type=int, required=True)
    flags.add_argument("--model_config_file", required=True)
    flags.add_argument("--file_system_poll_wait_seconds", type=float, default=1)
    flags.add_argument("--allow_version_labels_for_unavailable_models", action="store_true")
    flags.add_argument("--load_delay_ms", type=int, default=0)
    flags.add_argument("--host", default="127.0.0.1")
    given = flags.parse_args()

    servables = Servables(
        given.file_system_poll_wait_seconds,
        given.load_delay_ms / 1000,
        given.allow_version_labels_for_unavailable_models,
    )
    with open(given.model_config_file, encoding="utf-8") as file:
        servables.reload(text_format.Parse(file.read(), model_server_config_pb2.ModelServerConfig()))

    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(16), options=unlimited)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(servables), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(servables), server)
    server.add_insecure_port(f"{given.host}:{given.port}")
    server.start()
    rest.serve(servables, given.host, given.rest_api_port)


if __name__ == "__main__":
    main()
