/* Convolutions with sparse weights, for one number type and one width of vectors; included as mlp.h is.
 *
 * SAMPLES samples lie side by side: images are [blocks, rows, channels, cols, SAMPLES], with a margin of zeros
 * around rows and cols. A weight stands for a place: `offset` says how far its input pixel is from that of the
 * first tap. The sum over a channel's weights keeps a tile of output pixels in registers and reads each weight
 * once for it; the gradient keeps a tile of errors there. */

#define PER_PIXEL (SAMPLES / LANES)                                  /* vectors */
#define REGISTERS (VECTOR_BYTES == 64 ? 16 : 8)                      /* for a tile */
#define WIDEST (PER_PIXEL < REGISTERS ? REGISTERS / PER_PIXEL : 1)   /* pixels in a tile */

typedef struct {
    int64_t blocks, channels, rows, cols; /* of the output */
    int64_t in_block, in_row, in_col;     /* how far the inputs of neighbouring output pixels are apart */
    int64_t out_block, out_row, out_col;  /* how far those pixels are apart */
    int64_t out_channel;                  /* all in reals */
    const int32_t *start;  /* [channels + 1]; channel c has the weights start[c] … start[c + 1] − 1 */
    const int32_t *offset; /* [weights] */
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
} NAME(extras);

/* An error of an output: none where one that was rectified is 0. */
INLINE VECTOR NAME(remaining)(const REAL *error, const REAL *output)
{
    const VECTOR e = *(const VECTOR *)error;
    return output ? SELECT(*(const VECTOR *)output <= 0, (VECTOR){0}, e) : e;
}

INLINE void NAME(sum_tile)(int height, int width, int64_t in_col, const NAME(convolution) *c, int64_t channel,
                           const REAL *value, const NAME(extras) *more, int64_t place, const REAL *in, REAL *out)
{
    const int64_t in_row = c->in_row, end = c->start[channel + 1];
    VECTOR sum[REGISTERS > PER_PIXEL ? REGISTERS : PER_PIXEL];
    const REAL bias = more->bias ? more->bias[channel] : 0;
    FOR_TILE sum[AT] = bias - (VECTOR){0};
    if (more->errors)
        FOR_TILE {
            const int64_t at = place + r * c->out_row + t * c->out_col + v * LANES;
            sum[AT] += NAME(remaining)(more->errors + at, more->errors_of ? more->errors_of + at : NULL);
        }
    for (int64_t k = c->start[channel]; k < end; k++) {
        const REAL *place = in + c->offset[k];
        const VECTOR w = value[k] - (VECTOR){0};
        FOR_TILE sum[AT] += w * *(const VECTOR *)(place + r * in_row + t * in_col + v * LANES);
    }
    if (more->rectified)
        FOR_TILE sum[AT] = SELECT(sum[AT] < 0, (VECTOR){0}, sum[AT]);
    FOR_TILE *(VECTOR *)(out + r * c->out_row + t * c->out_col + v * LANES) = sum[AT];
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
    const REAL *outputs; /* of a convolution that has rectified them: there is no error where they are 0; or NULL */
    REAL *errors;        /* then those that are left are written here */
    REAL *totals;        /* [blocks, channels, LANES]: the errors' sums are added; NULL without biases */
    REAL *sums;          /* [weights, LANES], a buffer */
    REAL *gradient;      /* [blocks, weights] */
} NAME(gradient);

/* Adds a tile's share to `sums`, which the first tile fills; the last gives the gradient. out: of the tile */
INLINE void NAME(gradient_tile)(int height, int width, int64_t in_col, const NAME(convolution) *c,
                                int64_t channel, const REAL *in, const REAL *error, const REAL *outputs,
                                REAL *left, REAL *total, int first, int last, REAL *sums, REAL *gradient)
{
    const int64_t in_row = c->in_row, end = c->start[channel + 1];
    VECTOR e[REGISTERS > PER_PIXEL ? REGISTERS : PER_PIXEL];
    FOR_TILE e[AT] = *(const VECTOR *)(error + r * c->out_row + t * c->out_col + v * LANES);
    if (outputs)
        FOR_TILE {
            const int64_t at = r * c->out_row + t * c->out_col + v * LANES;
            e[AT] = NAME(remaining)(error + at, outputs + at);
            *(VECTOR *)(left + at) = e[AT];
        }
    if (total)
        FOR_TILE *(VECTOR *)total += e[AT];
    for (int64_t k = c->start[channel]; k < end; k++) {
        const REAL *place = in + c->offset[k];
        VECTOR part[4] = {{0}};
        if (!first)
            part[0] = *(const VECTOR *)(sums + k * LANES);
        FOR_TILE part[(t + v + r) % 4] += e[AT] * *(const VECTOR *)(place + r * in_row + t * in_col + v * LANES);
        part[0] = (part[0] + part[1]) + (part[2] + part[3]);
        if (last)
            gradient[k] = NAME(across)(part[0]);
        else
            *(VECTOR *)(sums + k * LANES) = part[0];
    }
}

/* A tile of a width and a height that the compiler knows; neighbours are in_col apart, SAMPLES if it can be. */
#define TILE(height, width)                                                                                    \
    for (int64_t channel = 0; channel < c->channels; channel++) {                                              \
        const REAL *from = in + y * c->in_row + x * c->in_col;                                                 \
        const int64_t at = y * c->out_row + x * c->out_col + channel * c->out_channel;                         \
        if (!g)                                                                                                \
            NAME(sum_tile)(height, width, in_col, c, channel, value, more, place + at, from, out + at);        \
        else                                                                                                   \
            NAME(gradient_tile)(height, width, in_col, c, channel, from, out + at,                             \
                                g->outputs ? g->outputs + at : NULL, g->errors ? g->errors + at : NULL,        \
                                g->totals ? g->totals + channel * LANES : NULL, x == 0 && y == 0,              \
                                x + width == c->cols && y + height == c->rows, g->sums, g->gradient);          \
    }                                                                                                          \
    break;

/* Tiles of columns, as wide as they can be, from the first row to the last. g: NULL for sums
 * place: of the block in the outputs */
INLINE void NAME(tiles)(const NAME(convolution) *c, int64_t in_col, const REAL *value,
                        const NAME(extras) *more, int64_t place, const REAL *in, REAL *out,
                        const NAME(gradient) *g)
{
    for (int64_t x = 0, width; x < c->cols; x += width) {
        for (width = 16; width > WIDEST || x + width > c->cols; width /= 2)
            ;
        for (int64_t y = 0, height; y < c->rows; y += height) {
            height = y + WIDEST / width <= c->rows ? WIDEST / width : 1;
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
#undef TILE

/* The same of one block; neighbours are mostly SAMPLES apart, which is faster if the compiler knows it. */
INLINE void NAME(block)(const NAME(convolution) *c, const REAL *value, const NAME(extras) *more, int64_t place,
                        const REAL *in, REAL *out, const NAME(gradient) *g)
{
    if (c->in_col == SAMPLES)
        NAME(tiles)(c, SAMPLES, value, more, place, in, out, g);
    else
        NAME(tiles)(c, c->in_col, value, more, place, in, out, g);
}

/* out = the sums over the weights of each channel, and what `more` says, for the blocks from `first` to before
 * `end`. in, out: at the first output pixel of the first block of all */
void NAME(convolve)(const NAME(convolution) *c, int64_t first, int64_t end, const REAL *value,
                    const NAME(extras) *more, const REAL *in, REAL *out)
{
    for (int64_t b = first; b < end; b++) {
        const int64_t place = b * c->out_block;
        NAME(block)(c, value, more, place, in + b * c->in_block, out + place, NULL);
    }
}

/* The gradient of a convolution with these inputs, for the errors of the outputs of block b. */
INLINE void NAME(block_gradient)(const NAME(convolution) *c, int64_t b, const REAL *in, const REAL *errors,
                                 const NAME(gradient) *all)
{
    const int64_t place = b * c->out_block;
    NAME(gradient) g = {.sums = all->sums, .gradient = all->gradient + b * c->start[c->channels]};
    if (all->outputs) {
        g.outputs = all->outputs + place;
        g.errors = all->errors + place;
    }
    if (all->totals)
        g.totals = all->totals + b * c->channels * LANES;
    NAME(block)(c, NULL, NULL, 0, in + b * c->in_block, (REAL *)errors + place, &g);
}

/* One of the convolutions that together give the errors of inputs. */
typedef struct {
    const NAME(convolution) *convolution;
    const REAL *value;
    const NAME(extras) *more;
    const REAL *in;
    REAL *out;
} NAME(part);

/* The gradient, and then the errors of the inputs, block by block: the errors of the outputs, which both read,
 * are still in the cache. */
void NAME(convolve_back)(const NAME(convolution) *c, int64_t first, int64_t end, const REAL *in,
                         const REAL *errors, const NAME(gradient) *all, int64_t parts, const NAME(part) *part)
{
    for (int64_t b = first; b < end; b++) {
        NAME(block_gradient)(c, b, in, errors, all);
        for (const NAME(part) *p = part; p < part + parts; p++)
            NAME(convolve)(p->convolution, b, b + 1, p->value, p->more, p->in, p->out);
    }
}
#undef FOR_TILE
#undef AT
#undef PER_PIXEL
#undef REGISTERS
#undef WIDEST
