/* Defines the kernels for both number types and one width of vectors, given by VARIANT and VECTOR_BYTES. */

#define REAL float
#define REAL_BYTES 4
#define EXP expf
#define INDEX int32_t
#define NAME(name) PASTE(name, float32, VARIANT)
#include "vectors.h"
#include "mlp.h"
#include "norm.h"
#include "conv.h"
#include "pool.h"
#include "undefine.h"

#define REAL double
#define REAL_BYTES 8
#define EXP exp
#define INDEX int64_t
#define NAME(name) PASTE(name, float64, VARIANT)
#include "vectors.h"
#include "mlp.h"
#include "norm.h"
#include "conv.h"
#include "pool.h"
#include "undefine.h"

#undef VARIANT
#undef VECTOR_BYTES
