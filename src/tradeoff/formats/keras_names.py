"""The names of what Keras models are made of: classes and functions that compute, and do nothing else.

A list of what is known to be harmless, since a list of what is not would never be whole.
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Every layer of Keras but those that carry code or load it from elsewhere.
LAYERS: Final = _names(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D
    Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU
    GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing
    Hashing Identity InputLayer IntegerLookup LSTM LSTMCell Layer LayerNormalization LeakyReLU Masking
    MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram
    Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
    ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
    """
)

#: What else has a place in a model's configuration: models, policies, initializers, and so on.
PARTS: Final = _names(
    """
    AUC AWQConfig AWQDTypePolicy AbsMaxQuantizer Accuracy Adadelta Adafactor Adagrad Adam AdamW Adamax
    BinaryAccuracy BinaryCrossentropy BinaryFocalCrossentropy BinaryIoU CTC CategoricalAccuracy
    CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge Circle
    ConcordanceCorrelation Constant Constraint CosineDecay CosineDecayRestarts CosineSimilarity DTypePolicy
    DTypePolicyMap Dice ExponentialDecay F1Score FBetaScore FalseNegatives FalsePositives Float8QuantizationConfig
    FloatDTypePolicy Ftrl Functional GPTQConfig GPTQDTypePolicy GlorotNormal GlorotUniform HeNormal HeUniform Hinge
    Huber IdentityInitializer Initializer Int4DTypePolicy Int4QuantizationConfig Int8QuantizationConfig
    InverseTimeDecay IoU KLDivergence L1 L1L2 L2 Lamb LearningRateSchedule LecunNormal LecunUniform Lion LogCosh
    LogCoshError Loss LossScaleOptimizer MaxNorm Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU
    MeanMetricWrapper MeanSquaredError MeanSquaredLogarithmicError Metric MinMaxNorm Model MultiOptimizer Muon Nadam
    NonNeg OneHotIoU OneHotMeanIoU Ones Optimizer OptimizerMap Orthogonal OrthogonalInitializer
    OrthogonalRegularizer PearsonCorrelation PiecewiseConstantDecay Poisson Policy PolynomialDecay Precision
    PrecisionAtRecall QuantizationConfig QuantizedDTypePolicy QuantizedFloat8DTypePolicy Quantizer R2Score RMSprop
    RandomNormal RandomUniform Recall RecallAtPrecision Regularizer RootMeanSquaredError SGD STFT STFTInitializer
    ScheduleFreeAdamW SeedGenerator SensitivityAtSpecificity Sequential SparseCategoricalAccuracy
    SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum
    TopKCategoricalAccuracy TrueNegatives TruePositives TruncatedNormal Tversky UnitNorm VarianceScaling Zeros
    constant glorot_normal glorot_uniform he_normal he_uniform identity l1 l1_l2 l2 lecun_normal lecun_uniform
    max_norm min_max_norm non_neg ones orthogonal orthogonal_regularizer random_normal random_uniform stft
    truncated_normal unit_norm variance_scaling zeros
    """
)

#: Activations, losses and metrics by the names of their functions.
FUNCTIONS: Final = _names(
    """
    binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy categorical_crossentropy
    categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge celu circle
    concordance_correlation cosine_similarity ctc dice elu exponential gelu glu hard_shrink hard_sigmoid hard_silu
    hard_swish hard_tanh hinge huber kl_divergence leaky_relu linear log_cosh log_sigmoid log_softmax
    mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mish
    pearson_correlation poisson relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
    sparse_categorical_accuracy sparse_categorical_crossentropy sparse_plus sparse_sigmoid
    sparse_top_k_categorical_accuracy sparsemax squared_hinge squareplus swish tanh tanh_shrink threshold
    top_k_categorical_accuracy tversky
    """
)

#: Plain values that JSON cannot say.
VALUES: Final = frozenset(("__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"))
