import copy

import pytest

import jaxtape as jt
from jaxtape.framework.errors import JaxtapeError


class Holder(jt.Module):
    def __init__(self):
        super().__init__()
        self.first = jt.Variable(1.0, name="first")
        self.parts = [jt.Variable(2.0, name="in list")]
        self.named = {"a": jt.Variable(3.0, name="in dict")}
        self.nested = [[jt.Variable(4.0, name="in nested list")], {"b": []}]


def names(module):
    return [variable.name for variable in module.variables]


def test_variables_are_found_in_the_order_of_attributes():
    assert names(Holder()) == ["first", "in list", "in dict", "in nested list"]


@pytest.mark.parametrize(
    "change",
    [
        lambda h, v: h.parts.append(v),
        lambda h, v: h.parts.extend([v]),
        lambda h, v: h.parts.insert(0, v),
        lambda h, v: h.parts.append([v]),
        lambda h, v: h.named.update(new=v),
        lambda h, v: h.named.setdefault("new", v),
        lambda h, v: h.nested[0].append(v),
        lambda h, v: h.nested[1]["b"].append(v),
        lambda h, v: setattr(h, "later", (v,)),
    ],
)
def test_what_comes_later_is_found(change):
    holder, new = Holder(), jt.Variable(5.0, name="new")
    assert "new" not in names(holder)
    change(holder, new)
    assert "new" in names(holder)


def test_lists_inside_appended_lists_are_tracked():
    holder = Holder()
    holder.parts.append([])
    assert len(names(holder)) == 4
    holder.parts[-1].append(jt.Variable(5.0, name="new"))
    assert "new" in names(holder)


def test_what_is_removed_is_forgotten():
    holder = Holder()
    assert len(names(holder)) == 4
    holder.parts.pop()
    del holder.named["a"]
    holder.first = None
    assert names(holder) == ["in nested list"]


def test_a_shared_variable_counts_once():
    holder = Holder()
    holder.again = holder.first
    assert len(holder.variables) == 4


def test_modules_that_hold_each_other_end():
    one, other = Holder(), Holder()
    one.other, other.one = other, one
    assert len(one.variables) == 8
    assert one.submodules == (other,)


def test_the_lists_that_are_returned_belong_to_the_caller():
    holder = Holder()
    holder.variables.clear()
    holder.trainable_variables.clear()
    assert len(holder.variables) == len(holder.trainable_variables) == 4


def test_a_variable_frozen_by_itself_is_not_trained():
    holder = Holder()
    assert len(holder.trainable_variables) == 4
    holder.first.trainable = False
    assert [v.name for v in holder.non_trainable_variables] == ["first"]
    assert len(holder.trainable_variables) == 3
    holder.first.trainable = True
    assert len(holder.trainable_variables) == 4


def test_thawing_leaves_frozen_what_was_frozen_before():
    holder = Holder()
    holder.first.trainable = False
    holder.trainable = False
    assert holder.trainable_variables == []
    holder.trainable = True
    assert "first" not in [v.name for v in holder.trainable_variables]
    assert len(holder.trainable_variables) == 3


def test_a_part_of_a_frozen_module_can_be_thawed():
    outer, inner = Holder(), Holder()
    outer.inner = inner
    outer.trainable = False
    inner.trainable = True
    assert len(inner.trainable_variables) == 4
    outer.trainable = True
    assert len(outer.trainable_variables) == 8


def test_a_copy_has_variables_of_its_own():
    holder = Holder()
    copied = copy.deepcopy(holder)
    copied.first.assign(9.0)
    assert float(holder.first) == 1.0
    assert names(copied) == names(holder)


def test_a_layer_that_forgets_super_says_so():
    class Hasty(jt.layers.Layer):
        def __init__(self):
            self.weight = jt.Variable(1.0)

    with pytest.raises(JaxtapeError, match=r"Hasty\.weight was set before the base"):
        Hasty()


def test_a_plain_module_may_forget_super_as_in_tensorflow():
    class Hasty(jt.Module):
        def __init__(self, value):
            self.scale = 2.0
            self.weight = jt.Variable(value)
            self.bias = jt.Variable(0.0)

    module = Hasty(1.0)
    assert [float(v) for v in module.trainable_variables] == [1.0, 0.0]
    assert module.name == module.name == "hasty"
    module.trainable = False
    assert module.trainable_variables == []


def test_a_module_without_super_may_make_its_variable_in_a_function():
    """The counter of TensorFlow's `tf.function` guide: 1, then 2."""

    class Counter(jt.Module):
        def __init__(self):
            self.count = None

        @jt.function
        def __call__(self):
            if self.count is None:
                self.count = jt.Variable(0)
            return self.count.assign_add(1)

    counter = Counter()
    assert [int(counter()), int(counter())] == [1, 2]


def test_names_are_numbered():
    class Numbered(jt.Module):
        pass

    assert [Numbered().name for _ in range(3)] == [
        "numbered",
        "numbered_1",
        "numbered_2",
    ]
    assert Numbered("own").name == "own"


def dense(units):
    layer = jt.layers.Dense(units)
    layer(jt.ones((1, 2)))
    return layer


class Network(jt.Model):
    def __init__(self):
        super().__init__()
        self.hidden = dense(2)
        self.blocks = [dense(2), dense(2)]
        self.heads = {"a/b": jt.Sequential([dense(1)])}
        self.tied = self.hidden
        self._own = self.add_weight((), name="scale")
        self.plain = [jt.Variable(1.0)]


def test_paths_are_attributes_and_places():
    assert list(Network().variables_by_path()) == [
        "scale",
        "plain/0",
        "hidden/kernel",
        "hidden/bias",
        "blocks/0/kernel",
        "blocks/0/bias",
        "blocks/1/kernel",
        "blocks/1/bias",
        "heads/a_b/dense/kernel",
        "heads/a_b/dense/bias",
    ]


def test_paths_lead_to_all_variables_and_are_the_same_when_made_again():
    first, second = Network(), Network()
    paths = first.variables_by_path()
    assert {id(v) for v in paths.values()} == {id(v) for v in first.variables}
    assert list(paths) == list(second.variables_by_path())


def test_layers_of_a_sequential_are_named_by_class_and_count_or_by_their_name():
    def made():
        sizes = [jt.layers.Dense(2), jt.layers.Dropout(0.5), jt.layers.Dense(2)]
        inner = jt.Sequential([jt.layers.Dense(2)], name="inner")
        model = jt.Sequential([*sizes, jt.layers.Dense(1, name="head/1"), inner])
        model.build((None, 3))
        return model

    first, second = made(), made()
    kernels = [path for path in first.variables_by_path() if path.endswith("kernel")]
    assert kernels == [
        "dense/kernel",
        "dense_1/kernel",
        "head_1/kernel",
        "inner/dense/kernel",
    ]
    assert list(second.variables_by_path()) == list(first.variables_by_path())


def test_members_of_one_name_get_numbers():
    layer = jt.Layer()
    for _ in range(3):
        layer.add_weight((), name="w")
    assert list(layer.variables_by_path()) == ["w", "w_1", "w_2"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("Conv2D", "conv2d"), ("GlobalMaxPool1D", "global_max_pooling1d")],
)
def test_automatic_names_are_keras_s(kind, name):
    cls = getattr(jt.layers, kind)
    layer = cls(1, 1) if kind == "Conv2D" else cls()
    assert layer.name.startswith(name)
