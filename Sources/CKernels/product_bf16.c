// Matrix products of bfloat16: A is rounded block by block on its way in, B is packed before; sums are float32.
#include <math.h>
#include <string.h>

#include "bf16.h"
#include "product_parts.h"
#include "scratch.h"

int hs_has_bf16(void) {
#ifdef HS_AVX512
    return hs_has_avx512() && __builtin_cpu_supports("avx512bf16");
#else
    return 0;
#endif
}

long hs_packed_count_bf16(long k, long n) { return hs_packed_count((k + 1) / 2, n); }

// ---- Scalar: what the others are tested against ----

/// To nearest, ties to even, as the processor rounds.
static float rounded(float x) {
    unsigned bits;
    memcpy(&bits, &x, 4);
    if ((bits & 0x7fffffff) > 0x7f800000)
        bits = (bits | 0x00400000) & 0xffff0000;
    else if ((bits & 0x7f800000) == 0)
        bits &= 0x80000000;
    else
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, 4);
    return x;
}

static float unpacked(float pair, long half) {
    unsigned bits;
    memcpy(&bits, &pair, 4);
    bits = half ? bits & 0xffff0000 : bits << 16;
    memcpy(&pair, &bits, 4);
    return pair;
}

void hs_product_bf16_scalar(const hs_product *product) {
    for (long i = 0; i < product->m; i++)
        for (long j = 0; j < product->n; j++) {
            const float *a = product->a + i * product->arow, *b = product->b + j / HS_STRIP * product->bstrip + j % HS_STRIP;
            double sum = 0;
            for (long p = 0; p < product->k; p++)
                sum += (double)rounded(a[p * product->ainner]) * unpacked(b[p / 2 * product->brow], p % 2);
            product->c[i * product->cstride + j] = hs_product_finish(product, i, j, (float)sum);
        }
}

static void pack_scalar(const float *b, long stride, int transposed, long k, long n, float *packed) {
    const long pairs = (k + 1) / 2, all = (n + HS_STRIP - 1) / HS_STRIP * HS_STRIP;
    for (long j = 0; j < all; j++)
        for (long p = 0; p < 2 * pairs; p++) {
            float x = j >= n || p >= k ? 0 : rounded(transposed ? b[j * stride + p] : b[p * stride + j]);
            unsigned short *to = (unsigned short *)(packed + j / HS_STRIP * HS_STRIP * pairs + p / 2 * HS_STRIP + j % HS_STRIP);
            memcpy(to + p % 2, (char *)&x + 2, 2);
        }
}

#ifdef HS_AVX512

#define MULTIPLY_ADD(sum, left, right) \
    _mm512_dpbf16_ps(sum, (__m512bh)_mm512_castps_si512(left), (__m512bh)_mm512_castps_si512(right))
#define TILE_TARGET AVX512_BF16
#define TILE_NAME(R, V) bf16_tile_##R##x##V
#define TILE_STORE_NARROW store_narrow
#include "tiles.h"

AVX512_BF16 void hs_bf16_tile_rows(const hs_tile *tile, long m, long columns, const float *a, float *c,
                                   const float *addend, const float *gate) {
    bf16_tile_stripxrows(tile, m, columns, a, c, addend, gate);
}

static AVX512_BF16 void pack_transposed(const float *b, long stride, long k, long n, float *packed) {
    const long pairs = (k + 1) / 2, all = (n + HS_STRIP - 1) / HS_STRIP * HS_STRIP;
    for (long j = 0; j < all; j += 16) {
        float *to = packed + j / HS_STRIP * HS_STRIP * pairs + j % HS_STRIP;
        for (long p = 0; p < pairs; p += 16) {
            __m512 rows[16];
            UNROLL for (int l = 0; l < 16; l++)
                rows[l] = j + l < n ? _mm512_castsi512_ps(pairs_in_row(b + (j + l) * stride + 2 * p, k - 2 * p))
                                    : _mm512_setzero_ps();
            transpose_lanes(rows);
            for (long l = 0; l < 16 && p + l < pairs; l++) _mm512_storeu_ps(to + (p + l) * HS_STRIP, rows[l]);
        }
    }
}

/// A block's A as pairs of bfloat16, which narrow rows are, then the tiles.
static AVX512_BF16 void block_bf16(const hs_product *product) {
    hs_product part = *product;
    if (product->anarrow && product->arow != 1) {
        part.k = (product->k + 1) / 2;
        return hs_for_each_strip(&part, 1, bf16_tile_stripxrows);
    }
    const long pairs = (product->k + 1) / 2, width = (product->arow == 1 ? product->m : pairs) + 15 & ~15l;
    float *a = hs_scratch(sizeof(float) * (width * (product->arow == 1 ? pairs : product->m) + 16));
    if (product->arow == 1) {
        if (product->anarrow)
            pack_narrow_rows(product->a, product->ainner, product->k, product->m, a, width);
        else
            pack_rows(product->a, product->ainner, product->k, product->m, a, width);
        part.ainner = width;
    } else {
        pair_rows(product->a, product->arow, product->m, product->k, a, width);
        part.arow = width;
        part.ainner = 1;
    }
    part.a = a;
    part.k = pairs;
    hs_for_each_strip(&part, 0, bf16_tile_stripxrows);
}

static AVX512_BF16 void pack_strips(const float *b, long stride, int isNarrow, long k, long n, float *packed) {
    for (long j = 0; j < n; j += HS_STRIP) {
        const long columns = n - j < HS_STRIP ? n - j : HS_STRIP, pairs = (k + 1) / 2;
        float *to = packed + j * pairs;
        if (columns <= 48)
            for (long p = 0; p < pairs; p++) memset(to + p * HS_STRIP, 0, HS_STRIP * sizeof(float));
        if (isNarrow)
            pack_narrow_rows(b + j / 2, stride, k, columns, to, HS_STRIP);
        else
            pack_rows(b + j, stride, k, columns, to, HS_STRIP);
    }
}
#endif

void hs_pack_bf16(const float *b, long stride, int transposed, long k, long n, float *packed) {
#ifdef HS_AVX512
    if (hs_has_bf16())
        return transposed ? pack_transposed(b, stride, k, n, packed) : pack_strips(b, stride, 0, k, n, packed);
#endif
    pack_scalar(b, stride, transposed, k, n, packed);
}

void hs_pack_narrow(const float *b, long stride, long k, long n, float *packed) {
#ifdef HS_AVX512
    pack_strips(b, stride, 1, k, n, packed);
#endif
}

void hs_product_bf16(const hs_product *product) {
#ifdef HS_AVX512
    hs_product_blocks(product, block_bf16, 2);
#else
    hs_product_bf16_scalar(product);
#endif
}
