/* The inner loops of sparse.py, which calls them through ctypes. Where no compiler is at hand this file is left
 * out, and training takes the dense way. */

#include <math.h>
#include <stdint.h>
#include <string.h>

/* One library for all processors of a kind: the loader picks the variant that this one can run. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

#define REAL float
#define EXP expf
#define LANES 16
#define INDEX int32_t
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define NAME(name) name##_float32
#include "sparse_kernels.h"
#undef REAL
#undef EXP
#undef LANES
#undef INDEX
#undef EVEN
#undef ODD
#undef LOW
#undef HIGH
#undef NAME

#define REAL double
#define EXP exp
#define LANES 8
#define INDEX int64_t
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define NAME(name) name##_float64
#include "sparse_kernels.h"
