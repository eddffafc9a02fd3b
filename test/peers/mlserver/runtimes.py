"""Models for MLServer, one class each. They know the protocol only through MLServer's own codecs."""

import asyncio

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse


class Model(MLModel):
    def answer(self, request, *outputs):
        return InferenceResponse(id=request.id, model_name=self.name, model_version=self.version, outputs=list(outputs))


class Linear(Model):
    """y = 2x + 1, element by element, in the datatype and the shape of the first input."""

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0])
        return self.answer(payload, NumpyCodec.encode_output("y", (2 * x + 1).astype(x.dtype)))


class Upper(Model):
    """BYTES in upper case; as a stream, one answer an element."""

    async def predict(self, payload):
        output = self.upper(StringCodec.decode_input(payload.inputs[0]))
        output.shape = payload.inputs[0].shape
        return self.answer(payload, output)

    async def predict_stream(self, payloads):
        async for payload in payloads:
            for text in StringCodec.decode_input(payload.inputs[0]):
                yield self.answer(payload, self.upper([text]))
                await asyncio.sleep(0.05)

    def upper(self, texts):
        return StringCodec.encode_output("text", [text.upper() for text in texts])


class Raising(Model):
    async def predict(self, payload):
        raise RuntimeError("this model always fails")


class Slow(Linear):
    """Linear, after the milliseconds of its setting `delay_ms`. Others are answered meanwhile."""

    async def predict(self, payload):
        await asyncio.sleep(self.settings.parameters.extra["delay_ms"] / 1000)
        return await super().predict(payload)
