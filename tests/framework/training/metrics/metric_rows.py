"""One row for each metric: arguments for its constructor, and what it is shown."""

import numpy as np

RNG = np.random.default_rng(11)
NUM = 6


def probabilities(*shape):
    return RNG.uniform(0.05, 0.95, shape).astype("float32")


BINARY = (RNG.integers(0, 2, (NUM, 1)), probabilities(NUM, 1))
LABELS = RNG.integers(0, 4, NUM)
SCORES = probabilities(NUM, 4)
ONE_HOT = (np.eye(4, dtype="float32")[LABELS], SCORES)
SPARSE = (LABELS, SCORES)
REAL = (
    RNG.normal(size=(NUM, 3)).astype("float32"),
    RNG.normal(size=(NUM, 3)).astype("float32"),
)
COLUMNS = (RNG.integers(0, 2, (NUM, 3)), probabilities(NUM, 3))

ROWS = {
    "AUC": ({"curve": "PR", "num_thresholds": 5, "multi_label": True}, COLUMNS),
    "Accuracy": ({"name": "same"}, (LABELS, LABELS[::-1].copy())),
    "BinaryAccuracy": ({"threshold": 0.3}, BINARY),
    "BinaryCrossentropy": ({"from_logits": True, "label_smoothing": 0.1}, BINARY),
    "CategoricalAccuracy": ({"name": "right"}, ONE_HOT),
    "CategoricalCrossentropy": ({"label_smoothing": 0.1}, ONE_HOT),
    "CosineSimilarity": ({"axis": 1}, REAL),
    "F1Score": ({"average": "macro", "threshold": 0.4}, COLUMNS),
    "FBetaScore": ({"average": "micro", "beta": 2.0}, ONE_HOT),
    "FalseNegatives": ({"thresholds": [0.3, 0.6]}, BINARY),
    "FalsePositives": ({"thresholds": 0.2}, BINARY),
    "Mean": ({"name": "loss"}, REAL[:1]),
    "MeanAbsoluteError": ({"name": "far"}, REAL),
    "MeanAbsolutePercentageError": ({"name": "percent"}, REAL),
    "MeanSquaredError": ({"name": "far"}, REAL),
    "Precision": ({"top_k": 2, "class_id": 1}, ONE_HOT),
    "R2Score": ({"class_aggregation": None, "num_regressors": 2}, REAL),
    "Recall": ({"thresholds": [0.6, 0.3]}, BINARY),
    "RootMeanSquaredError": ({"name": "far"}, REAL),
    "SparseCategoricalAccuracy": ({"name": "right"}, SPARSE),
    "SparseCategoricalCrossentropy": ({"ignore_class": 1}, SPARSE),
    "SparseTopKCategoricalAccuracy": ({"k": 2}, SPARSE),
    "Sum": ({"name": "all"}, REAL[:1]),
    "TopKCategoricalAccuracy": ({"k": 2}, ONE_HOT),
    "TrueNegatives": ({"thresholds": [0.5]}, BINARY),
    "TruePositives": ({"thresholds": 0.5}, BINARY),
}
WEIGHTS = probabilities(NUM)
