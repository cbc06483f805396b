// Updates of parameters by their gradients, and the row moves of a parameter server.
//
// Numerics: float32, each element as written, no fused multiply-add and no reordering, so that the same
// inputs give the same bits on every CPU. NaN and infinity pass through.
#pragma once
#include <stddef.h>
#include <stdint.h>

// w -= rate g
void hs_sgd(float *w, const float *g, size_t count, float rate);
// sum += g^2; w -= rate g / (sqrt(sum) + epsilon)
void hs_adagrad(float *w, float *sum, const float *g, size_t count, float rate, float epsilon);
// m += (1 - beta1) (g - m); v = beta2 v + (1 - beta2) g^2;
// w -= rate / (1 - beta1^step) m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon), step counted from 1
void hs_adam(float *w, float *m, float *v, const float *g, size_t count, float rate, double beta1, double beta2,
             float epsilon, double step);
// s += momentum (x - s)
void hs_moving_average(float *s, const float *x, size_t count, float momentum);

// Some rows of a table and the gradient of each. Entry k (begin <= k < end) is row rows[i] with gradient
// gradients + i * dimension, i = order ? order[k] : k. Entries end ..< total are only prefetched: they come
// next. Rows must be in range and must not repeat within begin ..< end.
typedef struct {
    const int32_t *rows;
    const int32_t *order;
    size_t begin, end, total;
    size_t dimension;
} hs_row_range;

// out + i * dimension = row rows[i]
void hs_pull_rows(const float *values, hs_row_range range, float *out);
void hs_sgd_rows(float *w, const float *g, hs_row_range range, float rate);
void hs_adagrad_rows(float *w, float *sum, const float *g, hs_row_range range, float rate, float epsilon);
// One sum a row: sum[row] += mean(g^2); w -= rate g / (sqrt(sum[row]) + epsilon)
void hs_rowwise_adagrad_rows(float *w, float *sum, const float *g, hs_row_range range, float rate, float epsilon);
// Lazy Adam: `step` holds one count a row, of the updates that this row has had.
void hs_adam_rows(float *w, float *m, float *v, float *step, const float *g, hs_row_range range, float rate,
                  double beta1, double beta2, float epsilon);

// values[k] for first <= k < first + count, normal(0, deviation), a function of (seed, k) alone. `first` is even.
void hs_fill_normal(float *values, uint64_t seed, uint64_t first, size_t count, float deviation);
