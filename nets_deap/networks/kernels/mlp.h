/* One training step of a masked multilayer perceptron, for one number type and one width of vectors.
 *
 * This file is included once for each combination, after vectors.h. Samples come in blocks of BLOCK:
 * activations are [blocks, units, BLOCK], so that those of one unit in a block are a few consecutive vectors.
 * A sparse layer stores its weights as compressed rows: row i has the weights start[i] … start[i + 1] − 1, and
 * weight k stands in row row[k] and column col[k]. A dense layer stores all weights, and a mask if some of
 * them are pruned.
 */

#define BLOCK (256 / REAL_BYTES)
#define VECTORS (BLOCK / LANES) /* in one unit's activations for a block */

/* A tile of a dense product or gradient that fits the registers: its rows, and the vectors in each row. */
#define HEIGHT 6
#define WIDTH (VECTOR_BYTES == 64 ? 4 : 2)

typedef struct {
    int64_t rows, cols, weights;
    int64_t activation;               /* NONE, RELU, SIGMOID or HYPERBOLIC */
    const int32_t *start, *row, *col; /* NULL in a dense layer */
    const uint8_t *mask;              /* of a dense layer: [rows, cols]; NULL if nothing is pruned */
    REAL *values;                     /* the weights; all of them in a dense layer */
    REAL *gradient;                   /* if NULL, −rate · gradient is added to the values */
    REAL *activations;                /* [blocks, rows, BLOCK] */
    REAL *errors;                     /* of the same shape: ∂loss/∂z */
    REAL *below;                      /* of a dense layer: a buffer for its inputs, [samples, cols] */
    REAL *bias, *bias_gradient;       /* [rows]; NULL, as the gradient is, or without biases */
} NAME(layer);

/* to[col, i] = from[at[i], col], or from[i, col] if `at` is NULL */
INLINE void NAME(transpose)(int64_t rows, int64_t cols, const REAL *from, int64_t from_stride,
                            const int64_t *at, REAL *to, int64_t to_stride)
{
    for (int64_t i = 0; i < rows; i += LANES)
        for (int64_t j = 0; j < cols; j += LANES) {
            if (i + LANES > rows || j + LANES > cols) {
                for (int64_t c = j; c < cols && c < j + LANES; c++)
                    for (int64_t r = i; r < rows && r < i + LANES; r++)
                        to[c * to_stride + r] = from[(at ? at[r] : r) * from_stride + c];
                continue;
            }
            VECTOR a[LANES], b[LANES];
#pragma GCC unroll 16
            for (int64_t l = 0; l < LANES; l++)
                a[l] = *(const VECTOR *)(from + (at ? at[i + l] : i + l) * from_stride + j);
            /* log₂ LANES perfect shuffles of rows and lanes transpose the tile. */
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
                *(VECTOR *)(to + (j + l) * to_stride + i) = a[l];
        }
}

/* Copy n samples [·, units] into blocks: those with the indices `chosen`, or the first n if it is NULL. The
 * last block is padded with zeros. */
INLINE void NAME(to_blocks)(int64_t n, int64_t units, const REAL *samples, const int64_t *chosen, REAL *blocks)
{
    for (int64_t done = 0; done < n; done += BLOCK, blocks += units * BLOCK) {
        int64_t here = n - done < BLOCK ? n - done : BLOCK;
        if (here < BLOCK)
            memset(blocks, 0, units * BLOCK * sizeof(REAL));
        if (chosen)
            NAME(transpose)(here, units, samples, units, chosen + done, blocks, BLOCK);
        else
            NAME(transpose)(here, units, samples + done * units, units, NULL, blocks, BLOCK);
    }
}

INLINE void NAME(from_blocks)(int64_t n, int64_t units, const REAL *blocks, REAL *samples)
{
    for (; n > 0; n -= BLOCK, samples += BLOCK * units, blocks += units * BLOCK)
        NAME(transpose)(units, n < BLOCK ? n : BLOCK, blocks, BLOCK, NULL, samples, units);
}

/* `height` rows of out = bias + W · x for one block; W is dense with any strides, `height` is a constant; no
 * bias if it is NULL. */
INLINE void NAME(dense_rows)(int height, int64_t cols, const REAL *w, int64_t row_stride, int64_t col_stride,
                             const REAL *bias, const REAL *x, REAL *out)
{
    for (int64_t first = 0; first < VECTORS; first += WIDTH) {
        VECTOR s[HEIGHT][WIDTH];
        memset(s, 0, sizeof s);
        for (int r = 0; bias && r < height; r++)
            for (int v = 0; v < WIDTH; v++)
                s[r][v] += bias[r];
        for (int64_t k = 0; k < cols; k++) {
            const VECTOR *below = (const VECTOR *)(x + k * BLOCK) + first;
            for (int r = 0; r < height; r++)
                for (int v = 0; v < WIDTH; v++)
                    s[r][v] += w[r * row_stride + k * col_stride] * below[v];
        }
        for (int r = 0; r < height; r++)
            for (int v = 0; v < WIDTH; v++)
                ((VECTOR *)(out + r * BLOCK))[first + v] = s[r][v];
    }
}

/* out[rows, BLOCK] = bias + W · x[cols, BLOCK] for one block, W dense. */
INLINE void NAME(dense_product)(int64_t rows, int64_t cols, const REAL *w, int64_t row_stride,
                                int64_t col_stride, const REAL *bias, const REAL *x, REAL *out)
{
    int64_t i = 0;
    for (; i + HEIGHT <= rows; i += HEIGHT)
        NAME(dense_rows)(HEIGHT, cols, w + i * row_stride, row_stride, col_stride, bias ? bias + i : NULL, x,
                         out + i * BLOCK);
    for (; i < rows; i++)
        NAME(dense_rows)(1, cols, w + i * row_stride, row_stride, col_stride, bias ? bias + i : NULL, x,
                         out + i * BLOCK);
}

/* tanh. That of floats is within 1.5e-7: twice the tangent of x / 2, which is the seventh approximant of
 * Lambert's continued fraction; from 9 on it rounds to 1. */
INLINE VECTOR NAME(tanh)(VECTOR x)
{
#if REAL_BYTES == 4
    typedef NAME(indices) bits;
    const bits low = x < -9, high = x > 9;
    const VECTOR nine = (VECTOR){0} + 9;
    x = (VECTOR)((low & (bits)-nine) | (high & (bits)nine) | (~(low | high) & (bits)x));
    const VECTOR half = x / 2, s = half * half;
    const VECTOR t =
        half * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + s * 28)));
    return 2 * t / (1 + t * t);
#else
    for (int l = 0; l < LANES; l++)
        x[l] = tanh(x[l]);
    return x;
#endif
}

/* Turn n numbers z, a multiple of BLOCK, into activations. A NaN stays a NaN. */
INLINE void NAME(activate)(int64_t activation, int64_t n, REAL *z)
{
    if (activation == RELU)
        for (int64_t b = 0; b < n; b++)
            z[b] = z[b] < 0 ? 0 : z[b];
    else if (activation == SIGMOID)
        for (VECTOR *v = (VECTOR *)z; v < (VECTOR *)(z + n); v++)
            *v = (REAL)0.5 + (REAL)0.5 * NAME(tanh)((REAL)0.5 * *v);
    else if (activation == HYPERBOLIC)
        for (VECTOR *v = (VECTOR *)z; v < (VECTOR *)(z + n); v++)
            *v = NAME(tanh)(*v);
}

/* Turn ∂loss/∂a of n activations a into ∂loss/∂z. */
INLINE void NAME(through_activation)(int64_t activation, int64_t n, const REAL *a, REAL *error)
{
    if (activation == RELU)
        for (int64_t b = 0; b < n; b++)
            error[b] = a[b] <= 0 ? 0 : error[b];
    else if (activation == SIGMOID)
        for (int64_t b = 0; b < n; b++)
            error[b] *= a[b] * (1 - a[b]);
    else if (activation == HYPERBOLIC)
        for (int64_t b = 0; b < n; b++)
            error[b] *= 1 - a[b] * a[b];
}

/* out[rows, BLOCK] = bias + W · x[cols, BLOCK] for one block, W sparse; followed by the activation. */
INLINE void NAME(sparse_product)(const NAME(layer) *layer, const REAL *x, REAL *out)
{
    for (int64_t i = 0; i < layer->rows; i++, out += BLOCK) {
        VECTOR s[VECTORS] = {{0}};
        for (int v = 0; layer->bias && v < VECTORS; v++)
            s[v] += layer->bias[i];
        for (int32_t k = layer->start[i]; k < layer->start[i + 1]; k++) {
            const VECTOR *below = (const VECTOR *)(x + (int64_t)layer->col[k] * BLOCK);
            for (int v = 0; v < VECTORS; v++)
                s[v] += layer->values[k] * below[v];
        }
        for (int v = 0; v < VECTORS; v++)
            ((VECTOR *)out)[v] = s[v];
        NAME(activate)(layer->activation, BLOCK, out);
    }
}

/* out[cols, BLOCK] = Wᵀ · x[rows, BLOCK] for one block, W sparse. */
INLINE void NAME(sparse_transposed_product)(const NAME(layer) *layer, const REAL *x, REAL *out)
{
    memset(out, 0, layer->cols * BLOCK * sizeof(REAL));
    for (int64_t i = 0; i < layer->rows; i++, x += BLOCK) {
        VECTOR above[VECTORS];
        memcpy(above, x, sizeof above);
        for (int32_t k = layer->start[i]; k < layer->start[i + 1]; k++) {
            VECTOR *below = (VECTOR *)(out + (int64_t)layer->col[k] * BLOCK);
            for (int v = 0; v < VECTORS; v++)
                below[v] += layer->values[k] * above[v];
        }
    }
}

/* The activations of every layer. x: a buffer for the samples in blocks */
void NAME(forward)(int64_t layers, const NAME(layer) *layer, int64_t samples, const REAL *samples_x,
                   const int64_t *chosen, REAL *x)
{
    const int64_t blocks = (samples + BLOCK - 1) / BLOCK;
    NAME(to_blocks)(samples, layer->cols, samples_x, chosen, x);
    for (const NAME(layer) *end = layer + layers; layer < end; x = layer++->activations) {
        const int64_t rows = layer->rows, cols = layer->cols;
        for (int64_t b = 0; b < blocks; b++) {
            const REAL *below = x + b * cols * BLOCK;
            REAL *above = layer->activations + b * rows * BLOCK;
            if (!layer->start) {
                NAME(dense_product)(rows, cols, layer->values, cols, 1, layer->bias, below, above);
                NAME(activate)(layer->activation, rows * BLOCK, above);
            } else
                NAME(sparse_product)(layer, below, above);
        }
    }
}

/* Write the errors ∂loss/∂z of the layer below, whose activations are a, into `below`. */
INLINE void NAME(propagate)(const NAME(layer) *layer, int64_t blocks, const REAL *a, REAL *below)
{
    const int64_t rows = layer->rows, cols = layer->cols;
    const REAL *above = layer->errors;
    for (; blocks--; above += rows * BLOCK, below += cols * BLOCK, a += cols * BLOCK) {
        if (!layer->start)
            NAME(dense_product)(cols, rows, layer->values, 1, cols, NULL, above, below);
        else
            NAME(sparse_transposed_product)(layer, above, below);
        NAME(through_activation)(layer[-1].activation, cols * BLOCK, a, below);
    }
}

/* The gradient of a sparse layer's weights, LANES weights at a time: stored, or applied as an SGD step. */
INLINE void NAME(descend_sparse)(const NAME(layer) *layer, int64_t blocks, const REAL *below, REAL rate)
{
    for (int64_t k = 0; k < layer->weights; k += LANES) {
        int64_t here = layer->weights - k < LANES ? layer->weights - k : LANES;
        VECTOR products[LANES];
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
            products[l] = s;
        }
        const VECTOR gradient = NAME(sums)(products);
        for (int64_t l = 0; l < here; l++)
            if (layer->gradient)
                layer->gradient[k + l] = gradient[l];
            else
                layer->values[k + l] -= rate * gradient[l];
    }
}

/* The gradients of `height` rows and `width` vectors of columns, both constants, of a dense layer, except for
 * the first `done` columns; 0 for pruned weights. below: [samples, cols] */
INLINE void NAME(descend_tile)(int height, int width, const NAME(layer) *layer, int64_t i, int64_t j, int done,
                               int64_t samples, const REAL *below, REAL rate)
{
    const int64_t rows = layer->rows, cols = layer->cols;
    const REAL *e = layer->errors + i * BLOCK;
    VECTOR s[HEIGHT][WIDTH];
    memset(s, 0, sizeof s);
    below += j;
    for (int64_t left = samples; left > 0; left -= BLOCK, e += rows * BLOCK)
        for (int64_t b = 0; b < BLOCK && b < left; b++, below += cols)
            for (int r = 0; r < height; r++)
                for (int v = 0; v < width; v++)
                    s[r][v] += e[r * BLOCK + b] * ((const VECTOR *)below)[v];
    for (int r = 0; r < height; r++) {
        REAL *sums = (REAL *)s[r];
        const int64_t at = (i + r) * cols + j;
        if (layer->mask)
            for (int c = 0; c < width * LANES; c++)
                sums[c] *= layer->mask[at + c];
        if (layer->gradient)
            for (int c = done; c < width * LANES; c++)
                layer->gradient[at + c] = sums[c];
        else
            for (int c = done; c < width * LANES; c++)
                layer->values[at + c] -= rate * sums[c];
    }
}

/* The gradient of `width` vectors of columns of a dense layer, except for the first `done` columns. */
INLINE void NAME(descend_columns)(int width, const NAME(layer) *layer, int64_t j, int done, int64_t samples,
                                  const REAL *below, REAL rate)
{
    int64_t i = 0;
    for (; i + HEIGHT <= layer->rows; i += HEIGHT)
        NAME(descend_tile)(HEIGHT, width, layer, i, j, done, samples, below, rate);
    for (; i < layer->rows; i++)
        NAME(descend_tile)(1, width, layer, i, j, done, samples, below, rate);
}

/* The gradient of a dense layer's weights. below: [samples, cols] */
INLINE void NAME(descend_dense)(const NAME(layer) *layer, int64_t samples, const REAL *below, REAL rate)
{
    const int64_t rows = layer->rows, cols = layer->cols;
    int64_t j = 0;
    for (; j + WIDTH * LANES <= cols; j += WIDTH * LANES)
        NAME(descend_columns)(WIDTH, layer, j, 0, samples, below, rate);
    /* The rest is one narrower tile that overlaps the one before it, or single vectors in a narrow layer. */
    int64_t width = (cols - j + LANES - 1) / LANES, first = cols - width * LANES;
    if (first < 0 && cols > LANES) {
        for (; j + LANES <= cols; j += LANES)
            NAME(descend_columns)(1, layer, j, 0, samples, below, rate);
        width = j < cols;
        first = cols - LANES;
    }
    if (first >= 0) {
        if (width == 1)
            NAME(descend_columns)(1, layer, first, j - first, samples, below, rate);
        else if (width == 2)
            NAME(descend_columns)(2, layer, first, j - first, samples, below, rate);
        else if (WIDTH > 2 && width == 3)
            NAME(descend_columns)(3, layer, first, j - first, samples, below, rate);
        else if (WIDTH > 3 && width == 4)
            NAME(descend_columns)(4, layer, first, j - first, samples, below, rate);
        return;
    }
    for (; j < cols; j++)
        for (int64_t i = 0; i < rows; i++) {
            REAL g = 0;
            for (int64_t b = 0; b < samples; b++)
                g += layer->errors[(b / BLOCK * rows + i) * BLOCK + b % BLOCK] * below[b * cols + j];
            if (layer->mask)
                g *= layer->mask[i * cols + j];
            if (layer->gradient)
                layer->gradient[i * cols + j] = g;
            else
                layer->values[i * cols + j] -= rate * g;
        }
}

/* The gradient of a layer's biases: stored, or applied as an SGD step. */
INLINE void NAME(descend_biases)(const NAME(layer) *layer, int64_t blocks, REAL rate)
{
    for (int64_t i = 0; i < layer->rows; i++) {
        VECTOR s = {0};
        for (int64_t b = 0; b < blocks; b++)
            for (int v = 0; v < VECTORS; v++)
                s += ((const VECTOR *)(layer->errors + (b * layer->rows + i) * BLOCK))[v];
        REAL gradient = 0;
        for (int l = 0; l < LANES; l++)
            gradient += s[l];
        if (layer->bias_gradient)
            layer->bias_gradient[i] = gradient;
        else
            layer->bias[i] -= rate * gradient;
    }
}

/* ∂loss/∂z of the output layer, times `scale`; 0 for the padding of the last block. The loss is
 * CROSS_ENTROPY after a softmax, the SQUARED error, or the BINARY cross-entropy of logits. */
INLINE void NAME(output_error)(const NAME(layer) *layer, int64_t samples, const REAL *all_targets,
                               const int64_t *chosen, int64_t loss, REAL scale)
{
    int64_t units = layer->rows;
    const REAL *said = layer->activations;
    REAL *error = layer->errors;
    for (int64_t done = 0; done < samples; done += BLOCK, said += units * BLOCK, error += units * BLOCK) {
        int64_t here = samples - done < BLOCK ? samples - done : BLOCK;
        memset(error, 0, units * BLOCK * sizeof(REAL));
        for (int64_t b = 0; b < here; b++) {
            const REAL *targets = all_targets + (chosen ? chosen[done + b] : done + b) * units;
            for (int64_t i = 0; loss == SQUARED && i < units; i++)
                error[i * BLOCK + b] = (said[i * BLOCK + b] - targets[i]) * scale;
            for (int64_t i = 0; loss == BINARY && i < units; i++)
                error[i * BLOCK + b] = (1 / (1 + EXP(-said[i * BLOCK + b])) - targets[i]) * scale;
            if (loss != CROSS_ENTROPY)
                continue;
            REAL most = said[b], total = 0;
            for (int64_t i = 0; i < units; i++)
                most = said[i * BLOCK + b] > most ? said[i * BLOCK + b] : most;
            for (int64_t i = 0; i < units; i++)
                total += error[i * BLOCK + b] = EXP(said[i * BLOCK + b] - most);
            for (int64_t i = 0; i < units; i++)
                error[i * BLOCK + b] = (error[i * BLOCK + b] / total - targets[i]) * scale;
        }
    }
}

/* Forward pass, backward pass, and the update or the gradients, on a minibatch: the samples of
 * all_x[available, inputs] and targets[available, outputs] with the indices `chosen`, or the first ones if it
 * is NULL. x: a buffer for the samples in blocks. loss, scale: as in `output_error`; rate: of
 * an SGD step, which a layer without room for its gradient takes.
 * Returns 1; or 0, with nothing done, if an index is out of range. */
int NAME(step)(int64_t layers, const NAME(layer) *layer, int64_t samples, int64_t available, const REAL *all_x,
               const int64_t *chosen, REAL *x, const REAL *targets, int64_t loss, double scale, double rate)
{
    const int64_t blocks = (samples + BLOCK - 1) / BLOCK, inputs = layer->cols;
    for (int64_t b = 0; chosen && b < samples; b++)
        if (chosen[b] < 0 || chosen[b] >= available)
            return 0;
    const REAL *samples_x = all_x;
    if (chosen && !layer->start) { /* the gradient reads the samples again; contiguous ones are faster */
        for (int64_t b = 0; b < samples; b++)
            memcpy(layer->below + b * inputs, all_x + chosen[b] * inputs, inputs * sizeof(REAL));
        samples_x = layer->below;
    }
    NAME(forward)(layers, layer, samples, samples_x, samples_x == all_x ? chosen : NULL, x);
    NAME(output_error)(layer + layers - 1, samples, targets, chosen, loss, scale);
    for (int64_t i = layers - 1; i >= 0; i--) {
        const REAL *below = i ? layer[i - 1].activations : x;
        if (i)
            NAME(propagate)(layer + i, blocks, below, layer[i - 1].errors);
        if (layer[i].start)
            NAME(descend_sparse)(layer + i, blocks, below, rate);
        else {
            if (i)
                NAME(from_blocks)(samples, layer[i].cols, below, layer[i].below);
            NAME(descend_dense)(layer + i, samples, i ? layer[i].below : samples_x, rate);
        }
        if (layer[i].bias)
            NAME(descend_biases)(layer + i, blocks, rate);
    }
    return 1;
}

#undef BLOCK
#undef VECTORS
#undef HEIGHT
#undef WIDTH
