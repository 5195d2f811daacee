"""Progress and warnings: a stream that cannot be written ends nothing, and names command no terminal."""

import io

from setpoint._say import say, visible


def test_control_characters_are_symbols():
    assert visible("pump\x1b[7m\t\x7f\x9b\u202e\nnext") == "pump␛[7m␉␡\ufffd\ufffd\nnext"


def test_a_stream_that_cannot_be_written_ends_nothing():
    stream = io.StringIO()
    say("half \x07", begin="\r", end="", file=stream)
    assert stream.getvalue() == "\rhalf ␇"
    stream.close()
    say("closed", file=stream)

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    say("full", file=Full())
