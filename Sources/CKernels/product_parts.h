// What the two number formats of products share.
#pragma once
#include "avx512.h"
#include "include/product.h"

/// Multiply-adds before a sum is put down and a new one begun: keeps a strip of B in the second-level cache, and
/// rounding errors from growing with the length of a sum.
#define HS_INNER_BLOCK 512
/// The same where both A and B are read as they are, down their rows: what a tile of LONG_STRIP columns reads of them is to
/// stay in the first-level cache.
#define HS_LONG_INNER_BLOCK 256
#define HS_LONG_STRIP 32
/// Elements of A that are worked on at a time.
#define HS_LEFT_BLOCK (1l << 16)

typedef void hs_block_function(const hs_product *);
/// Cuts a product into blocks that a kernel takes as they are; a row of B holds `innerPerRow` inner indices.
void hs_product_blocks(const hs_product *product, hs_block_function *block, long innerPerRow);

/// Where column `j` of a row begins, in floats' places.
static inline long hs_place(long j, int isNarrow) { return isNarrow ? j / 2 : j; }

/// What becomes of one sum.
static inline float hs_product_finish(const hs_product *product, long i, long j, float sum) {
    if (product->addend) sum += product->addend[i * product->addendstride + j];
    if (product->bias) sum += product->bias[j];
    if (product->relu && sum < 0) sum = 0;
    if (product->gate && !(product->gate[i * product->gatestride + j] > 0)) sum = 0;
    return sum;
}

#ifdef HS_AVX512
/// Rows [0, m) of 1 to 48 or of 64 columns.
AVX512 void hs_tile_rows(const hs_tile *tile, long m, long columns, const float *a, float *c, const float *addend,
                         const float *gate);

/// Calls `rows` for each strip of columns that it can take: 64, or up to 48. `walksa`: see `hs_tile`.
AVX512_INLINE void hs_for_each_strip(const hs_product *product, int walksa,
                                     void (*rows)(const hs_tile *, long, long, const float *, float *, const float *,
                                                  const float *)) {
    // A transposed A and the B beside it are long and thin, and their rows lie too far apart for the processor to look
    // ahead by itself. Tiles of twelve rows take three quarters of a line of A, and half a strip of B is a longer one in
    // the first-level cache. Otherwise B is packed and stays in the caches, and A is read in its order.
    const int isLong = product->arow == 1 && product->bstrip == HS_STRIP;
    long j = 0;
    while (j < product->n) {
        const long inStrip = j % HS_STRIP, left = product->n - j;
        const long columns = isLong && left >= HS_LONG_STRIP    ? HS_LONG_STRIP
                             : left >= HS_STRIP && inStrip == 0 ? HS_STRIP
                             : left > 48                        ? 48
                                                                : left;
        hs_tile tile = {
            .b = product->b + j / HS_STRIP * product->bstrip + inStrip,
            .k = product->k,
            .arow = product->arow,
            .ainner = product->ainner,
            .brow = product->brow,
            .cstride = product->cstride,
            .addendstride = product->addendstride,
            .gatestride = product->gatestride,
            .bias = product->bias ? product->bias + j : 0,
            .relu = product->relu,
            .cnarrow = product->cnarrow,
            .gatenarrow = product->gatenarrow,
            .last = FIRST_LANES(columns - (columns - 1) / 16 * 16),
        };
        tile.walksa = walksa && j == 0 && product->arow < 2 * product->k;
        tile.walk = product->next;
        if (isLong) {
            const int isLast = j + columns >= product->n;
            const float *b = isLast ? product->b + product->k * product->brow : product->b + j + columns;
            const float *a = isLast ? product->a + product->k * product->ainner : 0;
            tile.ahead[0] = (hs_ahead){b, product->brow};
            if (a)
                for (int i = 0; i < 2; i++) tile.ahead[1 + i] = (hs_ahead){a + 32 * i, product->ainner};
        }
        rows(&tile, product->m, columns, product->a, product->c + hs_place(j, product->cnarrow),
             product->addend ? product->addend + j : 0,
             product->gate ? product->gate + hs_place(j, product->gatenarrow) : 0);
        j += columns;
    }
}
#endif
