// Embedding rows in fewer bits: bfloat16, and int8 with one scale a row. Indices are trusted.
#pragma once
#include <stdint.h>

/// y[i] = table[index[i]], widened exactly.
void hs_gather_rows_bf16(const uint16_t *table, const int32_t *index, long rows, long columns, float *y, long ystride);
/// y[i] = scales[index[i]] * table[index[i]], rounded once.
void hs_gather_rows_i8(const int8_t *table, const float *scales, const int32_t *index, long rows, long columns,
                       float *y, long ystride);
/// To the nearest bfloat16, ties to even; NaN stays NaN, what is too large becomes infinite.
void hs_to_bf16(const float *x, long count, uint16_t *y);
/// Each row to the nearest of 255 steps between minus and plus its largest magnitude: |error| <= scale / 2, and a
/// few roundings. A row of zeros, or one too small to divide by, has the scale 0. x is finite.
void hs_quantise_rows_i8(const float *x, long rows, long columns, int8_t *y, float *scales);
