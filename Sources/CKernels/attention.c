// This file includes itself once a type.
#ifndef REAL
#include "include/attention.h"

#include <math.h>

#include "dispatch.h"
#include "scratch.h"

#define REAL float
#define NAMED(name) hs_##name##_f32
#include "attention.c"
#undef REAL
#undef NAMED
#define REAL double
#define NAMED(name) hs_##name##_f64
#include "attention.c"
#else

// One query at a time, straight from the definition.
void NAMED(attention)(const REAL *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                      long d, REAL *out, long outstride, REAL *logsumexp) {
    REAL scale = (REAL)(1 / sqrt((double)d));
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], n = offsets[r + 1] - first;
        REAL *p = hs_scratch(sizeof(REAL) * (n + 1));
        for (long h = 0; h < heads; h++) {
            const REAL *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            for (long i = 0; i < n; i++) {
                REAL largest = (REAL)-INFINITY, sum = 0;
                for (long j = 0; j < n; j++) {
                    REAL s = 0;
                    for (long c = 0; c < d; c++) s += q[i * qkvstride + c] * k[j * qkvstride + c];
                    p[j] = s * scale;
                    if (p[j] > largest) largest = p[j];
                }
                for (long j = 0; j < n; j++) sum += p[j] = (REAL)exp((double)(p[j] - largest));
                REAL *o = out + (first + i) * outstride + h * d;
                for (long c = 0; c < d; c++) {
                    REAL s = 0;
                    for (long j = 0; j < n; j++) s += p[j] * v[j * qkvstride + c];
                    o[c] = s / sum;
                }
                logsumexp[(first + i) * heads + h] = largest + (REAL)log((double)sum);
            }
        }
    }
}

// With P = exp(S - logsumexp) and delta_i = <dout_i, out_i>: dV = P^T dout, dS = P (dout V^T - delta) scale,
// dQ = dS K, dK = dS^T Q.
void NAMED(attention_backward)(const REAL *qkv, long qkvstride, const REAL *out, long outstride,
                               const REAL *dout, long doutstride, const REAL *logsumexp,
                               const int32_t *offsets, long requests, long heads, long d, REAL *dqkv,
                               long dqkvstride) {
    REAL scale = (REAL)(1 / sqrt((double)d));
    for (long r = 0; r < requests; r++) {
        long first = offsets[r], n = offsets[r + 1] - first;
        for (long i = 0; i < n; i++)
            for (long c = 0; c < 3 * heads * d; c++) dqkv[(first + i) * dqkvstride + c] = 0;
        for (long h = 0; h < heads; h++) {
            const REAL *q = qkv + first * qkvstride + h * d, *k = q + heads * d, *v = k + heads * d;
            REAL *dq = dqkv + first * dqkvstride + h * d, *dk = dq + heads * d, *dv = dk + heads * d;
            for (long i = 0; i < n; i++) {
                const REAL *o = out + (first + i) * outstride + h * d, *g = dout + (first + i) * doutstride + h * d;
                REAL delta = 0, lse = logsumexp[(first + i) * heads + h];
                for (long c = 0; c < d; c++) delta += g[c] * o[c];
                for (long j = 0; j < n; j++) {
                    REAL s = 0, dp = 0;
                    for (long c = 0; c < d; c++) s += q[i * qkvstride + c] * k[j * qkvstride + c];
                    for (long c = 0; c < d; c++) dp += g[c] * v[j * qkvstride + c];
                    REAL p = (REAL)exp((double)(s * scale - lse)), ds = p * (dp - delta) * scale;
                    for (long c = 0; c < d; c++) {
                        dv[j * dqkvstride + c] += p * g[c];
                        dk[j * dqkvstride + c] += ds * q[i * qkvstride + c];
                        dq[i * dqkvstride + c] += ds * k[j * qkvstride + c];
                    }
                }
            }
        }
    }
}
#endif
