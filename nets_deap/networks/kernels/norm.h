/* Batch normalisation of images; see conv.h, whose convolutions gather the sums and pass the errors on. */

typedef struct {
    int64_t blocks, rows, channels, cols;
    int64_t block, row, channel; /* how far these are apart, in reals */
    int64_t samples;             /* of which the last block may have fewer than SAMPLES */
} NAME(image);

/* How many samples of a block there are. */
INLINE int NAME(present)(int64_t samples, int64_t block)
{
    const int64_t left = samples - block * SAMPLES;
    return left < SAMPLES ? left : SAMPLES;
}

/* All arrays are [channels] unless something else is said; those that may be NULL are said to. */
typedef struct {
    const REAL *x;             /* what is normalised, at its first pixel */
    int64_t samples;
    const REAL *weight, *bias; /* or NULL */
    double eps, momentum;
    REAL *running_mean, *running_variance; /* or NULL */
    REAL *sums;                            /* [blocks, channels, 2, SAMPLES]: first of x − pivot and its square,
                                              then of the errors and of errors · (x − mean) */
    REAL *pivot;                           /* [blocks, channels]: a value of each block */
    double *inverse;                       /* 1 / √(variance + eps) of the minibatch */
    REAL *mean;
    REAL *scale, *shift;                   /* so that the outputs are scale · x + shift */
    REAL *of_weight, *of_bias;             /* gradients */
    REAL *of_all, *of_each;                /* what the errors of x have in common, and for each distance from the mean */
    int64_t rectified;                     /* whether negative outputs are set to 0, and errors still know nothing of it */
    const REAL *outputs;                   /* images; if something was added before they were rectified, else NULL */
} NAME(norm);

/* Where the sums of one block and channel are. */
INLINE REAL *NAME(sums_at)(const NAME(norm) *n, int64_t block, int64_t channels, int64_t channel)
{
    return n->sums + (block * channels + channel) * 2 * SAMPLES;
}

INLINE void NAME(clear_sums)(const NAME(norm) *n, int64_t block, int64_t channels)
{
    memset(NAME(sums_at)(n, block, channels, 0), 0, channels * 2 * SAMPLES * sizeof(REAL));
}

/* Adds to the sums of one block and channel. */
INLINE void NAME(add_sums)(REAL *sums, const VECTOR *first, const VECTOR *second)
{
    for (int v = 0; v < PER_PIXEL; v++) {
        *(VECTOR *)(sums + v * LANES) += first[v];
        *(VECTOR *)(sums + SAMPLES + v * LANES) += second[v];
    }
}

/* Adds the samples' sums of one block, lane by lane. */
INLINE double NAME(total)(const REAL *lanes, int present)
{
    double sum = 0;
    for (int l = 0; l < present; l++)
        sum += lanes[l];
    return sum;
}

/* The sums of x and of its squares, of the blocks from `first` to before `end`. Rows are summed first, so that
 * float32 loses little. */
void NAME(moments)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n)
{
    for (int64_t b = first; b < end; b++) {
        NAME(clear_sums)(n, b, of->channels);
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = 0; c < of->channels; c++) {
                const REAL *at = n->x + b * of->block + y * of->row + c * of->channel;
                REAL *pivot = n->pivot + b * of->channels + c;
                VECTOR s[PER_PIXEL] = {{0}}, q[PER_PIXEL] = {{0}};
                if (y == 0)
                    *pivot = *at;
                for (int64_t t = 0; t < of->cols; t++)
                    for (int v = 0; v < PER_PIXEL; v++) {
                        const VECTOR d = *(const VECTOR *)(at + t * SAMPLES + v * LANES) - *pivot;
                        s[v] += d;
                        q[v] += d * d;
                    }
                NAME(add_sums)(NAME(sums_at)(n, b, of->channels, c), s, q);
            }
    }
}

/* Mean, variance and all that follows from them and the sums, of the channels from `first` to before `end`. */
void NAME(settle_moments)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n)
{
    for (int64_t c = first; c < end; c++) {
        double mean = 0, squares = 0, count = 0; /* squares: of the distances from the mean */
        for (int64_t b = 0; b < of->blocks; b++) {
            const int present = NAME(present)(of->samples, b);
            const REAL *sums = NAME(sums_at)(n, b, of->channels, c);
            const double own = (double)present * of->rows * of->cols, sum = NAME(total)(sums, present);
            const double apart = n->pivot[b * of->channels + c] + sum / own - mean;
            squares += NAME(total)(sums + SAMPLES, present) - sum * sum / own + apart * apart * count * own / (count + own);
            count += own;
            mean += apart * own / count;
        }
        const double variance = squares < 0 ? 0 : squares / count;
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
void NAME(normalise)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n, const REAL *past,
                     REAL *out)
{
    const int stream = NAME(far)(of->blocks * of->block, out);
    for (int64_t b = first; b < end; b++)
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = 0; c < of->channels; c++) {
                const int64_t at = b * of->block + y * of->row + c * of->channel;
                const REAL a = n->scale[c], d = n->shift[c];
                for (int64_t i = at; i < at + of->cols * SAMPLES; i += LANES) {
                    VECTOR z = *(const VECTOR *)(n->x + i) * a + d;
                    if (past)
                        z += *(const VECTOR *)(past + i);
                    if (n->rectified)
                        z = SELECT(z < 0, (VECTOR){0}, z);
                    if (stream)
                        NAME(stream)(out + i, z);
                    else
                        *(VECTOR *)(out + i) = z;
                }
            }
    NAME(streamed)();
}

/* The errors e where z is not rectified. */
INLINE VECTOR NAME(where)(VECTOR z, VECTOR e)
{
    return SELECT(z <= 0, (VECTOR){0}, e);
}

INLINE VECTOR NAME(normalised)(const NAME(norm) *n, int64_t channel, const REAL *x)
{
    return *(const VECTOR *)x * n->scale[channel] + n->shift[channel];
}

/* The errors before rectifying. at: of the vector in all arrays */
INLINE VECTOR NAME(before)(const NAME(norm) *n, int64_t channel, const REAL *errors, int64_t at)
{
    const VECTOR e = *(const VECTOR *)(errors + at);
    if (!n->rectified)
        return e;
    return NAME(where)(n->outputs ? *(const VECTOR *)(n->outputs + at) : NAME(normalised)(n, channel, n->x + at), e);
}

/* The sums over pixels of the errors, and of errors · (x − mean), of the blocks from `first` to before `end`. */
void NAME(error_sums)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n, const REAL *errors)
{
    for (int64_t b = first; b < end; b++) {
        NAME(clear_sums)(n, b, of->channels);
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = 0; c < of->channels; c++) {
                const int64_t at = b * of->block + y * of->row + c * of->channel;
                const REAL middle = n->mean[c];
                VECTOR s[PER_PIXEL] = {{0}}, p[PER_PIXEL] = {{0}};
                for (int64_t t = 0; t < of->cols; t++)
                    for (int v = 0; v < PER_PIXEL; v++) {
                        const int64_t i = at + t * SAMPLES + v * LANES;
                        const VECTOR e = NAME(before)(n, c, errors, i);
                        s[v] += e;
                        p[v] += e * (*(const VECTOR *)(n->x + i) - middle);
                    }
                NAME(add_sums)(NAME(sums_at)(n, b, of->channels, c), s, p);
            }
    }
}

/* The gradients of weight and bias, and what `through` needs, of the channels from `first` to before `end`. */
void NAME(settle_errors)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n)
{
    for (int64_t c = first; c < end; c++) {
        double sum = 0, product = 0, count = (double)of->samples * of->rows * of->cols;
        for (int64_t b = 0; b < of->blocks; b++) {
            const REAL *sums = NAME(sums_at)(n, b, of->channels, c);
            sum += NAME(total)(sums, NAME(present)(of->samples, b));
            product += NAME(total)(sums + SAMPLES, NAME(present)(of->samples, b));
        }
        const double inverse = n->inverse[c], own = n->weight ? inverse * n->weight[c] : inverse;
        n->of_weight[c] = inverse * product;
        n->of_bias[c] = sum;
        n->of_all[c] = own * sum / count;
        n->of_each[c] = own * inverse * inverse * product / count;
    }
}

/* The errors of x, of one vector: scale · e − of_all − of_each · (x − mean). e: the errors before rectifying */
INLINE VECTOR NAME(through)(const NAME(norm) *n, int64_t channel, const REAL *x, VECTOR e)
{
    return e * n->scale[channel] - n->of_all[channel] - (*(const VECTOR *)x - n->mean[channel]) * n->of_each[channel];
}

/* Vector v of a pixel, with 0 for the samples that are not there. */
INLINE VECTOR NAME(of_present)(VECTOR e, int present, int v)
{
    REAL there[SAMPLES];
    for (int l = 0; l < SAMPLES; l++)
        there[l] = l < present;
    return SELECT(*(const VECTOR *)(there + v * LANES) > 0, e, (VECTOR){0});
}

/* below = the errors of x; past = those of what was added, unless it is NULL. */
void NAME(through_norm)(const NAME(image) *of, int64_t first, int64_t end, const NAME(norm) *n,
                        const REAL *errors, REAL *below, REAL *past)
{
    for (int64_t b = first; b < end; b++) {
        const int present = NAME(present)(of->samples, b);
        for (int64_t y = 0; y < of->rows; y++)
            for (int64_t c = 0; c < of->channels; c++)
                for (int64_t t = 0; t < of->cols; t++)
                    for (int v = 0; v < PER_PIXEL; v++) {
                        const int64_t at = b * of->block + y * of->row + c * of->channel + t * SAMPLES + v * LANES;
                        const VECTOR e = NAME(before)(n, c, errors, at), d = NAME(through)(n, c, n->x + at, e);
                        if (past)
                            *(VECTOR *)(past + at) = e;
                        *(VECTOR *)(below + at) = present < SAMPLES ? NAME(of_present)(d, present, v) : d;
                    }
    }
}
