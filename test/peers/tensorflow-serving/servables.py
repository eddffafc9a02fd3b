"""Which versions of which models are loaded, and running them: TensorFlow Serving's page on configuration and its .proto files."""

import os
import threading
import time

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_status_pb2

State = get_model_status_pb2.ModelVersionStatus.State


class Failure(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message):
    return Failure(grpc.StatusCode.INVALID_ARGUMENT, message)


class Version:
    def __init__(self, name, number, path):
        self.name = name
        self.number = number
        self.path = path
        self.state = State.START
        self.error = None
        self.model = None
        self.signatures = {}

    def load(self):
        self.state = State.LOADING
        try:
            saved = saved_model_pb2.SavedModel()
            with open(os.path.join(self.path, "saved_model.pb"), "rb") as file:
                saved.ParseFromString(file.read())
            self.signatures = dict(saved.meta_graphs[0].signature_def)
            self.model = tf.saved_model.load(self.path)
            self.state = State.AVAILABLE
        except Exception as error:
            self.error = str(error)
            self.state = State.END

    def unload(self):
        self.state = State.UNLOADING
        self.model = None
        self.state = State.END

    def run(self, signature_name, inputs, wanted=()):
        """Arrays by name in, arrays by name out."""
        signature = self.signatures[signature_name]
        missing = set(signature.inputs) - set(inputs)
        extra = set(inputs) - set(signature.inputs)
        if missing or extra:
            raise invalid(
                f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
                f"Sent extra: {{{','.join(sorted(extra))}}}. Missing but required: {{{','.join(sorted(missing))}}}."
            )
        unknown = [name for name in wanted if name not in signature.outputs]
        if unknown:
            raise invalid(f"output tensor alias not found in signature: {unknown[0]}")
        tensors = {}
        for position, (name, array) in enumerate(inputs.items()):
            expected = tf.as_dtype(signature.inputs[name].dtype)
            given = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
            if given != expected:
                raise invalid(f"Expects arg[{position}] to be {expected.name} but {given.name} is provided")
            tensors[name] = tf.constant(array, dtype=expected)
        model = self.model
        if model is None:
            raise not_found(self.name, self.number)
        try:
            outputs = model.signatures[signature_name](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise invalid(error.message) from error
        except (TypeError, ValueError) as error:
            raise invalid(str(error)) from error
        return {name: as_array(outputs[name]) for name in wanted or sorted(signature.outputs)}


def as_array(tensor):
    return np.asarray(tensor.numpy(), dtype=object if tensor.dtype == tf.string else None)


def not_found(name, number):
    request = f"Latest({name})" if number is None else f"Specific({name}, {number})"
    return Failure(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request}")


class Servables:
    def __init__(self, poll_seconds, load_delay_seconds, labels_of_unavailable):
        self.poll_seconds = poll_seconds
        self.load_delay_seconds = load_delay_seconds
        self.labels_of_unavailable = labels_of_unavailable
        self.configs = {}
        self.versions = {}
        self.reloading = threading.Lock()
        self.changed = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    # ---- configuration

    def reload(self, server_config):
        """The new list replaces the whole old one. Waits for models that are new, not for new versions of known ones; and where a new
        model never comes up, neither this call nor a later one returns: that is how the original behaves."""
        with self.reloading:
            if server_config.WhichOneof("config") != "model_config_list":
                raise invalid("ServerModelConfig type not supported. Only ModelConfigList is currently supported")
            configs = {}
            for config in server_config.model_config_list.config:
                if not config.name or not config.base_path:
                    raise invalid("Expected a name and a base_path for each model")
                if config.name in configs:
                    raise invalid(f"Illegal to list model {config.name} multiple times in config list")
                configs[config.name] = config
            for config in configs.values():
                self._check_labels(config)
            added = [name for name in configs if name not in self.configs]
            self.configs = configs
            self.changed.set()
            for name in added:
                self._wait_for(name)

    def _check_labels(self, config):
        for label, number in config.version_labels.items():
            known = self.configs.get(config.name)
            is_new = known is None or known.version_labels.get(label, number) == number
            if self.labels_of_unavailable and is_new:
                continue
            version = self.versions.get(config.name, {}).get(number)
            if version is None or version.state != State.AVAILABLE:
                what = f"Request to assign label to version {number} of model {config.name}"
                raise Failure(grpc.StatusCode.FAILED_PRECONDITION, f"{what}, which is not currently available for inference")

    def _wait_for(self, name):
        while True:
            aspired = self._aspired(name)
            versions = [version for version in list(self.versions.get(name, {}).values()) if version.number in aspired]
            if versions and all(version.state == State.AVAILABLE for version in versions):
                return
            failed = [version for version in versions if version.error]
            if failed:
                which = f"{{name: {name} version: {failed[0].number}}} due to error: {failed[0].error}"
                raise Failure(grpc.StatusCode.UNKNOWN, f"1 servable(s) did not become available: {{{which}}}")
            time.sleep(0.02)

    # ---- loading

    def _follow(self):
        while True:
            for name in {**self.configs, **self.versions}:
                self._converge(name)
            self.changed.wait(self.poll_seconds)
            self.changed.clear()

    def _aspired(self, name):
        """Version numbers and their folders, as the policy picks them from what lies under the base path."""
        config = self.configs.get(name)
        if config is None or not os.path.isdir(config.base_path):
            return {}
        found = {int(entry): os.path.join(config.base_path, entry) for entry in os.listdir(config.base_path) if entry.isdigit()}
        policy = config.model_version_policy
        kind = policy.WhichOneof("policy_choice") or "latest"
        if kind == "all":
            return found
        if kind == "specific":
            return {number: path for number, path in found.items() if number in policy.specific.versions}
        newest = sorted(found, reverse=True)[: policy.latest.num_versions or 1]
        return {number: found[number] for number in newest}

    def _converge(self, name):
        """Loads what is to be there, and only then unloads the rest."""
        aspired = self._aspired(name)
        known = self.versions.setdefault(name, {}) if aspired else self.versions.get(name, {})
        for number, path in sorted(aspired.items()):
            version = known.get(number)
            if version is not None and (version.state == State.AVAILABLE or version.error):
                continue
            version = known[number] = Version(name, number, path)
            version.state = State.LOADING
            time.sleep(self.load_delay_seconds)
            version.load()
        for number, version in known.items():
            if number in aspired:
                continue
            if version.state == State.AVAILABLE:
                version.unload()
            version.error = None

    # ---- requests

    def find(self, spec):
        """The loaded version that a ModelSpec means."""
        number = self._number(spec)
        loaded = {n: version for n, version in list(self.versions.get(spec.name, {}).items()) if version.state == State.AVAILABLE}
        version = loaded.get(max(loaded) if number is None and loaded else number)
        if version is None:
            raise not_found(spec.name, number)
        return version

    def status(self, spec):
        number = self._number(spec)
        versions = self.versions.get(spec.name, {})
        if number is not None and number not in versions:
            raise Failure(grpc.StatusCode.NOT_FOUND, f"Could not find version {number} of model {spec.name}")
        if not versions:
            raise Failure(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {spec.name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for each in sorted(versions, reverse=True) if number is None else [number]:
            entry = response.model_version_status.add(version=each, state=versions[each].state)
            entry.status.error_code = 2 if versions[each].error else 0
            entry.status.error_message = versions[each].error or ""
        return response

    def _number(self, spec):
        choice = spec.WhichOneof("version_choice")
        if choice == "version":
            return spec.version.value
        if choice == "version_label":
            config = self.configs.get(spec.name)
            if config is None or spec.version_label not in config.version_labels:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            return config.version_labels[spec.version_label]
        return None
