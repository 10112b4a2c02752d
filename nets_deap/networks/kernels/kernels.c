/* The inner loops of networks/sparse_mlp.py and sparse_module.py, which call them through ctypes (library.py). If no compiler is
 * found at installation, this file is left out, and torch trains.
 *
 * One library serves all processors of a family: it has every function for each width of vectors, and
 * `best_variant` names the widest that this processor can run. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define PASTE_(name, type, variant) name##_##type##_##variant
#define PASTE(name, type, variant) PASTE_(name, type, variant)

#define SAMPLES 16 /* side by side in images, as in images.py */
#define FAR (4 << 20) /* bytes of images that are written past the caches: they are read again from memory */

enum { NONE, RELU, SIGMOID, HYPERBOLIC }; /* as ACTIVATIONS in library.py */
enum { CROSS_ENTROPY, SQUARED, BINARY };  /* as LOSSES there */

#define VARIANT basic
#define VECTOR_BYTES 16
#include "variant.h"

#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 11 && !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define VARIANT avx2
#define VECTOR_BYTES 32
#include "variant.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define VARIANT avx512
#define VECTOR_BYTES 64
#include "variant.h"
#pragma GCC pop_options

const char *best_variant(void)
{
    __builtin_cpu_init();
    /* Ask for features, not for levels such as x86-64-v4, whose names GCC 11 does not know here. */
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512vl");
    return avx512 ? "avx512" : avx2 ? "avx2" : "basic";
}
#else
const char *best_variant(void)
{
    return "basic";
}
#endif

/* Must equal INTERFACE in library.py. Raise both whenever a function's arguments or `layer` change. */
int64_t interface(void)
{
    return 11;
}
