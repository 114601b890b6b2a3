"""Metrics, as `jt.metrics`: how good predictions are, over many batches."""

from .absolute_error import MeanAbsoluteError as MeanAbsoluteError
from .absolute_error import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from .accuracy import Accuracy as Accuracy
from .accuracy import BinaryAccuracy as BinaryAccuracy
from .accuracy import CategoricalAccuracy as CategoricalAccuracy
from .accuracy import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from .accuracy import binary_accuracy as binary_accuracy
from .accuracy import categorical_accuracy as categorical_accuracy
from .accuracy import sparse_categorical_accuracy as sparse_categorical_accuracy
from .auc import AUC as AUC
from .cosine_similarity import CosineSimilarity as CosineSimilarity
from .crossentropy import BinaryCrossentropy as BinaryCrossentropy
from .crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from .crossentropy import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from .decisions import FalseNegatives as FalseNegatives
from .decisions import FalsePositives as FalsePositives
from .decisions import TrueNegatives as TrueNegatives
from .decisions import TruePositives as TruePositives
from .f_score import F1Score as F1Score
from .f_score import FBetaScore as FBetaScore
from .lookup import deserialize as deserialize
from .lookup import get as get
from .lookup import serialize as serialize
from .mean import Mean as Mean
from .mean_metric_wrapper import MeanMetricWrapper as MeanMetricWrapper
from .metric import Metric as Metric
from .precision_recall import Precision as Precision
from .precision_recall import Recall as Recall
from .r2_score import R2Score as R2Score
from .resolving import resolve_accuracy as resolve_accuracy
from .resolving import resolve_crossentropy as resolve_crossentropy
from .squared_error import MeanSquaredError as MeanSquaredError
from .squared_error import RootMeanSquaredError as RootMeanSquaredError
from .sum import Sum as Sum
from .top_k import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from .top_k import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from .top_k import (
    sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy,
)
from .top_k import top_k_categorical_accuracy as top_k_categorical_accuracy
