"""Makes the SavedModels of the tests: `python models.py FOLDER`, then FOLDER/NAME/VERSION.

half_plus_two/1  x float [-1]                        -> y = x / 2 + 2
half_plus_two/2  the same with + 3, to tell the versions apart
pair/1           a float [-1, 2], b int32 [-1]       -> scaled = a * b float [-1, 2], count = b + 1 int64 [-1]
text/1           text string [-1]                    -> upper string [-1], raw_bytes = b"\\xff" + text string [-1]
graded/1         tf.Examples with a float "x": classify (default) gives low and high, `regress` gives x / 2 + 2
identity/1       x -> y of the datatype that names the signature; the default is float32
"""

import os
import sys

import tensorflow as tf

DATATYPES = ["float32", "float64", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "bool", "string"]


def function(run, **inputs):
    names = list(inputs)
    specs = [tf.TensorSpec(shape, dtype, name=name) for name, (dtype, shape) in inputs.items()]
    return tf.function(lambda *values: run(**dict(zip(names, values))), input_signature=specs)


def save(folder, path, signatures):
    module = tf.Module()
    module.functions = list(signatures.values())
    tf.saved_model.save(module, os.path.join(folder, path), signatures=signatures)


def half_plus(amount):
    return {"serving_default": function(lambda x: {"y": x / 2 + amount}, x=(tf.float32, [None]))}


def feature(inputs):
    return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]


def classify(inputs):
    high = tf.sigmoid(feature(inputs))
    classes = tf.repeat([["low", "high"]], tf.size(high), axis=0)
    return {"classes": classes, "scores": tf.stack([1 - high, high], axis=1)}


def make(folder):
    save(folder, "half_plus_two/1", half_plus(2.0))
    save(folder, "half_plus_two/2", half_plus(3.0))
    pair = function(
        lambda a, b: {"scaled": a * tf.cast(b, tf.float32)[:, None], "count": tf.cast(b, tf.int64) + 1},
        a=(tf.float32, [None, 2]),
        b=(tf.int32, [None]),
    )
    save(folder, "pair/1", {"serving_default": pair})
    text = function(
        lambda text: {"upper": tf.strings.upper(text, encoding="utf-8"), "raw_bytes": b"\xff" + text},
        text=(tf.string, [None]),
    )
    save(folder, "text/1", {"serving_default": text})
    examples = {"inputs": (tf.string, [None])}
    regress = function(lambda inputs: {"outputs": feature(inputs) / 2 + 2}, **examples)
    save(folder, "graded/1", {"serving_default": function(classify, **examples), "regress": regress})
    identities = {name: function(lambda x: {"y": tf.identity(x)}, x=(tf.as_dtype(name), None)) for name in DATATYPES}
    save(folder, "identity/1", {"serving_default": identities["float32"], **identities})


if __name__ == "__main__":
    make(sys.argv[1])
