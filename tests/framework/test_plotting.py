"""plot_model: boxes and arrows of models of every kind."""

import subprocess
from types import SimpleNamespace

import pytest

import jaxtape as jt
from jaxtape.framework import plotting
from jaxtape.framework.errors import (
    ArgumentError,
    ArgumentTypeError,
    FileAccessError,
    MissingPackageError,
)
from jaxtape.framework.plotting import plot_model
from jaxtape.layers import Concatenate, Dense


def lines_of(model, **options):
    first, *lines = plot_model(model, **options).splitlines()
    assert first == f"flowchart {options.get('rankdir', 'TB')}"
    return [line.strip() for line in lines]


def chain(**options):
    layers = [Dense(8, activation="relu", name="a"), Dense(2, name="b")]
    return jt.Sequential([jt.Input((3,)), *layers], name="chain", **options)


def nested():
    x = jt.Input((3,), name="x")
    inner = chain()
    return jt.Model(x, Concatenate(name="c")([inner(x), inner(x * 2)]), name="outer")


def test_faces_show_it():
    assert jt.utils.plot_model is jt.keras.utils.plot_model is plot_model


def test_layers_of_a_sequential_follow_each_other():
    expected = ['n0["Dense"]', 'n1["Dense"]', "n0 --> n1"]
    assert lines_of(chain()) == expected
    assert lines_of(jt.Sequential([Dense(8), Dense(2)])) == expected  # not built yet


def test_a_box_shows_what_is_asked():
    model = chain()
    model.get_layer("b").trainable = False
    options = ["shapes", "dtype", "layer_names", "layer_activations", "trainable"]
    lines = lines_of(model, **{f"show_{name}": True for name in options})
    assert lines[:2] == [
        'n0["a (Dense)<br/>activation relu<br/>(None, 3) to (None, 8)<br/>float32'
        '<br/>trained"]',
        'n1["b (Dense)<br/>activation linear<br/>(None, 8) to (None, 2)<br/>float32'
        '<br/>frozen"]',
    ]


def test_shapes_before_a_model_is_built_are_unknown():
    lines = lines_of(jt.Sequential([Dense(8)]), show_shapes=True, show_dtype=True)
    assert lines == ['n0["Dense<br/>to #63;<br/>float32"]']


# The arrows that Keras 3.15 draws for the same model, with `multiply` as an op.
def test_a_layer_that_is_called_twice_is_one_box():
    assert lines_of(nested(), show_layer_names=True) == [
        'n0["x (InputLayer)"]',
        'n1["multiply"]',
        'n2["chain (Sequential)"]',
        'n3["c (Concatenate)"]',
        *("n0 --> n1", "n0 --> n2", "n1 --> n2", "n2 --> n3"),
    ]


def test_a_nested_model_is_expanded():
    assert lines_of(nested(), expand_nested=True, show_layer_names=True) == [
        'n0["x (InputLayer)"]',
        'n1["multiply"]',
        'subgraph n2["chain (Sequential)"]',
        'n2_0["a (Dense)"]',
        'n2_1["b (Dense)"]',
        "n2_0 --> n2_1",
        "end",
        'n3["c (Concatenate)"]',
        *("n0 --> n1", "n0 --> n2_0", "n1 --> n2_0", "n2_1 --> n3"),
    ]


def test_arrows_reach_the_right_inputs_and_outputs_of_a_nested_model():
    a, b = jt.Input((3,)), jt.Input((3,))
    inner = jt.Model([a, b], [Dense(1)(a), Dense(2)(b)], name="inner")
    x, y = jt.Input((3,)), jt.Input((3,))
    first, second = inner([x, y])
    model = jt.Model([x, y], [second, Dense(4)(first)])
    lines = lines_of(model, expand_nested=True)
    arrows = [tuple(line.split(" --> ")) for line in lines if "-->" in line]
    assert set(arrows) == {
        ("n0", "n2_0"),
        ("n1", "n2_1"),
        ("n2_0", "n2_2"),
        ("n2_1", "n2_3"),
        ("n2_2", "n3"),
    }


@pytest.mark.parametrize("depth", [1, 3])
def test_models_are_nested_to_any_depth(depth):
    model = chain()
    for _ in range(depth):
        model = jt.Sequential([jt.Input(model.input_shape[1:]), model, Dense(3)])
    lines = lines_of(model, expand_nested=True)
    assert sum(line.startswith("subgraph") for line in lines) == depth
    assert sum("-->" in line for line in lines) == depth + 1  # of depth + 2 layers


def test_a_subclass_shows_its_layers_without_arrows():
    class Network(jt.Model):
        def __init__(self):
            super().__init__(name="net")
            self.first = Dense(3, name="first")
            self.second = Dense(1, name="second")

        def call(self, x):
            return self.second(self.first(x))

    network = Network()
    network(jt.ones((2, 4)))
    assert lines_of(network, show_layer_names=True, show_shapes=True) == [
        'subgraph model["net (Network)"]',
        'n0["first (Dense)<br/>to (None, 3)"]',
        'n1["second (Dense)<br/>to (None, 1)"]',
        "end",
    ]


def test_a_part_that_begins_at_a_layer():
    x = jt.Input((3,))
    hidden = Dense(8)(x)
    assert lines_of(jt.Model(hidden, Dense(1)(hidden))) == ['n0["Dense"]']


def test_a_direction_is_taken():
    assert lines_of(chain(), rankdir="LR")
    with pytest.raises(ArgumentError, match="TB, BT, LR, RL; got 'down'"):
        plot_model(chain(), rankdir="down")


@pytest.mark.parametrize("ending", ["mmd", "md", "dot", "gv"])
def test_texts_are_written(tmp_path, ending):
    path = tmp_path / f"model.{ending}"
    text = plot_model(nested(), path, expand_nested=True)
    expected = {"mmd": text, "md": f"```mermaid\n{text}```\n"}
    written = path.read_text(encoding="utf-8")
    assert written == expected.get(ending, written)
    if ending in ("dot", "gv"):
        assert written.splitlines()[0] == "digraph model {"
        assert "  subgraph cluster_n2 {" in written.splitlines()
        assert "  n2_1 -> n3" in written.splitlines()


def test_a_notebook_draws_it():
    text = plot_model(chain())
    assert text._repr_markdown_() == f"```mermaid\n{text}```\n"


def test_names_with_quotes_are_escaped(tmp_path):
    model = jt.Sequential([jt.Input((3,)), Dense(1, name='a"b\\c')])
    assert lines_of(model, show_layer_names=True) == ['n0["a#34;b#92;c (Dense)"]']
    plot_model(model, tmp_path / "m.dot", show_layer_names=True)
    assert r'n0 [label="a\"b\\c (Dense)"]' in (tmp_path / "m.dot").read_text()


@pytest.fixture
def graphviz(monkeypatch):
    """Stands for Graphviz: takes what it is started with."""
    calls = []

    def run(command, input, **options):
        calls.append((command, input.decode()))
        return SimpleNamespace(returncode=0, stderr=b"")

    monkeypatch.setattr(plotting.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    return calls


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_images_are_made_by_graphviz(graphviz, tmp_path, ending):
    path = str(tmp_path / f"model.{ending}")
    plot_model(chain(), path, dpi=50, splines="line", rankdir="LR")
    ((command, given),) = graphviz
    assert command == ["/bin/dot", f"-T{ending}", "-o", path]
    assert 'graph [rankdir=LR, dpi=50, splines="line",' in given


def test_what_graphviz_says_is_told(monkeypatch):
    failed = SimpleNamespace(returncode=1, stderr=b"no such folder\n")
    monkeypatch.setattr(plotting.shutil, "which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", lambda *given, **options: failed)
    with pytest.raises(FileAccessError, match=r"write a.png: no such folder"):
        plot_model(chain(), "a.png")


def test_without_graphviz_text_is_offered(monkeypatch):
    monkeypatch.setattr(plotting.shutil, "which", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"'a.png', .* to_file='model.mmd'"):
        plot_model(chain(), "a.png")


@pytest.mark.parametrize("value", [None, "model", Dense(1)])
def test_what_is_no_model_is_named(value):
    with pytest.raises(ArgumentTypeError, match=f"got {type(value).__name__} "):
        plot_model(value)


def test_an_ending_that_says_nothing_is_refused():
    with pytest.raises(ArgumentError, match=r"\.png, .*\.gv; got 'model'"):
        plot_model(chain(), "model")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileAccessError, match=r"missing.m.mmd failed: No such file"):
        plot_model(chain(), tmp_path / "missing" / "m.mmd")
