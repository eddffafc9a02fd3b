"""What came, as the handler saw it: {"body": …}, or the fields of a form."""


def handle(data, context):
    if data is None:
        return None  # the call at loading
    return [{name: text(value) for name, value in row.items()} for row in data]


def text(value):
    return value.decode() if isinstance(value, (bytes, bytearray)) else value
