// Float attention, the way of a processor with AVX-512 and that of any other.
#pragma once
#include <stdint.h>

#include "avx512.h"
#include "include/attention.h"

/// Queries whose probabilities are worked on at a time.
#define QUERIES 64

/// Asks for the next request's rows while this one computes, a head's share at a time: a request is a few
/// microseconds of work on tens of kilobytes, and no hardware prefetcher guesses a head's narrow columns.
static inline void prefetch_share(const float *from, long stride, long n, long columns, long head, long heads) {
    for (long i = head * n / heads; i < (head + 1) * n / heads; i++)
        for (long c = 0; c < columns; c += 16) __builtin_prefetch(from + i * stride + c, 0, 2);
}

void hs_attention_avx512(const float *qkv, long qkvstride, const int32_t *offsets, long requests, long heads,
                         long d, float *out, long outstride, float *logsumexp, float *probabilities);
void hs_attention_backward_avx512(const float *qkv, long qkvstride, const float *out, long outstride,
                                  const float *dout, long doutstride, const float *logsumexp,
                                  const float *probabilities, const int32_t *offsets, long requests, long heads,
                                  long d, float *dqkv, long dqkvstride);
