#include "include/narrow.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

#define AHEAD 12

MULTIVERSION void hs_gather_rows_bf16(const uint16_t *table, const int32_t *index, long rows, long columns, float *y,
                                      long ystride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows) __builtin_prefetch(table + index[i + AHEAD] * columns);
        const uint16_t *restrict from = table + index[i] * columns;
        float *restrict to = y + i * ystride;
        for (long c = 0; c < columns; c++) {
            const uint32_t bits = (uint32_t)from[c] << 16;
            memcpy(to + c, &bits, 4);
        }
    }
}

MULTIVERSION void hs_gather_rows_i8(const int8_t *table, const float *scales, const int32_t *index, long rows,
                                    long columns, float *y, long ystride) {
    for (long i = 0; i < rows; i++) {
        if (i + AHEAD < rows) __builtin_prefetch(table + index[i + AHEAD] * columns);
        const int8_t *restrict from = table + index[i] * columns;
        const float scale = scales[index[i]];
        float *restrict to = y + i * ystride;
        for (long c = 0; c < columns; c++) to[c] = scale * (float)from[c];
    }
}

void hs_to_bf16(const float *x, long count, uint16_t *y) {
    for (long i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        // A NaN whose bits are all in the lower half must not become an infinity.
        y[i] = x[i] != x[i] ? (uint16_t)(bits >> 16 | 0x40) : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
}

void hs_quantise_rows_i8(const float *x, long rows, long columns, int8_t *y, float *scales) {
    for (long r = 0; r < rows; r++, x += columns, y += columns) {
        float largest = 0;
        for (long c = 0; c < columns; c++) largest = fmaxf(largest, fabsf(x[c]));
        const float scale = largest < 0x1p-100f ? 0 : largest / 127, over = scale == 0 ? 0 : 1 / scale;
        scales[r] = scale;
        for (long c = 0; c < columns; c++) {
            const float v = nearbyintf(x[c] * over);
            y[c] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
        }
    }
}
