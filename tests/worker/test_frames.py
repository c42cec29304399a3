from gitexp.worker import frames


def test_frames_that_arrive_in_pieces_are_taken_when_whole() -> None:
    sent = frames.frame(frames.STDOUT, b"hello") + frames.frame(frames.FINISHED)
    received = bytearray()
    taken = []
    for byte in sent:
        received.append(byte)
        taken += frames.take(received)
    assert taken == [(b"o", b"hello"), (b"f", b"")]
    assert received == b""


def test_the_size_of_a_window_travels_as_four_bytes() -> None:
    assert frames.size_payload(24, 300) == b"\x00\x18\x01\x2c"
