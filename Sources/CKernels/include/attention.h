// Multi-head self-attention inside ragged requests; request r owns rows offsets[r] ..< offsets[r + 1].
// qkv is [events, 3 heads d]: queries, keys, values, each head-major; logsumexp is [events, heads].
//
// `probabilities` is room for HS_ATTENTION_ROOM floats an event and head, or NULL. Forward leaves in it what spares
// backward the scores of requests of at most HS_ATTENTION_ROOM events, each kernel in a layout of its own; longer
// requests, whose room would grow with their square, are computed again.
#pragma once
#include <stdint.h>

#define HS_ATTENTION_ROOM 64

void hs_attention_f64(const double *qkv, long qkvstride, const int32_t *offsets, long requests, long heads, long d,
                      double *out, long outstride, double *logsumexp);
void hs_attention_backward_f64(const double *qkv, long qkvstride, const double *out, long outstride,
                               const double *dout, long doutstride, const double *logsumexp, const int32_t *offsets,
                               long requests, long heads, long d, double *dqkv, long dqkvstride);

void hs_attention_f32(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads, long d,
                      float *out, long outstride, float *logsumexp, float *probabilities);
void hs_attention_backward_f32(const float *qkv, long qkvstride, const float *out, long outstride, const float *dout,
                               long doutstride, const float *logsumexp, const float *probabilities,
                               const int32_t *offsets, long requests, long heads, long d, float *dqkv, long dqkvstride);

/// `hs_attention_f32` without AVX-512, for other processors and for the tests: it keeps no probabilities.
void hs_attention_portable(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                           long d, float *out, long outstride, float *logsumexp);
void hs_attention_backward_portable(const float *qkv, long qkvstride, const float *out, long outstride,
                                    const float *dout, long doutstride, const float *logsumexp,
                                    const int32_t *offsets, long requests, long heads, long d, float *dqkv,
                                    long dqkvstride);

/// Of narrow rows (see product.h), of which `qkv`, `out`, `dout` and `dqkv` consist; `d` is even, strides count floats'
/// places. Only where `hs_has_bf16`.
void hs_attention_bf16(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads, long d,
                       float *out, long outstride, float *logsumexp, float *probabilities);
void hs_attention_backward_bf16(const float *qkv, long qkvstride, const float *out, long outstride,
                                const float *dout, long doutstride, const float *logsumexp,
                                const float *probabilities, const int32_t *offsets, long requests, long heads, long d,
                                float *dqkv, long dqkvstride);
