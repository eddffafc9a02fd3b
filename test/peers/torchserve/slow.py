"""{"delay_ms": 500} gives {"slept_ms": 500}, after that time; its worker does nothing else meanwhile."""

import time


def handle(data, context):
    if data is None:
        return None  # the call at loading
    delay = data[0]["body"]["delay_ms"]
    time.sleep(delay / 1000)
    return [{"slept_ms": delay}]
