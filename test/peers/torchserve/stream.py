"""{"pieces": ["a", "b", "c"], "delay_ms": 50} gives the pieces one after the other, a delay between them."""

import time

from ts.handler_utils.utils import send_intermediate_predict_response


def handle(data, context):
    if data is None:
        return None  # the call at loading
    request = data[0]["body"]
    *pieces, last = request["pieces"]
    for piece in pieces:
        send_intermediate_predict_response([piece], context.request_ids, "Intermediate Prediction success", 200, context)
        time.sleep(request["delay_ms"] / 1000)
    return [last]
