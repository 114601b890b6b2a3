"""safetensors files, against the library as the other side."""

import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors
import safetensors.numpy

import jaxtape as jt
from jaxtape.framework.saving import tensor_file

GRID = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
ARRAYS = {
    "c order": GRID,
    "f order": np.asfortranarray(GRID),
    "transposed": GRID.T,
    "strided": GRID[:, ::2, 1::2],
    "backwards": GRID[::-1],
    "broadcast": np.broadcast_to(np.float32(3), (2, 3)),
    "read only": np.frombuffer(b"\x00\x01\x02\x03", np.uint8),
    "number": np.asarray(-0.0, np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "nan bits": np.array([0x7FC00123, 0xFF800001], np.uint32).view(np.float32),
    "denormal": np.array([1e-45, -1e-40], np.float32),
    "bool": np.array([True, False, True]),
    "uint8": np.array([0, 255], np.uint8),
    "int8": np.array([-128, 127], np.int8),
    "uint16": np.array([0, 65535], np.uint16),
    "int16": np.array([-32768, 32767], np.int16),
    "uint32": np.array([0, 2**32 - 1], np.uint32),
    "int32": np.array([-(2**31), 2**31 - 1], np.int32),
    "float16": np.array([65504, 6e-8], np.float16),
    "bfloat16": np.array([1.5, -3e38, np.nan], jnp.bfloat16),
    "complex64": np.array([1 + 2j, -0.0j], np.complex64),
    "folder/deep/ü": np.array([1], np.int32),
}


def write(path, arrays, metadata=None):
    with open(path, "w+b") as stream:
        return tensor_file.write(stream, arrays, metadata or {})


def read(path):
    with open(path, "rb") as stream:
        header = tensor_file.read_header(stream, str(path))
        tensor_file.check_seal(stream, header, str(path))
        return tensor_file.read(str(path), stream, header)


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes(), name


def test_the_library_reads_what_was_written(tmp_path):
    path = tmp_path / "a.safetensors"
    write(path, ARRAYS, {"note": "ä"})
    with safetensors.safe_open(path, "np") as opened:
        assert opened.metadata() == {"note": "ä"}
        found = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    found["empty"] = found["empty"].astype(np.float32)  # it says float64
    assert_same_bits(found, ARRAYS)


def test_what_the_library_wrote_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    in_order = {name: np.array(array, order="C") for name, array in ARRAYS.items()}
    safetensors.numpy.save_file(in_order, path)
    assert_same_bits(read(path).values, ARRAYS)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    write(path, ARRAYS, {tensor_file.SEAL: ""})
    assert_same_bits(read(path).values, ARRAYS)
    tensor_file.read_back(str(path), ARRAYS)


def test_64_bits_are_read_where_the_device_has_them(tmp_path):
    wide = {"f": np.array([1e300]), "i": np.array([-(2**62)])}
    write(tmp_path / "a", wide)
    with pytest.raises(jt.errors.FileContentError, match="'f' is float64, and 64-bit"):
        read(tmp_path / "a")
    with jax.enable_x64(True):
        assert_same_bits(read(tmp_path / "a").values, wide)


def test_a_file_without_arrays_is_read(tmp_path):
    write(tmp_path / "a", {})
    assert read(tmp_path / "a").values == {}


def test_arrays_start_where_the_device_can_read_them(tmp_path):
    write(tmp_path / "a", ARRAYS)
    with open(tmp_path / "a", "rb") as stream:
        header = tensor_file.read_header(stream, "a")
    for entry in header.entries.values():
        assert (header.size + entry.start) % entry.dtype.itemsize == 0


def test_the_digest_is_that_of_the_file(tmp_path):
    digest = write(tmp_path / "a", ARRAYS)
    with open(tmp_path / "a", "rb") as stream:
        assert tensor_file.sha256_of(stream) == digest


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("w", np.zeros(2, np.complex128), "'w' has dtype complex128"),
        ("w", np.zeros(2, jnp.int4), "'w' has dtype int4"),
        ("../w", np.zeros(2), r"name '\.\./w'.*part"),
        ("a//b", np.zeros(2), "name 'a//b'.*empty part"),
        ("", np.zeros(2), "name '', which is empty"),
        ("a\\b", np.zeros(2), "backslash"),
        ("a\nb", np.zeros(2), r"name 'a\\nb'.*cannot be printed"),
    ],
)
def test_what_the_format_has_no_place_for_is_refused(name, array, message):
    with pytest.raises(jt.errors.ArgumentError, match=message):
        tensor_file.write(io.BytesIO(), {name: array}, {})


def test_reading_back_notices_another_content(tmp_path):
    write(tmp_path / "a", {"w": np.zeros(3, np.float32)})
    wanted = {"w": np.array([0, 0, -0.0], np.float32)}
    with pytest.raises(jt.errors.FileContentError, match=r"'w' was written.*\(3,\)"):
        tensor_file.read_back(str(tmp_path / "a"), wanted)


def with_header(text, data=b"\0" * 24):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return len(text).to_bytes(8, "little") + text + data


def row(dtype="F32", shape=(2, 3), place=(0, 24), **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": place, **more}


UNSOUND = {
    "empty": (b"", "it has 0 bytes, and the shortest has 10"),
    "seven bytes": (b"\2\0\0\0\0\0\0", "it has 7 bytes"),
    "header beyond the end": (with_header({"w": row()})[:20], "and the file has 20"),
    "cut in half": (with_header({"w": row()})[:-12], "24 bytes of data, and 12 follow"),
    "bytes at the end": (with_header({"w": row()}) + b"x", "24 bytes.*and 25 follow"),
    "endless header": (b"\xff" * 8 + b"{}", "header of 18446744073709551615 bytes"),
    "random": (np.random.default_rng(0).bytes(200), "announce a header of"),
    "a list": (with_header([1, 2]), r"starts with b'\[1, 2\]', not with '\{'"),
    "a blank first": (with_header(b" {}", b""), r"starts with b' \{\}'"),
    "no JSON": (with_header(b"{nonsense}"), "no valid JSON"),
    "no UTF-8": (with_header(b'{"\xff": 1}'), "no valid JSON.*utf-8"),
    "deep": (with_header(b'{"a":' * 50_000), "no valid JSON"),
    "NaN": (with_header(b'{"a": NaN}'), "NaN is no JSON number"),
    "a long number": (with_header(b'{"a": ' + b"9" * 9999 + b"}"), "no valid JSON"),
    "a name twice": (
        with_header(b'{"w": 1, "w": 2}'),
        "the name 'w' stands there twice",
    ),
    "a key twice": (
        with_header(
            b'{"w": {"dtype": "F32", "dtype": "I32", "shape": [6], '
            b'"data_offsets": [0, 24]}}'
        ),
        "the name 'dtype' stands there twice",
    ),
    "parent folder": (with_header({"../w": row()}), r"the name '\.\./w'"),
    "parent inside": (with_header({"a/../w": row()}), r"the name 'a/\.\./w'"),
    "absolute": (with_header({"/etc/w": row()}), "the name '/etc/w'"),
    "backslash": (with_header({"a\\w": row()}), r"the name 'a\\\\w'"),
    "control character": (with_header({"a\x1b[2J": row()}), r"the name 'a\\x1b\[2J'"),
    "surrogate": (with_header(b'{"\\ud800": 1}'), r"the name '\\ud800'"),
    "no name": (with_header({"": row()}), "the name ''"),
    "row of text": (with_header({"w": "F32"}), "describes 'w' by 'F32'"),
    "row with more": (with_header({"w": row(more=1)}), "describes 'w' by .*'more'"),
    "unknown dtype": (with_header({"w": row(dtype="F31")}), "the dtype 'F31'; known"),
    "dtype of list": (with_header({"w": row(dtype=["F32"])}), r"the dtype \['F32'\]"),
    "negative length": (with_header({"w": row(shape=(-2, -3))}), r"shape \[-2, -3\]"),
    "bool length": (with_header({"w": row(shape=(True, 6))}), r"shape \[True, 6\]"),
    "float length": (with_header({"w": row(shape=(2.0, 3))}), r"shape \[2.0, 3\]"),
    "text as shape": (with_header({"w": row(shape="23")}), "the shape '23'"),
    "absurd empty": (
        with_header({"w": row(shape=(0, 2**40, 2**40), place=(0, 0))}, b""),
        "shape .0, 1099511627776, 1099511627776",
    ),
    "huge": (with_header({"w": row(shape=(2**63, 2))}), "the shape .9223372036854"),
    "65 axes": (with_header({"w": row(shape=(1,) * 65, place=(0, 4))}), "the shape"),
    "backwards": (with_header({"w": row(place=(24, 0))}), r"offsets \[24, 0\]"),
    "one offset": (with_header({"w": row(place=(24,))}), r"offsets \[24\]"),
    "too few bytes": (with_header({"w": row(place=(0, 20))}), "takes 24.*hold 20"),
    "a hole": (
        with_header({"w": row(place=(4, 28))}, b"\0" * 28),
        "'w' starts at byte 4 .* ends at 0",
    ),
    "an overlap": (
        with_header({"v": row(), "w": row(place=(12, 36))}, b"\0" * 36),
        "'w' starts at byte 12 .* ends at 24",
    ),
    "metadata of numbers": (
        with_header({"__metadata__": {"a": 1}, "w": row()}),
        "its metadata is {'a': 1}",
    ),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_an_unsound_file_is_refused(case, tmp_path):
    content, message = UNSOUND[case]
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(jt.errors.FileContentError, match=message):
        read(tmp_path / "a")


def test_the_rows_above_are_refused_for_what_they_say(tmp_path):
    (tmp_path / "a").write_bytes(with_header({"w": row()}))
    np.testing.assert_array_equal(read(tmp_path / "a").values["w"], np.zeros((2, 3)))


def test_every_changed_byte_of_a_sealed_file_is_noticed(tmp_path):
    """But for those of the seal's own name, without which the data is as it was."""
    path = tmp_path / "a"
    arrays = {"w": np.arange(6, dtype=np.float32), "b": np.zeros(2, np.int8)}
    write(path, arrays, {tensor_file.SEAL: "", "note": "n"})
    sound = path.read_bytes()
    name = range(sound.index(b"jaxtape_sha256"), sound.index(b'":"'))
    for place in range(len(sound)):
        for mask in (1, 0x20, 0xFF):
            changed = bytearray(sound)
            changed[place] ^= mask
            path.write_bytes(changed)
            try:
                found = read(path).values
            except jt.errors.FileContentError:
                continue
            assert place in name
            assert_same_bits(found, arrays)


def test_every_shortened_sealed_file_is_noticed(tmp_path):
    path = tmp_path / "a"
    write(path, {"w": np.arange(6, dtype=np.float32)}, {tensor_file.SEAL: ""})
    sound = path.read_bytes()
    for length in range(len(sound)):
        path.write_bytes(sound[:length])
        with pytest.raises(jt.errors.FileContentError):
            read(path)


def test_a_seal_of_other_digits_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(
        with_header({"__metadata__": {tensor_file.SEAL: "12"}, "w": row()})
    )
    with pytest.raises(jt.errors.FileContentError, match="jaxtape_sha256 '12', not 64"):
        read(tmp_path / "a")
