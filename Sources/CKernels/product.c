// Matrix products of float32, block by block; the scalar twin; packing.
#include "include/product.h"

#include <math.h>
#include <string.h>

#include "avx512.h"
#include "product_parts.h"
#include "scratch.h"

int hs_has_avx512(void) {
#ifdef HS_AVX512
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

static long strips(long n) { return (n + HS_STRIP - 1) / HS_STRIP; }

long hs_packed_count(long k, long n) { return strips(n) * HS_STRIP * k; }

void hs_product_blocks(const hs_product *product, hs_block_function *block, long innerPerRow) {
    hs_product part = *product;
    const int isTransposed = product->arow == 1;
    long inner = innerPerRow == 1 && isTransposed ? HS_LONG_INNER_BLOCK : HS_INNER_BLOCK;
    if (product->cnarrow && product->k > inner) inner = product->k;  // no sum can be put down in a narrow C
    for (long p = 0; p == 0 || p < product->k; p += inner) {
        const long k = product->k - p < inner ? product->k - p : inner;
        const int isLast = p + k == product->k;
        // What A holds of a block of rows is to stay in the second-level cache while strips of B go by.
        // It is cut after whole tiles, be they of 6, 8 or 12 rows.
        const long rows = k > 0 && HS_LEFT_BLOCK / k > 48 ? HS_LEFT_BLOCK / k / 24 * 24 : 48;
        for (long i = 0; i < product->m; i += rows) {
            part.m = product->m - i < rows ? product->m - i : rows;
            part.k = k;
            part.a = product->a + (isTransposed ? hs_place(i, product->anarrow) + p * product->ainner
                                                : i * product->arow + hs_place(p, product->anarrow));
            part.b = product->b + p / innerPerRow * product->brow;
            part.c = product->c + i * product->cstride;
            part.addend = p > 0 ? part.c : product->addend ? product->addend + i * product->addendstride : 0;
            part.addendstride = p > 0 ? product->cstride : product->addendstride;
            part.bias = isLast ? product->bias : 0;
            part.relu = isLast && product->relu;
            part.gate = isLast && product->gate ? product->gate + i * product->gatestride : 0;
            block(&part);
        }
    }
}

static void block_scalar(const hs_product *product) {
    for (long i = 0; i < product->m; i++)
        for (long j = 0; j < product->n; j++) {
            const float *a = product->a + i * product->arow, *b = product->b + j / HS_STRIP * product->bstrip + j % HS_STRIP;
            float sum = 0;
            for (long p = 0; p < product->k; p++) sum = fmaf(a[p * product->ainner], b[p * product->brow], sum);
            product->c[i * product->cstride + j] = hs_product_finish(product, i, j, sum);
        }
}

void hs_product_scalar(const hs_product *product) { hs_product_blocks(product, block_scalar, 1); }

#ifdef HS_AVX512

#define MULTIPLY_ADD(sum, left, right) _mm512_fmadd_ps(left, right, sum)
#define TILE_TARGET AVX512
#define TILE_NAME(R, V) tile_##R##x##V
#include "tiles.h"

AVX512 void hs_tile_rows(const hs_tile *tile, long m, long columns, const float *a, float *c, const float *addend,
                         const float *gate) {
    tile_stripxrows(tile, m, columns, a, c, addend, gate);
}

static AVX512 void block_avx512(const hs_product *product) { hs_for_each_strip(product, 1, tile_stripxrows); }

static AVX512 void pack_transposed(const float *b, long stride, long k, long n, float *packed) {
    for (long j = 0; j < strips(n) * HS_STRIP; j += 16) {
        float *to = packed + j / HS_STRIP * HS_STRIP * k + j % HS_STRIP;
        for (long p = 0; p < k; p += 16) {
            __m512 rows[16];
            const __mmask16 there = FIRST_LANES(k - p);
            // Sixteen rows at a time, and lines four apart, are more than the processor looks ahead in by itself.
            UNROLL for (int l = 0; l < 16; l++) __builtin_prefetch(to + (p + 16 + l) * HS_STRIP, 1);
            UNROLL for (int l = 0; l < 16; l++) _mm_prefetch((const char *)(b + (j + l) * stride + p + 48), _MM_HINT_T0);
            UNROLL for (int l = 0; l < 16; l++)
                rows[l] = j + l < n ? _mm512_maskz_loadu_ps(there, b + (j + l) * stride + p) : _mm512_setzero_ps();
            transpose_lanes(rows);
            if (k - p >= 16) {
                UNROLL for (int l = 0; l < 16; l++) _mm512_storeu_ps(to + (p + l) * HS_STRIP, rows[l]);
            } else {
                for (long l = 0; l < k - p; l++) _mm512_storeu_ps(to + (p + l) * HS_STRIP, rows[l]);
            }
        }
    }
}
#endif

static void pack_scalar(const float *b, long stride, int transposed, long k, long n, float *packed) {
    for (long j = 0; j < strips(n) * HS_STRIP; j++)
        for (long p = 0; p < k; p++)
            packed[j / HS_STRIP * HS_STRIP * k + p * HS_STRIP + j % HS_STRIP] =
                j >= n ? 0 : transposed ? b[j * stride + p] : b[p * stride + j];
}

void hs_pack_f32(const float *b, long stride, int transposed, long k, long n, float *packed) {
#ifdef HS_AVX512
    if (transposed && hs_has_avx512()) return pack_transposed(b, stride, k, n, packed);
#endif
    pack_scalar(b, stride, transposed, k, n, packed);
}

void hs_product_f32(const hs_product *product) {
#ifdef HS_AVX512
    hs_product_blocks(product, block_avx512, 1);
#else
    hs_product_scalar(product);
#endif
}

void hs_multiply_f32(long m, long n, long k, const float *a, long astride, int ta, const float *b, long bstride, int tb,
                     int accumulates, float *c, long cstride) {
    hs_product product = {
        .m = m,
        .n = n,
        .k = k,
        .a = a,
        .arow = ta ? 1 : astride,
        .ainner = ta ? astride : 1,
        .b = b,
        .brow = bstride,
        .bstrip = HS_STRIP,
        .c = c,
        .cstride = cstride,
        .addend = accumulates ? c : 0,
        .addendstride = cstride,
    };
    if (tb) {
        float *packed = hs_scratch(sizeof(float) * hs_packed_count(k, n));
        hs_pack_f32(b, bstride, 1, k, n, packed);
        product.b = packed;
        product.brow = HS_STRIP;
        product.bstrip = HS_STRIP * k;
    }
    hs_product_f32(&product);
}
