/* Makes room for the next number type. */

#undef VECTOR
#undef SHUFFLE
#undef SELECT
#undef LANES
#undef PER_PIXEL
#undef EVEN
#undef ODD
#undef LOW
#undef HIGH
#undef REAL
#undef REAL_BYTES
#undef EXP
#undef INDEX
#undef NAME

