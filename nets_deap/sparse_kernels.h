/* One training step of a sparse multilayer perceptron, for one number type.
 *
 * Included once for each type, with REAL, EXP, LANES, INDEX, NAME and four orders of lanes defined. A vector is
 * 64 bytes wide; compilers split it where the processor's are narrower. Samples come in blocks of BLOCK:
 * activations are [blocks, units, BLOCK], so that one unit's are four vectors in a row. Weights are in compressed
 * rows: those of row i are start[i] … start[i + 1] − 1, and row[k], col[k] is the place of the k-th.
 */

typedef REAL NAME(vector) __attribute__((vector_size(64), aligned(sizeof(REAL))));
typedef INDEX NAME(indices) __attribute__((vector_size(64)));
#define VECTOR NAME(vector)
#define BLOCK (4 * LANES)
#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (NAME(indices)){__VA_ARGS__})
#endif

typedef struct {
    int64_t rows, cols, weights;
    const int32_t *start, *row, *col;
    REAL *values;
    REAL *gradient;           /* NULL: −rate · gradient is added to the values */
    REAL *activations;        /* [blocks, rows, BLOCK] */
    REAL *errors;             /* of the same shape: ∂loss/∂z */
} NAME(layer);

/* samples[n, units] as blocks; what the last block has too much is zero. */
CLONES void NAME(to_blocks)(int64_t n, int64_t units, const REAL *samples, REAL *blocks)
{
    for (int64_t first = 0; first < n; first += LANES) {
        REAL *to = blocks + first / BLOCK * units * BLOCK + first % BLOCK;
        const REAL *from = samples + first * units;
        int64_t here = n - first < LANES ? n - first : LANES, i = 0;
        for (; here == LANES && i + LANES <= units; i += LANES) {
            VECTOR a[LANES], b[LANES];
#pragma GCC unroll 16
            for (int64_t l = 0; l < LANES; l++)
                a[l] = *(const VECTOR *)(from + l * units + i);
            /* A perfect shuffle of rows and lanes, log₂ LANES times: the transposed tile. */
#pragma GCC unroll 4
            for (int64_t stage = 1; stage < LANES; stage *= 2) {
#pragma GCC unroll 8
                for (int64_t l = 0; l < LANES / 2; l++) {
                    b[2 * l] = SHUFFLE(a[l], a[l + LANES / 2], LOW);
                    b[2 * l + 1] = SHUFFLE(a[l], a[l + LANES / 2], HIGH);
                }
#pragma GCC unroll 16
                for (int64_t l = 0; l < LANES; l++)
                    a[l] = b[l];
            }
#pragma GCC unroll 16
            for (int64_t l = 0; l < LANES; l++)
                *(VECTOR *)(to + (i + l) * BLOCK) = a[l];
        }
        for (; i < units; i++)
            for (int64_t l = 0; l < LANES; l++)
                to[i * BLOCK + l] = l < here ? from[l * units + i] : 0;
    }
    for (int64_t first = (n + LANES - 1) / LANES * LANES; first % BLOCK; first += LANES)
        for (int64_t i = 0; i < units; i++)
            memset(blocks + (first / BLOCK * units + i) * BLOCK + first % BLOCK, 0, LANES * sizeof(REAL));
}

/* activations = f(W · below); f is a sigmoid, a ReLU or nothing. */
INLINE void NAME(activate)(const NAME(layer) *layer, int64_t blocks, const REAL *below, int sigmoid, int relu)
{
    REAL *above = layer->activations;
    for (; blocks--; below += layer->cols * BLOCK)
        for (int64_t i = 0; i < layer->rows; i++, above += BLOCK) {
            VECTOR s[4] = {{0}, {0}, {0}, {0}};
            for (int32_t k = layer->start[i]; k < layer->start[i + 1]; k++) {
                const VECTOR *x = (const VECTOR *)(below + (int64_t)layer->col[k] * BLOCK);
                for (int v = 0; v < 4; v++)
                    s[v] += layer->values[k] * x[v];
            }
            for (int v = 0; v < 4; v++)
                ((VECTOR *)above)[v] = s[v];
            for (int b = 0; b < BLOCK; b++)
                if (sigmoid)
                    above[b] = 1 / (1 + EXP(-above[b]));
                else if (relu)
                    above[b] = above[b] < 0 ? 0 : above[b]; /* a NaN stays one */
        }
}

CLONES void NAME(forward)(int64_t layers, const NAME(layer) *layer, int64_t blocks, const REAL *x,
                          int64_t sigmoid)
{
    for (const NAME(layer) *end = layer + layers; layer < end; x = layer++->activations)
        NAME(activate)(layer, blocks, x, sigmoid, layer + 1 < end);
}

/* ∂loss/∂z of the layer with errors `below` and activations a, from those of the layer above it. */
INLINE void NAME(propagate)(const NAME(layer) *layer, int64_t blocks, const REAL *a, REAL *below, int sigmoid)
{
    const REAL *above = layer->errors;
    memset(below, 0, blocks * layer->cols * BLOCK * sizeof(REAL));
    for (; blocks--; below += layer->cols * BLOCK, a += layer->cols * BLOCK) {
        for (int64_t i = 0; i < layer->rows; i++, above += BLOCK) {
            const VECTOR *e = (const VECTOR *)above;
            const VECTOR e0 = e[0], e1 = e[1], e2 = e[2], e3 = e[3];
            for (int32_t k = layer->start[i]; k < layer->start[i + 1]; k++) {
                VECTOR *d = (VECTOR *)(below + (int64_t)layer->col[k] * BLOCK);
                d[0] += layer->values[k] * e0;
                d[1] += layer->values[k] * e1;
                d[2] += layer->values[k] * e2;
                d[3] += layer->values[k] * e3;
            }
        }
        for (int64_t b = 0; b < layer->cols * BLOCK; b++)
            below[b] = sigmoid ? below[b] * a[b] * (1 - a[b]) : a[b] > 0 ? below[b] : 0;
    }
}

/* Sums of neighbours: those of a, then those of b. */
INLINE VECTOR NAME(fold)(VECTOR a, VECTOR b)
{
    return SHUFFLE(a, b, EVEN) + SHUFFLE(a, b, ODD);
}

/* The gradient of the weights that there are. LANES of them at a time: the sum over one's samples ends as a
 * vector, and LANES vectors fold into one of sums. */
INLINE void NAME(descend)(const NAME(layer) *layer, int64_t blocks, const REAL *below, REAL rate)
{
    for (int64_t k = 0; k < layer->weights; k += LANES) {
        int64_t here = layer->weights - k < LANES ? layer->weights - k : LANES;
        VECTOR sums[LANES];
#pragma GCC unroll 16
        for (int64_t l = 0; l < LANES; l++) {
            int64_t at = l < here ? k + l : k;
            const REAL *from = layer->errors + (int64_t)layer->row[at] * BLOCK;
            const REAL *to = below + (int64_t)layer->col[at] * BLOCK;
            VECTOR s = {0};
            for (int64_t b = 0; b < blocks; b++, from += layer->rows * BLOCK, to += layer->cols * BLOCK) {
                const VECTOR *e = (const VECTOR *)from, *x = (const VECTOR *)to;
                s += e[0] * x[0] + e[1] * x[1] + e[2] * x[2] + e[3] * x[3];
            }
            sums[l] = s;
        }
#pragma GCC unroll 4
        for (int64_t left = LANES / 2; left; left /= 2)
#pragma GCC unroll 8
            for (int64_t l = 0; l < left; l++)
                sums[l] = NAME(fold)(sums[2 * l], sums[2 * l + 1]);
        for (int64_t l = 0; l < here; l++)
            if (layer->gradient)
                layer->gradient[k + l] = sums[0][l];
            else
                layer->values[k + l] -= rate * sums[0][l];
    }
}

/* ∂loss/∂z of the output layer, times `scale`; 0 for what fills the last block up. */
INLINE void NAME(output_error)(const NAME(layer) *layer, int64_t samples, const REAL *targets, REAL scale,
                               int sigmoid, int mse)
{
    int64_t units = layer->rows;
    const REAL *said = layer->activations;
    REAL *error = layer->errors;
    for (; samples > 0; samples -= BLOCK, said += units * BLOCK, error += units * BLOCK) {
        int64_t here = samples < BLOCK ? samples : BLOCK;
        memset(error, 0, units * BLOCK * sizeof(REAL));
        for (int64_t b = 0; b < here; b++, targets += units) {
            REAL most = said[b], total = 0;
            for (int64_t i = 0; i < units && !mse; i++)
                most = said[i * BLOCK + b] > most ? said[i * BLOCK + b] : most;
            for (int64_t i = 0; i < units; i++)
                total += error[i * BLOCK + b] = mse ? said[i * BLOCK + b] : EXP(said[i * BLOCK + b] - most);
            for (int64_t i = 0; i < units; i++) {
                REAL a = said[i * BLOCK + b];
                REAL e = (error[i * BLOCK + b] / (mse ? 1 : total) - targets[i]) * scale;
                error[i * BLOCK + b] = sigmoid ? e * a * (1 - a) : e;
            }
        }
    }
}

/* Forward, backward, and the update or the gradients. x in blocks; targets[samples, outputs]. */
CLONES void NAME(step)(int64_t layers, const NAME(layer) *layer, int64_t samples, const REAL *x,
                       const REAL *targets, double scale, double rate, int64_t sigmoid, int64_t mse)
{
    int64_t blocks = (samples + BLOCK - 1) / BLOCK;
    NAME(forward)(layers, layer, blocks, x, sigmoid);
    NAME(output_error)(layer + layers - 1, samples, targets, scale, sigmoid, mse);
    for (int64_t i = layers - 1; i >= 0; i--) {
        const REAL *below = i ? layer[i - 1].activations : x;
        if (i)
            NAME(propagate)(layer + i, blocks, below, layer[i - 1].errors, sigmoid);
        NAME(descend)(layer + i, blocks, below, rate);
    }
}

#undef VECTOR
#undef BLOCK
#undef SHUFFLE
