"""Holds the direction of imports: reads every file with `ast`, imports nothing.

The tables below are the architecture. A new folder or module gets its place here.
"""

import ast
import functools
import sys
from pathlib import Path

import pytest

from tests.package_files import ROOT, package_files

# A folder -> the other folders that it may import. The root `__init__.py` imports all.
FOLDERS = {
    "framework": (),
    "regularizers": ("framework",),
    "losses": ("framework",),
    "optimizers": ("framework",),
    "layers": ("framework", "regularizers"),
}

# Inside a package: a row may import the rows above it and itself (never in a circle).
# A package without an order of its own is only held to have no circle.
ORDER = {
    "framework": (
        ("errors", "dtypes", "versions", "unconnected_gradients", "nesting"),
        ("waking",),
        ("config", "checked"),
        ("registry", "seeds"),
        ("recording",),
        ("devices", "sync", "batching", "masking", "forking", "known_data"),
        ("scattering",),
        ("variable",),
        ("history",),
        ("stops",),
        ("coverage", "requests", "explaining", "drawing"),
        ("tape", "forward"),
        ("gradients_check", "custom_gradient", "recomputation", "branching"),
        ("captures",),
        ("plan",),
        ("lifting",),
        ("mirror",),
        (
            "numpy",
            "nn",
            "linalg",
            "math",
            "random",
            "ops",
            "neural",
            "draws",
            "generator",
            "stateless",
            "debugging",
            "printing",
        ),
        ("turns", "seeding"),
        ("looping", "scanning", "mapping", "repeating"),
        ("initializers",),
        ("activations",),
        ("elementwise_losses",),
        ("module",),
        ("watching", "arguments", "tensor_spec"),
        ("function",),
        ("configs", "symbolic"),
        ("plain_layers",),
        ("layer", "functional"),
        ("input_layer", "op_names"),
        ("graph_config", "summary"),
        ("training", "saving"),
        ("model",),
        ("sequential",),
        ("cloning", "functionalizing"),
        ("diagram",),
        ("plotting",),
        ("debug",),
        ("faces",),
    ),
    "framework.saving": (
        ("disk", "strict_json"),
        ("tensor_file", "document"),
        ("matching", "state", "directory"),
        ("saved_model", "checkpoint"),
        ("weights",),
    ),
    "framework.training.callbacks": (
        ("callback", "console", "wording", "curves"),
        ("monitoring", "learning_rates"),
        ("early_stopping", "model_checkpoint", "reduce_lr_on_plateau"),
        ("learning_rate_scheduler", "terminate_on_nan", "lambda_callback"),
        ("history", "progress_bar", "csv_logger", "tensorboard", "backup_and_restore"),
        ("callback_list",),
    ),
    "framework.training": (
        ("metrics", "data", "callbacks"),
        ("outputs", "programs"),
        ("objective", "measures"),
        ("compiled", "padding", "feeds", "position"),
        ("dry_run",),
        ("running", "predicting", "compiled_calls"),
        ("fitting",),
        ("trainer",),
    ),
    "framework.ops": (
        ("conversion",),
        ("elementwise", "reductions", "shaping", "joining", "creation", "indexing"),
        ("comparison", "ordering", "products", "norms", "blocks", "counting"),
        ("cumulation", "diagonals", "masking", "partition", "scattering", "searching"),
        ("segments", "special", "decompositions"),
        ("clipping", "solving"),
    ),
    "framework.recording": (
        ("signature", "cache", "site", "snapshot", "steady", "memory"),
        ("op", "schedule"),
        ("node",),
        ("checking",),
        ("home",),
        ("derivative",),
        ("connection",),
        ("slice",),
        ("form", "nested"),
        ("replay",),
        ("keeping",),
        ("difference",),
        ("compiling",),
        ("several",),
        ("program",),
        ("slots",),
        ("steps",),
        ("launching",),
        ("backlog",),
        ("script",),
        ("rehearsal",),
        ("execution",),
        ("arithmetic", "ingest"),
        ("merging",),
        ("segments",),
        ("tensor",),
        ("body",),
        ("routine",),
    ),
}

# Against the order, each with its reason.
EXCEPTIONS = {
    ("framework.devices", "framework.recording"),  # places the arrays of a Tensor
}

# Third-party packages: imported at the top of a file, or only inside a function.
REQUIRED = {"jax", "numpy", "optax", "safetensors", "tqdm"}
OPTIONAL = {"matplotlib", "pandas", "sklearn", "tensorboardX", "tensorflow", "torch"}

PRIVATE_JAX = ("jax._src", "jax.core", "jax.interpreters", "jaxlib")

# What examples and benchmarks may name after `jaxtape.`; `keras` with what is below it.
PUBLIC = {
    *("activations", "applications", "callbacks", "initializers", "keras", "layers"),
    *("linalg", "losses", "math", "metrics", "nn", "numpy", "optimizers", "random"),
    *("regularizers", "utils"),
}


def user_files():
    folders = (ROOT / "examples", ROOT / "benchmarks")
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def sources_of(files):
    """Maps each file, by its path below the root, to its text."""
    names = [path.relative_to(ROOT).as_posix() for path in files]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in names}


def module_name(file):
    """`layers/dense.py` is `layers.dense`; the root `__init__.py` is the empty name."""
    parts = Path(file).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@functools.cache
def imports(source):
    """Lists (import, is it in a function, is it under TYPE_CHECKING)."""

    def visit(node, function, typing):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, function, typing
        function |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typing |= isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function, typing)

    return list(visit(ast.parse(source), False, False))


def is_relative(node):
    return isinstance(node, ast.ImportFrom) and node.level > 0


def absolute_names(node):
    """`from jax import core` names `jax.core`, as `import jax.core` does."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names]


def relative_targets(file, node, modules):
    """The modules that a relative import reaches: a submodule if the name is one."""
    package = Path(file).parent.parts
    if node.level - 1 > len(package):
        return ["(outside the package)"]
    base = package[: len(package) - node.level + 1]
    base = ".".join([*base, *filter(None, [node.module])])
    names = [f"{base}.{alias.name}".strip(".") for alias in node.names]
    return [name if name in modules else base for name in names]


def arrows(sources):
    """Yields (importer, target, place) for every import within the package."""
    modules = {module_name(file) for file in sources}
    for file, source in sources.items():
        for node, _, _ in imports(source):
            if is_relative(node):
                for target in relative_targets(file, node, modules):
                    yield module_name(file), target, f"{file}:{node.lineno}"


def rank(package, name):
    """The row of a module in its package's order, or None if it has no row yet."""
    rows = enumerate(ORDER[package])
    return next((number for number, row in rows if name in row), None)


def is_allowed(importer, target):
    """Whether the tables allow this arrow; compares where the two names part."""
    package, above, below = part(importer, target)
    if importer == "" or (f"{package}.{above}", f"{package}.{below}") in EXCEPTIONS:
        return True
    if package == "":
        return below in FOLDERS.get(above, ())
    if above == "" or package not in ORDER:
        return True  # the package's own `__init__.py`, or a package without an order
    ranks = rank(package, below), rank(package, above)
    return None not in ranks and ranks[0] <= ranks[1]


def part(importer, target):
    """Parts two names: (common package, what follows in the first, in the second)."""
    first, second = importer.split("."), target.split(".")
    common = 0
    while first[common : common + 1] == second[common : common + 1] != []:
        common += 1
    package = ".".join(first[:common])
    return package, "".join(first[common:][:1]), "".join(second[common:][:1])


def forbidden_arrows(sources):
    return [
        f"{place}: `{importer}` may not import `{target or 'jaxtape'}`; put the code "
        f"lower, or change the order at the top of {Path(__file__).name}"
        for importer, target, place in arrows(sources)
        if importer != target and not is_allowed(importer, target)
    ]


def unknown_modules(sources):
    found = []
    for name in map(module_name, sources):
        for package in ORDER:
            inner = name.removeprefix(package + ".").split(".")[0]
            if name.startswith(package + ".") and rank(package, inner) is None:
                found.append(
                    f"`{package}.{inner}` has no place yet: add it to "
                    f"ORDER[{package!r}] at the top of {Path(__file__).name}"
                )
    return sorted(set(found))


def circles(sources):
    """Returns each import circle once, as `a -> b -> a`; annotations' imports count."""
    graph, found, done = {}, [], set()
    for importer, target, _ in arrows(sources):
        graph.setdefault(importer, set()).add(target)

    def visit(module, path):
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for target in sorted(graph.get(module, set()) - {module}):
                visit(target, [*path, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


def forbidden_packages(sources):
    """Absolute imports: of jaxtape itself, undeclared, or not where they belong."""
    found = []
    for file, source in sources.items():
        for node, function, typing in imports(source):
            problem = placement_problem(node, function, typing)
            if problem:
                found.append(f"{file}:{node.lineno}: {problem}")
    return found


def placement_problem(node, function, typing):
    roots = {name.split(".")[0] for name in absolute_names(node)}
    if is_relative(node):
        return "import at the top of the file, not in a function" if function else None
    if "jaxtape" in roots:
        return "imports inside the package are relative: `from .module import name`"
    if roots <= OPTIONAL:
        in_place = function or typing
        return None if in_place else f"import the optional {roots} in its function"
    if unknown := roots - REQUIRED - OPTIONAL - sys.stdlib_module_names:
        return f"{unknown} is no runtime dependency of jaxtape"
    return "import at the top of the file, not in a function" if function else None


def private_jax(sources):
    """Imports and attributes that reach behind JAX's public modules."""
    private, found = tuple(f"{name}." for name in PRIVATE_JAX), []
    for file, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            for name in jax_names(node):
                if f"{name}.".startswith(private):
                    found.append(f"{file}:{node.lineno}: {name} is not public JAX")
    return found


def jax_names(node):
    if isinstance(node, ast.Import | ast.ImportFrom) and not is_relative(node):
        return absolute_names(node)
    return [ast.unparse(node)] if isinstance(node, ast.Attribute) else []


def behind_the_public_face(sources):
    """Imports of examples and benchmarks that reach past `import jaxtape as jt`."""
    found = []
    for file, source in sources.items():
        for node, _, _ in imports(source):
            names = used_names(file, node)
            found += [
                f"{file}:{node.lineno}: use `import jaxtape as jt`, not {name}"
                for name in names
                if not is_public(name, isinstance(node, ast.ImportFrom))
            ]
    return found


def used_names(file, node):
    """The names an import takes from outside the file's own top folder."""
    if not is_relative(node):
        return absolute_names(node)
    stays_inside = node.level < len(Path(file).parts)
    return [] if stays_inside else ["." * node.level + (node.module or "")]


def is_public(name, has_member):
    """Whether a user may write it; after `from`, the last part is a member's name."""
    root, *rest = name.split(".")
    if root != "jaxtape":
        return root not in FOLDERS and root != ""
    if rest[:1] == ["keras"]:
        return True
    modules = rest[:-1] if has_member else rest
    return len(modules) <= 1 and PUBLIC.issuperset(modules) and rest != ["framework"]


CHECKS = (unknown_modules, forbidden_arrows, circles, forbidden_packages, private_jax)


@pytest.mark.parametrize("check", CHECKS)
def test_package_keeps_the_direction_of_imports(check):
    problems = check(sources_of(package_files()))
    assert not problems, "\n".join(problems)


def test_examples_and_benchmarks_use_the_public_face():
    problems = behind_the_public_face(sources_of(user_files()))
    assert not problems, "\n".join(problems)


# The checker itself: each of these files, put beside a sound package, must be caught.
SOUND = {
    "__init__.py": "from .framework import Variable as Variable",
    "framework/__init__.py": "from .variable import Variable as Variable",
    "framework/errors.py": "class JaxtapeError(Exception): ...",
    "framework/recording/__init__.py": "from .tensor import Tensor as Tensor",
    "framework/recording/node.py": "from ..errors import JaxtapeError",
    "framework/recording/tensor.py": "from . import node",
    "framework/variable.py": "import numpy as np\nfrom .recording import Tensor",
    "framework/devices.py": "from .recording.tensor import Tensor",
    "framework/training/trainer.py": "from .data import Data\nfrom .. import variable",
    "framework/training/data.py": "def load():\n    import torch.utils.data",
    "framework/model.py": "from .training.trainer import Trainer",
    "layers/__init__.py": "from .dense import Dense as Dense",
    "layers/dense.py": "from ..regularizers import L2\nimport jax.numpy as jnp",
    "regularizers/__init__.py": "from .l2 import L2 as L2",
    "regularizers/l2.py": "from ..framework import Variable",
}
BAD = [
    (forbidden_arrows, "framework/errors.py", "from .variable import Variable"),
    (forbidden_arrows, "framework/errors.py", "from . import variable"),
    (forbidden_arrows, "framework/errors.py", "from . import Variable"),
    (forbidden_arrows, "framework/variable.py", "from ..layers import Dense"),
    (forbidden_arrows, "framework/variable.py", "from .. import layers"),
    (forbidden_arrows, "framework/variable.py", "from .. import Variable"),
    (forbidden_arrows, "framework/variable.py", "from ... import elsewhere"),
    (forbidden_arrows, "framework/recording/node.py", "from .tensor import Tensor"),
    (forbidden_arrows, "framework/recording/node.py", "from . import Tensor"),
    (forbidden_arrows, "framework/recording/node.py", "from ..model import Model"),
    (forbidden_arrows, "framework/training/data.py", "from ..model import Model"),
    (forbidden_arrows, "regularizers/l2.py", "from ..layers.dense import Dense"),
    (forbidden_arrows, "losses/mse.py", "from ..regularizers import L2"),
    (forbidden_arrows, "layers/dense.py", "from ..losses import MeanSquaredError"),
    (circles, "framework/training/data.py", "from .trainer import Trainer"),
    (circles, "layers/dense.py", "from . import Dense"),
    (
        circles,
        "framework/training/data.py",
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from .trainer import Trainer",
    ),
    (unknown_modules, "framework/helpers.py", ""),
    (unknown_modules, "framework/distributed/mesh.py", ""),
    (unknown_modules, "framework/recording/graph.py", ""),
    (forbidden_packages, "layers/dense.py", "import jaxtape as jt"),
    (forbidden_packages, "layers/dense.py", "from jaxtape.framework import Variable"),
    (forbidden_packages, "layers/dense.py", "import torch"),
    (forbidden_packages, "layers/dense.py", "import requests"),
    (forbidden_packages, "layers/dense.py", "from framework import Variable"),
    (forbidden_packages, "layers/dense.py", "def f():\n    import numpy as np"),
    (forbidden_packages, "layers/dense.py", "def f():\n    from . import dense"),
    (private_jax, "layers/dense.py", "from jax._src import core"),
    (private_jax, "layers/dense.py", "from jax import core"),
    (private_jax, "layers/dense.py", "import jax.core as c"),
    (private_jax, "layers/dense.py", "from jax.interpreters import ad"),
    (private_jax, "layers/dense.py", "import jax\nTracer = jax.core.Tracer"),
    (behind_the_public_face, "examples/a.py", "from jaxtape.layers.dense import Dense"),
    (behind_the_public_face, "examples/a.py", "import jaxtape.framework"),
    (behind_the_public_face, "examples/a.py", "from jaxtape import framework"),
    (behind_the_public_face, "examples/a.py", "from ..layers import Dense"),
    (behind_the_public_face, "examples/a.py", "from framework import tape"),
    (behind_the_public_face, "benchmarks/a.py", "from .. import framework"),
]


@pytest.mark.parametrize("check", CHECKS)
def test_checker_accepts_a_sound_package(check):
    assert check(SOUND) == []


@pytest.mark.parametrize(("check", "file", "source"), BAD)
def test_checker_catches(check, file, source):
    assert check({**SOUND, file: source}) != []


@pytest.mark.parametrize(
    "source",
    [
        "import jaxtape as jt\nfrom . import harness",
        "import jaxtape as tf\nimport sklearn.datasets",
        "from jaxtape.metrics import Accuracy",
        "from jaxtape import layers, GradientTape",
        "from jaxtape.keras.layers import Dense",
    ],
)
def test_checker_accepts_the_public_face(source):
    assert behind_the_public_face({"benchmarks/a.py": source}) == []


def test_an_unknown_module_is_told_where_to_go():
    (problem,) = unknown_modules({"framework/helpers.py": ""})
    assert "`framework.helpers` has no place yet: add it to ORDER[" in problem
