/* Vectors of one number type and one width: REAL, REAL_BYTES, INDEX, NAME and VECTOR_BYTES are defined. */

#define LANES (VECTOR_BYTES / REAL_BYTES)
#define PER_PIXEL (SAMPLES / LANES) /* vectors, in images */

/* Lanes of two vectors: every second lane, and the lower (upper) halves interleaved. */
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

/* Writes a vector past the caches, whose line is then not read first; `to` is aligned. */
INLINE void NAME(stream)(REAL *to, VECTOR v)
{
#if !defined(__x86_64__) || defined(__clang__)
    *(VECTOR *)to = v;
#else
    typedef float floats __attribute__((vector_size(VECTOR_BYTES)));
#if VECTOR_BYTES == 64
    __builtin_ia32_movntps512((float *)to, (floats)v);
#elif VECTOR_BYTES == 32
    __builtin_ia32_movntps256((float *)to, (floats)v);
#else
    __builtin_ia32_movntps((float *)to, (floats)v);
#endif
#endif
}

/* Before other threads read what was streamed. */
INLINE void NAME(streamed)(void)
{
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

/* Are images of `size` numbers to be streamed to `to`? */
INLINE int NAME(far)(int64_t size, const REAL *to)
{
    return size * REAL_BYTES >= FAR && (uintptr_t)to % VECTOR_BYTES == 0;
}

/* Sums of neighbouring lanes: those of a, then those of b. */
INLINE VECTOR NAME(fold)(VECTOR a, VECTOR b)
{
    return SHUFFLE(a, b, EVEN) + SHUFFLE(a, b, ODD);
}

/* One vector with the sums of LANES vectors, in order. */
INLINE VECTOR NAME(sums)(VECTOR *of)
{
#pragma GCC unroll 4
    for (int64_t left = LANES / 2; left; left /= 2)
#pragma GCC unroll 8
        for (int64_t l = 0; l < left; l++)
            of[l] = NAME(fold)(of[2 * l], of[2 * l + 1]);
    return of[0];
}

/* a where the comparison `is` holds, else b */
#define SELECT(is, a, b) ((VECTOR)(((is) & (NAME(indices))(a)) | (~(is) & (NAME(indices))(b))))
