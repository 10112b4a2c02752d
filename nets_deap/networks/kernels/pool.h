/* Max-pooling of images; see norm.h. */

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
