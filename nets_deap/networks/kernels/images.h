/* What lies between convolutions, on the same images; see conv.h. */

#define PER_PIXEL (SAMPLES / LANES)

typedef struct {
    int64_t blocks, rows, channels, cols;
    int64_t block, row, channel; /* how far these are apart, in reals */
    int64_t samples;             /* of which the last block may have fewer than SAMPLES */
} NAME(image);

/* How many samples of a block there are. */
INLINE int NAME(present)(const NAME(image) *of, int64_t block)
{
    const int64_t left = of->samples - block * SAMPLES;
    return left < SAMPLES ? left : SAMPLES;
}

/* Adds the samples' sums of one block, lane by lane. */
INLINE double NAME(total)(const VECTOR *lanes, int present)
{
    const REAL *each = (const REAL *)lanes;
    double sum = 0;
    for (int l = 0; l < present; l++)
        sum += each[l];
    return sum;
}

/* A batch normalisation. All arrays are [channels]; those that may be NULL are said to. */
typedef struct {
    const REAL *weight, *bias; /* or NULL */
    double eps, momentum;
    REAL *running_mean, *running_variance; /* or NULL */
    double *mean, *inverse;                /* of the minibatch; 1 / √(variance + eps) */
    REAL *scale, *shift;                   /* so that the outputs are scale · x + shift */
    int64_t rectified;                     /* whether negative outputs are set to 0 */
    const REAL *outputs;                   /* images; if something was added before they were rectified, else NULL */
    REAL *of_weight, *of_bias;             /* gradients */
    REAL *of_all, *of_each;                /* what the errors of x have in common, and for each distance from the mean */
} NAME(norm);

/* Mean, variance and all that follows from them, of the channels from `first` to before `end`. Rows are summed
 * first, so that float32 loses little. */
void NAME(moments)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n, const REAL *x)
{
    for (int64_t c = first; c < end; c++) {
        const REAL pivot = x[c * of->channel];
        double sum = 0, squares = 0, count = (double)of->samples * of->rows * of->cols;
        for (int64_t b = 0; b < of->blocks; b++) {
            VECTOR s[PER_PIXEL] = {{0}}, q[PER_PIXEL] = {{0}};
            for (int64_t y = 0; y < of->rows; y++) {
                const REAL *at = x + b * of->block + y * of->row + c * of->channel;
                VECTOR row[PER_PIXEL] = {{0}}, row_q[PER_PIXEL] = {{0}};
                for (int64_t t = 0; t < of->cols; t++)
                    for (int v = 0; v < PER_PIXEL; v++) {
                        const VECTOR d = *(const VECTOR *)(at + t * SAMPLES + v * LANES) - pivot;
                        row[v] += d;
                        row_q[v] += d * d;
                    }
                for (int v = 0; v < PER_PIXEL; v++) {
                    s[v] += row[v];
                    q[v] += row_q[v];
                }
            }
            sum += NAME(total)(s, NAME(present)(of, b));
            squares += NAME(total)(q, NAME(present)(of, b));
        }
        const double mean = pivot + sum / count;
        double variance = squares / count - sum / count * (sum / count);
        variance = variance < 0 ? 0 : variance;
        const double inverse = 1 / sqrt(variance + n->eps);
        const double scale = n->weight ? inverse * n->weight[c] : inverse;
        n->mean[c] = mean;
        n->inverse[c] = inverse;
        n->scale[c] = scale;
        n->shift[c] = (n->bias ? n->bias[c] : 0) - mean * scale;
        if (n->running_mean) {
            n->running_mean[c] += n->momentum * (mean - n->running_mean[c]);
            n->running_variance[c] += n->momentum * (variance * (count / (count - 1)) - n->running_variance[c]);
        }
    }
}

/* out = scale · x + shift + past, images, of which past may be NULL. NaN stays. */
void NAME(normalise)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n, const REAL *x,
                     const REAL *past, REAL *out)
{
    for (int64_t b = 0; b < of->blocks; b++)
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = first; c < end; c++) {
                const int64_t at = b * of->block + y * of->row + c * of->channel;
                const REAL a = n->scale[c], d = n->shift[c];
                for (int64_t i = at; i < at + of->cols * SAMPLES; i += LANES) {
                    VECTOR z = *(const VECTOR *)(x + i) * a + d;
                    if (past)
                        z += *(const VECTOR *)(past + i);
                    if (n->rectified)
                        z = SELECT(z < 0, (VECTOR){0}, z);
                    *(VECTOR *)(out + i) = z;
                }
            }
}

/* The error before rectifying. at: of the vector in all arrays */
INLINE VECTOR NAME(before)(const NAME(norm) *n, REAL scale, REAL shift, const REAL *x, const REAL *errors,
                           int64_t at)
{
    const VECTOR e = *(const VECTOR *)(errors + at);
    if (!n->rectified)
        return e;
    const VECTOR z = n->outputs ? *(const VECTOR *)(n->outputs + at) : *(const VECTOR *)(x + at) * scale + shift;
    return SELECT(z <= 0, (VECTOR){0}, e);
}

/* The gradients of weight and bias, and what `through_norm` needs: sums over samples and pixels of the errors,
 * and of errors · (x − mean). */
void NAME(error_sums)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n, const REAL *x,
                      const REAL *errors)
{
    for (int64_t c = first; c < end; c++) {
        const REAL middle = n->mean[c], scale = n->scale[c], shift = n->shift[c];
        double sum = 0, product = 0, count = (double)of->samples * of->rows * of->cols;
        for (int64_t b = 0; b < of->blocks; b++) {
            VECTOR s[PER_PIXEL] = {{0}}, p[PER_PIXEL] = {{0}};
            for (int64_t y = 0; y < of->rows; y++) {
                const int64_t at = b * of->block + y * of->row + c * of->channel;
                VECTOR row[PER_PIXEL] = {{0}}, row_p[PER_PIXEL] = {{0}};
                for (int64_t t = 0; t < of->cols; t++)
                    for (int v = 0; v < PER_PIXEL; v++) {
                        const int64_t i = at + t * SAMPLES + v * LANES;
                        const VECTOR e = NAME(before)(n, scale, shift, x, errors, i);
                        row[v] += e;
                        row_p[v] += e * (*(const VECTOR *)(x + i) - middle);
                    }
                for (int v = 0; v < PER_PIXEL; v++) {
                    s[v] += row[v];
                    p[v] += row_p[v];
                }
            }
            sum += NAME(total)(s, NAME(present)(of, b));
            product += NAME(total)(p, NAME(present)(of, b));
        }
        const double inverse = n->inverse[c], own = n->weight ? inverse * n->weight[c] : inverse;
        n->of_weight[c] = inverse * product;
        n->of_bias[c] = sum;
        n->of_all[c] = own * sum / count;
        n->of_each[c] = own * inverse * inverse * product / count;
    }
}

/* below = scale · e − of_all − of_each · (x − mean), where e are the errors before rectifying, and 0 for samples
 * that are not there; past = e unless it is NULL. */
void NAME(through_norm)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n, const REAL *x,
                        const REAL *errors, REAL *below, REAL *past)
{
    for (int64_t b = 0; b < of->blocks; b++) {
        const int present = NAME(present)(of, b);
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = first; c < end; c++) {
                const int64_t at = b * of->block + y * of->row + c * of->channel;
                const REAL middle = n->mean[c], scale = n->scale[c], shift = n->shift[c];
                const REAL all = n->of_all[c], each = n->of_each[c];
                for (int64_t i = at; i < at + of->cols * SAMPLES; i += LANES) {
                    const VECTOR e = NAME(before)(n, scale, shift, x, errors, i);
                    *(VECTOR *)(below + i) = e * scale - all - (*(const VECTOR *)(x + i) - middle) * each;
                    if (past)
                        *(VECTOR *)(past + i) = e;
                }
                if (present < SAMPLES)
                    for (int64_t t = 0; t < of->cols; t++)
                        for (int l = present; l < SAMPLES; l++)
                            below[at + t * SAMPLES + l] = 0;
            }
    }
}

/* The largest of each size × size pixels, or NaN if one is. of: the image of the outputs; row, channel: those of
 * the inputs, which have `size` times as many rows and cols, or a few more */
void NAME(pool)(const NAME(image) *of, int64_t first, int64_t end, int64_t size, int64_t block, int64_t row, int64_t channel, const REAL *in,
                REAL *out)
{
    for (int64_t b = first; b < end; b++)
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = 0; c < of->channels; c++) {
                const REAL *from = in + b * block + y * size * row + c * channel;
                REAL *to = out + b * of->block + y * of->row + c * of->channel;
                for (int64_t t = 0; t < of->cols; t++, from += size * SAMPLES, to += SAMPLES)
                    for (int v = 0; v < SAMPLES; v += LANES) {
                        VECTOR most = *(const VECTOR *)(from + v);
                        for (int64_t i = 0; i < size; i++)
                            for (int64_t j = 0; j < size; j++) {
                                const VECTOR z = *(const VECTOR *)(from + i * row + j * SAMPLES + v);
                                most = SELECT((z > most) | (z != z), z, most);
                            }
                        *(VECTOR *)(to + v) = most;
                    }
            }
}

/* The errors of the inputs of `pool`: all of a window go to the first of its largest. Pixels of no window are
 * not written. */
void NAME(through_pool)(const NAME(image) *of, int64_t first, int64_t end, int64_t size, int64_t block, int64_t row, int64_t channel,
                        const REAL *in, const REAL *out, const REAL *errors, REAL *below)
{
    for (int64_t b = first; b < end; b++)
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = 0; c < of->channels; c++) {
                const int64_t there = b * block + y * size * row + c * channel;
                const int64_t here = b * of->block + y * of->row + c * of->channel;
                for (int64_t t = 0; t < of->cols; t++)
                    for (int v = 0; v < SAMPLES; v += LANES) {
                        const int64_t to = here + t * SAMPLES + v;
                        const VECTOR most = *(const VECTOR *)(out + to);
                        VECTOR left = *(const VECTOR *)(errors + to);
                        for (int64_t i = 0; i < size; i++)
                            for (int64_t j = 0; j < size; j++) {
                                const int64_t from = there + i * row + (t * size + j) * SAMPLES + v;
                                const VECTOR z = *(const VECTOR *)(in + from);
                                *(VECTOR *)(below + from) = SELECT((z == most) | (z != z), left, (VECTOR){0});
                                left = SELECT(z == most, (VECTOR){0}, left);
                            }
                    }
            }
}
#undef PER_PIXEL
