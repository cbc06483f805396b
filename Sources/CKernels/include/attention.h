// Multi-head self-attention inside ragged requests; request r owns rows offsets[r] ..< offsets[r + 1].
// qkv is [events, 3 heads d]: queries, keys, values, each head-major; logsumexp is [events, heads].
#pragma once
#include <stdint.h>

#define HS_DECLARE_ATTENTION(REAL, NAME)                                                                  \
    void hs_attention_##NAME(const REAL *qkv, long qkvstride, const int32_t *offsets, long requests,      \
                             long heads, long d, REAL *out, long outstride, REAL *logsumexp);             \
    void hs_attention_backward_##NAME(const REAL *qkv, long qkvstride, const REAL *out, long outstride,   \
                                      const REAL *dout, long doutstride, const REAL *logsumexp,           \
                                      const int32_t *offsets, long requests, long heads, long d,          \
                                      REAL *dqkv, long dqkvstride);

HS_DECLARE_ATTENTION(float, f32)
HS_DECLARE_ATTENTION(double, f64)

/// `hs_attention_f32` without AVX-512: for other processors, and for the tests.
void hs_attention_portable(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                           long d, float *out, long outstride, float *logsumexp);
void hs_attention_backward_portable(const float *qkv, long qkvstride, const float *out, long outstride,
                                    const float *dout, long doutstride, const float *logsumexp,
                                    const int32_t *offsets, long requests, long heads, long d, float *dqkv,
                                    long dqkvstride);

/// `hs_attention_f32` with the inputs of products rounded to bfloat16; only where `hs_has_bf16`.
void hs_attention_bf16(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads, long d,
                       float *out, long outstride, float *logsumexp);
void hs_attention_backward_bf16(const float *qkv, long qkvstride, const float *out, long outstride,
                                const float *dout, long doutstride, const float *logsumexp, const int32_t *offsets,
                                long requests, long heads, long d, float *dqkv, long dqkvstride);
