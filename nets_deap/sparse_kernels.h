/* One training step of a sparse multilayer perceptron, for one number type and one width of vectors.
 *
 * Included once for each, with REAL, REAL_BYTES, EXP, INDEX, NAME and VECTOR_BYTES defined. Samples come in blocks
 * of BLOCK: activations are [blocks, units, BLOCK], so that one unit's are a few vectors in a row. Weights are in
 * compressed rows: those of row i are start[i] … start[i + 1] − 1, and row[k], col[k] is the place of the k-th.
 */

#define LANES (VECTOR_BYTES / REAL_BYTES)
#define BLOCK (256 / REAL_BYTES)
#define VECTORS (BLOCK / LANES) /* of one unit's activations over a block */

/* Lanes of two vectors: every second one, and those of the lower and upper halves in turns. */
#if LANES == 16
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif LANES == 4
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#else
#define EVEN 0, 2
#define ODD 1, 3
#define LOW 0, 2
#define HIGH 1, 3
#endif

typedef REAL NAME(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL))));
typedef INDEX NAME(indices) __attribute__((vector_size(VECTOR_BYTES)));
#define VECTOR NAME(vector)
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
void NAME(to_blocks)(int64_t n, int64_t units, const REAL *samples, REAL *blocks)
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
            VECTOR s[VECTORS] = {{0}};
            for (int32_t k = layer->start[i]; k < layer->start[i + 1]; k++) {
                const VECTOR *x = (const VECTOR *)(below + (int64_t)layer->col[k] * BLOCK);
                for (int v = 0; v < VECTORS; v++)
                    s[v] += layer->values[k] * x[v];
            }
            for (int v = 0; v < VECTORS; v++)
                ((VECTOR *)above)[v] = s[v];
            for (int b = 0; b < BLOCK; b++)
                if (sigmoid)
                    above[b] = 1 / (1 + EXP(-above[b]));
                else if (relu)
                    above[b] = above[b] < 0 ? 0 : above[b]; /* a NaN stays one */
        }
}

void NAME(forward)(int64_t layers, const NAME(layer) *layer, int64_t blocks, const REAL *x,
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
            for (int32_t k = layer->start[i]; k < layer->start[i + 1]; k++) {
                VECTOR *d = (VECTOR *)(below + (int64_t)layer->col[k] * BLOCK);
                for (int v = 0; v < VECTORS; v++)
                    d[v] += layer->values[k] * e[v];
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
                for (int v = 0; v < VECTORS; v++)
                    s += e[v] * x[v];
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
void NAME(step)(int64_t layers, const NAME(layer) *layer, int64_t samples, const REAL *x,
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
#undef VECTORS
#undef SHUFFLE
#undef LANES
#undef BLOCK
#undef EVEN
#undef ODD
#undef LOW
#undef HIGH
#undef REAL
#undef REAL_BYTES
#undef EXP
#undef INDEX
#undef NAME
