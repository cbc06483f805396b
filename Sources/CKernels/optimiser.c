#include "include/optimiser.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"
#include "lanes.h"

// The same bits on every CPU: no contraction to fused multiply-add, which only some clones would have.
#pragma clang fp contract(off)

#define INLINE static inline __attribute__((always_inline))

// sqrtf without errno, which would keep loops scalar.
INLINE float root(float x) { return __builtin_elementwise_sqrt(x); }

// How many rows ahead memory is asked for: rows are random DRAM lines, about 100 ns away.
#define AHEAD 32

// Rows of tables are short, and what a compiler makes of a loop whose length it does not know pays for long ones: hence
// sixteen floats at a time, then one.
INLINE void sgd(float *restrict w, const float *restrict g, size_t count, float rate) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) AT(w + i) = FROM(w + i) - rate * FROM(g + i);
    for (; i < count; i++) w[i] -= rate * g[i];
}

INLINE void adagrad(float *restrict w, float *restrict sum, const float *restrict g, size_t count, float rate,
                    float epsilon) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        lanes s = FROM(sum + i) + FROM(g + i) * FROM(g + i);
        AT(sum + i) = s;
        AT(w + i) = FROM(w + i) - rate * (FROM(g + i) / (__builtin_elementwise_sqrt(s) + epsilon));
    }
    for (; i < count; i++) {
        float s = sum[i] + g[i] * g[i];
        sum[i] = s;
        w[i] -= rate * (g[i] / (root(s) + epsilon));
    }
}

INLINE void adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict g, size_t count,
                 float rate, double beta1, double beta2, float epsilon, double step) {
    // beta^step by exp: pow takes twice as long, and rows of a table each have a step of their own.
    const float step_size = (float)((double)rate / (1 - exp(step * log1p(beta1 - 1))));
    const float root_correction = (float)sqrt(1 - exp(step * log1p(beta2 - 1)));
    const float keep = (float)beta2, new1 = (float)(1 - beta1), new2 = (float)(1 - beta2);
    for (size_t i = 0; i < count; i++) {
        float mi = m[i] + new1 * (g[i] - m[i]);
        float vi = v[i] * keep + new2 * (g[i] * g[i]);
        m[i] = mi;
        v[i] = vi;
        w[i] -= step_size * (mi / (root(vi) / root_correction + epsilon));
    }
}

MULTIVERSION void hs_sgd(float *w, const float *g, size_t count, float rate) { sgd(w, g, count, rate); }

// Other workers have read the weights, and the caches of their cores have them too. To become the only one takes a line as
// long as a miss, and a store does not ask ahead by itself.
MULTIVERSION void hs_adagrad(float *w, float *sum, const float *g, size_t count, float rate, float epsilon) {
    const size_t block = 256, ahead = 2 * block;
    for (size_t i = 0; i < count; i += block) {
        for (size_t c = 0; c < block; c += 16) __builtin_prefetch(w + i + ahead + c, 1);
        adagrad(w + i, sum + i, g + i, count - i < block ? count - i : block, rate, epsilon);
    }
}

MULTIVERSION void hs_adam(float *w, float *m, float *v, const float *g, size_t count, float rate, double beta1,
                          double beta2, float epsilon, double step) {
    adam(w, m, v, g, count, rate, beta1, beta2, epsilon, step);
}

MULTIVERSION void hs_moving_average(float *restrict s, const float *restrict x, size_t count, float momentum) {
    for (size_t i = 0; i < count; i++) s[i] += momentum * (x[i] - s[i]);
}

// Asks for all lines of a row; rows need not start on a line.
INLINE void prefetch(const float *row, size_t dimension) {
    const char *end = (const char *)(row + dimension);
    for (const char *line = (const char *)row; line < end; line += 64) __builtin_prefetch(line, 1);
    __builtin_prefetch(end - 1, 1);
}

INLINE size_t entry(hs_row_range range, size_t k) { return range.order ? (size_t)range.order[k] : k; }

// The row that is AHEAD entries further on, or this one near the end.
INLINE size_t row_ahead(hs_row_range range, size_t k) {
    return (size_t)range.rows[entry(range, k + AHEAD < range.total ? k + AHEAD : k)];
}

MULTIVERSION void hs_pull_rows(const float *values, hs_row_range range, float *out) {
    const size_t d = range.dimension;
    for (size_t k = range.begin; k < range.end; k++) {
        prefetch(values + row_ahead(range, k) * d, d);
        size_t i = entry(range, k), row = (size_t)range.rows[i];
        float *restrict to = out + i * d;
        const float *restrict from = values + row * d;
        size_t c = 0;
        for (; c + LANES <= d; c += LANES) AT(to + c) = FROM(from + c);
        for (; c < d; c++) to[c] = from[c];
    }
}

MULTIVERSION void hs_sgd_rows(float *w, const float *g, hs_row_range range, float rate) {
    const size_t d = range.dimension;
    for (size_t k = range.begin; k < range.end; k++) {
        prefetch(w + row_ahead(range, k) * d, d);
        size_t i = entry(range, k), row = (size_t)range.rows[i];
        sgd(w + row * d, g + i * d, d, rate);
    }
}

MULTIVERSION void hs_adagrad_rows(float *w, float *sum, const float *g, hs_row_range range, float rate,
                                  float epsilon) {
    const size_t d = range.dimension;
    for (size_t k = range.begin; k < range.end; k++) {
        size_t next = row_ahead(range, k) * d;
        prefetch(w + next, d);
        prefetch(sum + next, d);
        size_t i = entry(range, k), row = (size_t)range.rows[i];
        adagrad(w + row * d, sum + row * d, g + i * d, d, rate, epsilon);
    }
}

// Mean of squares in eight partial sums, an order that is the same on every CPU and vectorises on all.
INLINE float mean_square(const float *g, size_t count) {
    float part[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t j = 0; j < 8; j++) part[j] += g[i + j] * g[i + j];
    for (size_t j = 0; i < count; i++, j++) part[j] += g[i] * g[i];
    float sum = ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
    return sum / (float)count;
}

MULTIVERSION void hs_rowwise_adagrad_rows(float *w, float *sum, const float *g, hs_row_range range, float rate,
                                          float epsilon) {
    const size_t d = range.dimension;
    for (size_t k = range.begin; k < range.end; k++) {
        size_t next = row_ahead(range, k);
        prefetch(w + next * d, d);
        prefetch(sum + next, 1);
        size_t i = entry(range, k), row = (size_t)range.rows[i];
        float s = sum[row] + mean_square(g + i * d, d);
        sum[row] = s;
        sgd(w + row * d, g + i * d, d, rate / (root(s) + epsilon));
    }
}

MULTIVERSION void hs_adam_rows(float *w, float *m, float *v, float *step, const float *g, hs_row_range range,
                               float rate, double beta1, double beta2, float epsilon) {
    const size_t d = range.dimension;
    for (size_t k = range.begin; k < range.end; k++) {
        size_t next = row_ahead(range, k);
        prefetch(w + next * d, d);
        prefetch(m + next * d, d);
        prefetch(v + next * d, d);
        prefetch(step + next, 1);
        size_t i = entry(range, k), row = (size_t)range.rows[i];
        step[row] += 1;  // stops at 2^24, where every correction has long been 1
        adam(w + row * d, m + row * d, v + row * d, g + i * d, d, rate, beta1, beta2, epsilon, step[row]);
    }
}

// splitmix64's finaliser: a bijection that passes BigCrush on consecutive inputs.
INLINE uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

// ln(x) for x in (0, 1), Cephes' logf without its special cases: 2 ULP.
INLINE float log_unit(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    // x = 2^e f with f in [sqrt(1/2), sqrt(2))
    int32_t e = (int32_t)(bits - 0x3F3504F3u) >> 23;
    bits -= (uint32_t)e << 23;
    float f;
    memcpy(&f, &bits, 4);
    f -= 1;
    float z = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    return f - 0.5f * z + p * f * z + (float)e * 0.69314718056f;
}

// Box-Muller: one hash gives two uniforms, two uniforms give two normals. |value| < 5.9 deviations.
INLINE void normal_pair(uint64_t hash, float deviation, float *first, float *second) {
    float u = ((float)(int32_t)(hash >> 41) + 0.5f) * 0x1p-23f;  // (0, 1), 23 bits
    float radius = deviation * root(-2 * log_unit(u));
    // The angle: a quarter turn from two bits, and a rest in [-pi/4, pi/4) from 24.
    uint32_t low = (uint32_t)hash;
    float x = (float)(int32_t)((low >> 6) & 0xFFFFFF) * (1.57079632679f * 0x1p-24f) - 0.785398163397f;
    float z = x * x;
    float sine = x + x * z * (-1.6666654611e-1f + z * (8.3321608736e-3f - z * 1.9515295891e-4f));
    float cosine = 1 - 0.5f * z + z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
    uint32_t quarter = low & 3;
    float a = quarter & 1 ? sine : cosine, b = quarter & 1 ? cosine : sine;
    *first = quarter == 1 || quarter == 2 ? -(radius * a) : radius * a;
    *second = quarter & 2 ? -(radius * b) : radius * b;
}

MULTIVERSION void hs_fill_normal(float *restrict values, uint64_t seed, uint64_t first, size_t count,
                                 float deviation) {
    const uint64_t start = seed + 0x9E3779B97F4A7C15u * (first / 2);
    const size_t pairs = count / 2;
    for (size_t i = 0; i < pairs; i++)
        normal_pair(mix(start + 0x9E3779B97F4A7C15u * i), deviation, values + 2 * i, values + 2 * i + 1);
    if (count % 2) {
        float unused;
        normal_pair(mix(start + 0x9E3779B97F4A7C15u * pairs), deviation, values + count - 1, &unused);
    }
}
