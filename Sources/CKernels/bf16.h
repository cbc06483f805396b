// Pairs of bfloat16: what one 32-bit lane of a bfloat16 product's operands holds.
#pragma once
#include "avx512.h"

#ifdef HS_AVX512
#define AVX512_BF16_INLINE \
    static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

/// Lane l becomes the pair (first[l], second[l]).
AVX512_BF16_INLINE __m512i pairs_of_rows(__m512 first, __m512 second) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

/// Lane l becomes the pair (x[2 l], x[2 l + 1]) of 32 floats, of which the first `count` are there, times `factor`.
AVX512_BF16_INLINE __m512i scaled_pairs_in_row(const float *x, long count, __m512 factor) {
    __m512 low, high;
    if (count >= 32) {
        low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
    } else {
        low = _mm512_maskz_loadu_ps(FIRST_LANES(count), x);
        high = count > 16 ? _mm512_maskz_loadu_ps(FIRST_LANES(count - 16), x + 16) : _mm512_setzero_ps();
    }
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(factor, high), _mm512_mul_ps(factor, low));
}

AVX512_BF16_INLINE __m512i pairs_in_row(const float *x, long count) {
    return scaled_pairs_in_row(x, count, _mm512_set1_ps(1));
}

/// Rows of `n` floats, each in pairs, zero after its end.
AVX512_BF16_INLINE void pair_rows(const float *x, long stride, long rows, long n, float *to, long tostride) {
    for (long i = 0; i < rows; i++)
        for (long c = 0; c < n; c += 32)
            _mm512_storeu_si512(to + i * tostride + c / 2, pairs_in_row(x + i * stride + c, n - c));
}

/// Rows of `columns` floats, two a row of pairs.
AVX512_BF16_INLINE void pack_rows(const float *x, long stride, long rows, long columns, float *to, long tostride) {
    for (long p = 0; p < rows; p += 2, x += 2 * stride, to += tostride)
        for (long j = 0; j < columns; j += 16) {
            const __mmask16 there = FIRST_LANES(columns - j);
            __m512 first = _mm512_maskz_loadu_ps(there, x + j);
            __m512 second = p + 1 < rows ? _mm512_maskz_loadu_ps(there, x + stride + j) : _mm512_setzero_ps();
            // Rows may be pages apart, where the processor does not look ahead by itself.
            _mm_prefetch((const char *)(x + 16 * stride + j), _MM_HINT_T0);
            _mm_prefetch((const char *)(x + 17 * stride + j), _MM_HINT_T0);
            _mm512_storeu_si512(to + j, pairs_of_rows(first, second));
        }
}

/// Narrow rows of `columns` elements, two a row of pairs.
AVX512_BF16_INLINE void pack_narrow_rows(const float *x, long stride, long rows, long columns, float *to, long tostride) {
    const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5,
                                         36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (long p = 0; p < rows; p += 2, x += 2 * stride, to += tostride)
        for (long j = 0; j < columns; j += 32) {
            const __mmask16 there = FIRST_LANES((columns - j + 1) / 2);
            __m512i first = _mm512_maskz_loadu_epi32(there, x + j / 2);
            __m512i second = p + 1 < rows ? _mm512_maskz_loadu_epi32(there, x + stride + j / 2) : _mm512_setzero_si512();
            _mm_prefetch((const char *)(x + 16 * stride + j / 2), _MM_HINT_T0);
            _mm_prefetch((const char *)(x + 17 * stride + j / 2), _MM_HINT_T0);
            _mm512_storeu_si512(to + j, _mm512_permutex2var_epi16(first, low, second));
            if (columns - j > 16) _mm512_storeu_si512(to + j + 16, _mm512_permutex2var_epi16(first, high, second));
        }
}

/// The 32 bfloat16 of `low` and `high` that are `there`; an odd row's last place is filled up with zero.
AVX512_BF16_INLINE void store_narrow(float *to, __m512 low, __m512 high, __mmask32 there) {
    const __mmask32 even = there & 0x55555555, places = even | even << 1;
    const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    if (places == 0xffffffff)
        _mm512_storeu_si512(to, rounded);
    else
        _mm512_mask_storeu_epi16(to, places, _mm512_maskz_mov_epi16(there, rounded));
}

/// Rows of `n` floats become narrow.
AVX512_BF16_INLINE void narrow_rows(const float *x, long stride, long rows, long n, float *to, long tostride) {
    for (long i = 0; i < rows; i++)
        for (long c = 0; c < n; c += 32) {
            const float *at = x + i * stride + c;
            const __mmask16 low = FIRST_LANES(n - c), high = n - c > 16 ? FIRST_LANES(n - c - 16) : (__mmask16)0;
            store_narrow(to + i * tostride + c / 2, _mm512_maskz_loadu_ps(low, at), _mm512_maskz_loadu_ps(high, at + 16),
                         (__mmask32)high << 16 | low);
        }
}

/// Rows [0, m) of 1 to 48 or of 64 columns, A and B in pairs.
AVX512_BF16 void hs_bf16_tile_rows(const hs_tile *tile, long m, long columns, const float *a, float *c,
                                   const float *addend, const float *gate);
#endif
