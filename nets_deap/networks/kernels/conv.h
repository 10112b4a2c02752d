/* Convolutions with sparse weights, for one number type and one width of vectors; included as mlp.h is.
 *
 * SAMPLES samples lie side by side: images are [blocks, rows, channels, cols, SAMPLES], with a margin of zeros
 * around rows and cols. A weight stands for a place: `offset` says how far its input pixel is from that of the
 * first tap. The sum over a channel's weights keeps a tile of output pixels in registers and reads each weight
 * once for it; the gradient keeps a tile of errors there. */

#define REGISTERS (VECTOR_BYTES == 64 ? 16 : 8)                      /* for a tile */
#define WIDEST (PER_PIXEL < REGISTERS ? REGISTERS / PER_PIXEL : 1)   /* pixels in a tile */

typedef struct {
    int64_t blocks, channels, rows, cols; /* of the output */
    int64_t in_block, in_row, in_col;     /* how far the inputs of neighbouring output pixels are apart */
    int64_t out_block, out_row, out_col;  /* how far those pixels are apart */
    int64_t out_channel;                  /* all in reals */
    const int32_t *start;  /* [channels + 1]; channel c has the weights start[c] … start[c + 1] − 1 */
    const int32_t *offset; /* [weights] */
    int64_t reach;         /* how many of these rows the weights of an output pixel span */
} NAME(convolution);

/* One vector for each pixel of a tile, of one channel. */
#define FOR_TILE                                 \
    _Pragma("GCC unroll 16") for (int r = 0; r < height; r++) \
    _Pragma("GCC unroll 16") for (int t = 0; t < width; t++)  \
    _Pragma("GCC unroll 8") for (int v = 0; v < PER_PIXEL; v++)

#define AT ((r * width + t) * PER_PIXEL + v)

typedef struct {
    const REAL *bias;                  /* [channels], or NULL */
    const REAL *errors, *errors_of;    /* what is added, of the shape of the outputs, or NULL; see `remaining` */
    int64_t rectified;                 /* whether negative outputs are set to 0 */
    const NAME(norm) *norm;            /* whose sums are gathered, for its moments or for its errors; or NULL */
    const REAL *x;                     /* for its errors: what is normalised, of the shape of the outputs */
    const REAL *outputs;               /* of that shape: where these are 0 there are no errors; or NULL */
} NAME(extras);

/* An error of an output: none where one that was rectified is 0. */
INLINE VECTOR NAME(remaining)(const REAL *error, const REAL *output)
{
    const VECTOR e = *(const VECTOR *)error;
    return output ? NAME(where)(*(const VECTOR *)output, e) : e;
}

/* Adds a tile's share to the sums that `more` wants. place: of the tile in all images; first: of the block? */
INLINE void NAME(gather)(int height, int width, int64_t out_col, const NAME(convolution) *c, int64_t block, int64_t channel,
                         const NAME(extras) *more, int64_t place, int first, const VECTOR *of)
{
    VECTOR one[2][PER_PIXEL] = {{{0}}}, two[2][PER_PIXEL] = {{{0}}};
    if (more->x) {
        const REAL *x = more->x + place, mean = more->norm->mean[channel];
        FOR_TILE {
            one[(r + t) % 2][v] += of[AT];
            two[(r + t) % 2][v] += of[AT] * (*(const VECTOR *)(x + r * c->out_row + t * out_col + v * LANES) - mean);
        }
    } else {
        REAL *pivot = more->norm->pivot + block * c->channels + channel;
        if (first)
            *pivot = of[0][0];
        const REAL middle = *pivot;
        FOR_TILE {
            const VECTOR d = of[AT] - middle;
            one[(r + t) % 2][v] += d;
            two[(r + t) % 2][v] += d * d;
        }
    }
    for (int v = 0; v < PER_PIXEL; v++) {
        one[0][v] += one[1][v];
        two[0][v] += two[1][v];
    }
    NAME(add_sums)(NAME(sums_at)(more->norm, block, c->channels, channel), one[0], two[0]);
}

/* in: of the tile; out: of the tile; place: of the tile in all outputs */
INLINE void NAME(sum_tile)(int height, int width, int64_t in_col, int64_t out_col, const NAME(convolution) *c,
                           int64_t block, int64_t channel, const REAL *value, const NAME(extras) *more, int64_t place, int first,
                           const REAL *in, REAL *out)
{
    const int64_t in_row = c->in_row, end = c->start[channel + 1];
    VECTOR sum[REGISTERS > PER_PIXEL ? REGISTERS : PER_PIXEL];
    const REAL bias = more->bias ? more->bias[channel] : 0;
    FOR_TILE sum[AT] = bias - (VECTOR){0};
    if (more->errors) {
        const REAL *errors = more->errors + place, *of = more->errors_of ? more->errors_of + place : NULL;
        FOR_TILE {
            const int64_t at = r * c->out_row + t * out_col + v * LANES;
            sum[AT] += NAME(remaining)(errors + at, of ? of + at : NULL);
        }
    }
    for (int64_t k = c->start[channel]; k < end; k++) {
        const REAL *from = in + c->offset[k];
        const VECTOR w = value[k] - (VECTOR){0};
        FOR_TILE sum[AT] += w * *(const VECTOR *)(from + r * in_row + t * in_col + v * LANES);
    }
    if (more->rectified)
        FOR_TILE sum[AT] = SELECT(sum[AT] < 0, (VECTOR){0}, sum[AT]);
    if (more->outputs) {
        const REAL *outputs = more->outputs + place;
        FOR_TILE {
            const VECTOR z = *(const VECTOR *)(outputs + r * c->out_row + t * out_col + v * LANES);
            sum[AT] = NAME(where)(z, sum[AT]);
        }
    }
    if (NAME(far)(c->blocks * c->out_block, out))
        FOR_TILE NAME(stream)(out + r * c->out_row + t * out_col + v * LANES, sum[AT]);
    else
        FOR_TILE *(VECTOR *)(out + r * c->out_row + t * out_col + v * LANES) = sum[AT];
    if (more->norm)
        NAME(gather)(height, width, out_col, c, block, channel, more, place, first, sum);
}

/* The lanes' sum. */
INLINE REAL NAME(across)(VECTOR v)
{
#pragma GCC unroll 4
    for (int left = LANES; left > 1; left /= 2)
        v = NAME(fold)(v, v);
    return v[0];
}

typedef struct {
    const REAL *outputs;   /* of a convolution that has rectified them: there is no error where they are 0; or NULL */
    const NAME(norm) *norm; /* which the errors go through first; or NULL */
    REAL *past;            /* then the errors of what it has added are written here; or NULL */
    REAL *left;            /* one block, like the outputs: then the errors that are left are written here */
    REAL *totals;          /* [blocks, channels, LANES]: the errors' sums are added; NULL without biases */
    REAL *sums;            /* [weights, LANES], a buffer */
    REAL *gradient;        /* [blocks, weights] */
} NAME(gradient);

/* Adds a tile's share to `sums`, which the first tile fills; the last gives the gradient. errors: of all outputs;
 * at, place: of the tile in a block and in all outputs */
INLINE void NAME(gradient_tile)(int height, int width, int64_t in_col, int64_t out_col,
                                const NAME(convolution) *c, int64_t block, int64_t channel, const REAL *in,
                                const REAL *errors, int64_t at, int64_t place, int first, int last,
                                const NAME(gradient) *g)
{
    const int64_t in_row = c->in_row, end = c->start[channel + 1];
    REAL *sums = g->sums, *gradient = g->gradient + block * c->start[c->channels];
    VECTOR e[REGISTERS > PER_PIXEL ? REGISTERS : PER_PIXEL];
    if (g->norm) {
        const NAME(norm) *n = g->norm;
        const int present = NAME(present)(n->samples, block);
        const REAL *x = n->x + place, *error = errors + place;
        FOR_TILE e[AT] = *(const VECTOR *)(error + r * c->out_row + t * out_col + v * LANES);
        if (n->rectified && n->outputs) {
            const REAL *output = n->outputs + place;
            FOR_TILE e[AT] = NAME(where)(*(const VECTOR *)(output + r * c->out_row + t * out_col + v * LANES), e[AT]);
        } else if (n->rectified)
            FOR_TILE e[AT] = NAME(where)(NAME(normalised)(n, channel, x + r * c->out_row + t * out_col + v * LANES), e[AT]);
        if (g->past)
            FOR_TILE *(VECTOR *)(g->past + place + r * c->out_row + t * out_col + v * LANES) = e[AT];
        FOR_TILE e[AT] = NAME(through)(n, channel, x + r * c->out_row + t * out_col + v * LANES, e[AT]);
        if (present < SAMPLES)
            FOR_TILE e[AT] = NAME(of_present)(e[AT], present, v);
    } else
        FOR_TILE {
            const int64_t here = place + r * c->out_row + t * out_col + v * LANES;
            e[AT] = NAME(remaining)(errors + here, g->outputs ? g->outputs + here : NULL);
        }
    if (g->left)
        FOR_TILE *(VECTOR *)(g->left + at + r * c->out_row + t * out_col + v * LANES) = e[AT];
    if (g->totals)
        FOR_TILE *(VECTOR *)(g->totals + (block * c->channels + channel) * LANES) += e[AT];
    for (int64_t k = c->start[channel]; k < end; k++) {
        const REAL *from = in + c->offset[k];
        VECTOR part[4] = {{0}};
        if (!first)
            part[0] = *(const VECTOR *)(sums + k * LANES);
        FOR_TILE part[(t + v + r) % 4] += e[AT] * *(const VECTOR *)(from + r * in_row + t * in_col + v * LANES);
        part[0] = (part[0] + part[1]) + (part[2] + part[3]);
        if (last)
            gradient[k] = NAME(across)(part[0]);
        else
            *(VECTOR *)(sums + k * LANES) = part[0];
    }
}

/* A tile of a width and a height that the compiler knows; neighbours are in_col and out_col apart, SAMPLES if
 * it can be. */
#define TILE(height, width)                                                                                        \
    if (!g)                                                                                                        \
        NAME(sum_tile)(height, width, in_col, out_col, c, block, channel, value, more, place, first, from, out + place);    \
    else                                                                                                           \
        NAME(gradient_tile)(height, width, in_col, out_col, c, block, channel, from, out, at, place, first, last, g);       \
    break;

/* Asks for a channel's share of the rows that are read next for the first time: the weights read them in no order that
 * a processor foresees. */
INLINE void NAME(fetch)(const REAL *rows, int64_t size, int64_t channel, int64_t channels)
{
    for (int64_t i = size * channel / channels; i < size * (channel + 1) / channels; i += 64 / REAL_BYTES)
        __builtin_prefetch(rows + i, 0, 2);
}

/* All tiles of one block, as wide as they can be: a few rows at a time, channel by channel, so that memory is read
 * and written in its order. g: NULL for sums; in: of the block; out: of all */
INLINE void NAME(tiles)(const NAME(convolution) *c, int64_t block, int64_t in_col, int64_t out_col, const REAL *value,
                        const NAME(extras) *more, const REAL *in, REAL *out, const NAME(gradient) *g)
{
    /* what is read in the order of the outputs, and the outputs: more streams than a processor foresees */
    const REAL *const all[] = {
        g || !NAME(far)(c->blocks * c->out_block, out) ? out : NULL,
        g ? (g->norm ? g->norm->x : NULL) : more->x,
        g ? (g->norm ? g->norm->outputs : g->outputs) : more->outputs,
        g ? NULL : more->errors,
        g ? NULL : more->errors_of,
    };
    const REAL *stream[5];
    int streams = 0;
    for (int s = 0; s < 5; s++)
        if (all[s])
            stream[streams++] = all[s];
    const int64_t narrowest = c->cols % WIDEST ? c->cols & -c->cols : WIDEST, band = WIDEST / narrowest;
    for (int64_t top = 0; top < c->rows; top += band)
        for (int64_t channel = 0; channel < c->channels; channel++) {
            if (top + band < c->rows)
                NAME(fetch)(in + (top + c->reach) * c->in_row, band * c->in_row, channel, c->channels);
            for (int64_t x = 0, width; x < c->cols; x += width) {
                for (width = 16; width > WIDEST || x + width > c->cols; width /= 2)
                    ;
                const int64_t bottom = top + band < c->rows ? top + band : c->rows;
                for (int64_t y = top, height; y < bottom; y += height) {
                    height = y + WIDEST / width <= bottom ? WIDEST / width : 1;
                    const REAL *from = in + y * c->in_row + x * c->in_col;
                    const int64_t at = y * c->out_row + x * out_col + channel * c->out_channel;
                    const int64_t place = block * c->out_block + at;
                    const int first = x == 0 && y == 0;
                    const int last = x + width == c->cols && y + height == c->rows;
                    const int64_t next = place + 2 * c->out_channel; /* the channel after the next */
                    for (int64_t i = next; i < next + width * SAMPLES; i += 64 / REAL_BYTES)
                        for (int s = 0; s < streams; s++)
                            __builtin_prefetch(stream[s] + i);
                    switch (height * 32 + width) {
#if WIDEST == 16
                    case 32 + 16: TILE(1, 16)
                    case 64 + 8: TILE(2, 8)
                    case 128 + 4: TILE(4, 4)
                    case 256 + 2: TILE(8, 2)
                    case 512 + 1: TILE(16, 1)
#endif
#if WIDEST >= 8
                    case 32 + 8: TILE(1, 8)
#endif
#if WIDEST == 8
                    case 64 + 4: TILE(2, 4)
                    case 128 + 2: TILE(4, 2)
                    case 256 + 1: TILE(8, 1)
#endif
#if WIDEST >= 4
                    case 32 + 4: TILE(1, 4)
#endif
#if WIDEST == 4
                    case 64 + 2: TILE(2, 2)
                    case 128 + 1: TILE(4, 1)
#endif
#if WIDEST >= 2
                    case 32 + 2: TILE(1, 2)
#endif
#if WIDEST == 2
                    case 64 + 1: TILE(2, 1)
#endif
                    default: TILE(1, 1)
                    }
                }
            }
        }
}
#undef TILE

/* The same of one block; neighbours are mostly SAMPLES apart, which is faster if the compiler knows it. */
INLINE void NAME(block)(const NAME(convolution) *c, int64_t block, const REAL *value, const NAME(extras) *more,
                        const REAL *in, REAL *out, const NAME(gradient) *g)
{
    if (c->in_col == SAMPLES && c->out_col == SAMPLES)
        NAME(tiles)(c, block, SAMPLES, SAMPLES, value, more, in, out, g);
    else
        NAME(tiles)(c, block, c->in_col, c->out_col, value, more, in, out, g);
}

/* out = the sums over the weights of each channel, and what `more` says, of one block. in: of the block */
static void NAME(convolve_block)(const NAME(convolution) *c, int64_t block, const REAL *value,
                                 const NAME(extras) *more, const REAL *in, REAL *out)
{
    NAME(block)(c, block, value, more, in, out, NULL);
}

/* The same of the blocks from `first` to before `end`. in, out: at the first output pixel of the first block of all */
void NAME(convolve)(const NAME(convolution) *c, int64_t first, int64_t end, const REAL *value,
                    const NAME(extras) *more, const REAL *in, REAL *out)
{
    for (int64_t b = first; b < end; b++) {
        if (more->norm)
            NAME(clear_sums)(more->norm, b, c->channels);
        NAME(convolve_block)(c, b, value, more, in + b * c->in_block, out);
    }
    NAME(streamed)();
}

/* One of the convolutions that together give the errors of inputs. */
typedef struct {
    const NAME(convolution) *convolution;
    const REAL *value;
    const NAME(extras) *more;
    int64_t source; /* how far the first pixel that it reads is from that of the convolution's outputs */
    REAL *out;
} NAME(part);

/* The gradient, and then the errors of the inputs, block by block: the errors of the outputs, which both read,
 * are still in the cache. in, errors: at the first output pixel of the first block of all */
void NAME(convolve_back)(const NAME(convolution) *c, int64_t first, int64_t end, const REAL *in,
                         const REAL *errors, const NAME(gradient) *g, int64_t parts, const NAME(part) *part)
{
    for (int64_t b = first; b < end; b++) {
        NAME(block)(c, b, NULL, NULL, in + b * c->in_block, (REAL *)errors, g);
        if (parts && part->more->norm)
            NAME(clear_sums)(part->more->norm, b, part->convolution->channels);
        const REAL *left = g->left ? g->left : errors + b * c->out_block;
        for (const NAME(part) *p = part; p < part + parts; p++)
            NAME(convolve_block)(p->convolution, b, p->value, p->more, left + p->source, p->out);
    }
    NAME(streamed)();
}
#undef FOR_TILE
#undef AT
#undef REGISTERS
#undef WIDEST
