// Tiles of a product in registers: R rows by V vectors of C, one pass over the inner dimension. Included once a
// number format, with MULTIPLY_ADD(sum, left, right), TILE_TARGET and TILE_NAME defined, and TILE_STORE_NARROW where C may
// be narrow; an element of A or B is what one 32-bit lane holds (a float, or a pair of bfloat16).
//
// Six rows by four vectors are 24 sums in 32 registers, for 10 loads an inner step; twelve by two are 24 for 14.

#define TILE(R, V) TILE_NAME(R, V)

/// Of the last vector only `last` lanes are read and written, unless there are four.
static inline __attribute__((always_inline)) TILE_TARGET void TILE_NAME(generic, tile)(
    const int R, const int V, const hs_tile *tile, const float *a, float *c, const float *addend, const float *gate,
    const float *ahead, const long aheadstride) {
    const __mmask16 last = tile->last;
    const float *b = tile->b;
    const long arow = tile->arow, ainner = tile->ainner, brow = tile->brow;
    __m512 sum[14][4];
    UNROLL for (int i = 0; i < R; i++)
        UNROLL for (int v = 0; v < V; v++) sum[i][v] = _mm512_setzero_ps();
    UNROLL for (int i = 0; i < R; i++)
        UNROLL for (int v = 0; v < V; v++)
            _mm_prefetch((const char *)(c + i * tile->cstride + hs_place(v * 16, tile->cnarrow)), _MM_HINT_T0);
#pragma clang loop unroll_count(4)
    for (long p = 0; p < tile->k; p++) {
        __m512 right[4];
        UNROLL for (int v = 0; v < V - 1; v++) right[v] = _mm512_loadu_ps(b + v * 16);
        right[V - 1] = V == 4 ? _mm512_loadu_ps(b + 48) : _mm512_maskz_loadu_ps(last, b + (V - 1) * 16);
        UNROLL for (int i = 0; i < R; i++) {
            __m512 left = _mm512_set1_ps(a[i * arow]);
            UNROLL for (int v = 0; v < V; v++) sum[i][v] = MULTIPLY_ADD(sum[i][v], left, right[v]);
        }
        a += ainner;
        b += brow;
        _mm_prefetch((const char *)ahead, _MM_HINT_T1);
        _mm_prefetch((const char *)(ahead + 16), _MM_HINT_T1);
        ahead += aheadstride;
    }
    UNROLL for (int v = 0; v < V; v++) {
        const int whole = V == 4 || v < V - 1;
        const __mmask16 lanes = whole ? 0xffff : last;
        if (addend)
            UNROLL for (int i = 0; i < R; i++)
                sum[i][v] = _mm512_add_ps(
                    sum[i][v], _mm512_maskz_loadu_ps(lanes, addend + i * tile->addendstride + v * 16));
        if (tile->bias) {
            __m512 bias = _mm512_maskz_loadu_ps(lanes, tile->bias + v * 16);
            UNROLL for (int i = 0; i < R; i++) sum[i][v] = _mm512_add_ps(sum[i][v], bias);
        }
        // max(0, x) gives x where x is NaN.
        if (tile->relu)
            UNROLL for (int i = 0; i < R; i++) sum[i][v] = _mm512_max_ps(_mm512_setzero_ps(), sum[i][v]);
        if (gate)
            UNROLL for (int i = 0; i < R; i++) {
                const float *from = gate + i * tile->gatestride;
                __m512 g = tile->gatenarrow ? widened(lanes, from + v * 8) : _mm512_maskz_loadu_ps(lanes, from + v * 16);
                sum[i][v] =
                    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(g, _mm512_setzero_ps(), _CMP_GT_OQ), sum[i][v]);
            }
        if (tile->cnarrow) continue;
        UNROLL for (int i = 0; i < R; i++) {
            float *to = c + i * tile->cstride + v * 16;
            if (whole || last == 0xffff)
                _mm512_storeu_ps(to, sum[i][v]);
            else
                _mm512_mask_storeu_ps(to, last, sum[i][v]);
        }
    }
#ifdef TILE_STORE_NARROW
    if (tile->cnarrow)
        UNROLL for (int v = 0; v < V; v += 2) {
            const __mmask16 low = V == 4 || v < V - 1 ? 0xffff : last;
            const __mmask16 high = v + 1 == V ? 0 : V == 4 || v + 1 < V - 1 ? 0xffff : last;
            UNROLL for (int i = 0; i < R; i++)
                TILE_STORE_NARROW(c + i * tile->cstride + v * 8, sum[i][v],
                                  v + 1 < V ? sum[i][v + 1] : _mm512_setzero_ps(), (__mmask32)high << 16 | low);
        }
#endif
}

#define ONE_TILE(R, V)                                                                                           \
    static APART TILE_TARGET void TILE(R, V)(const hs_tile *tile, const float *a, float *c, const float *addend, \
                                             const float *gate, const float *ahead, long aheadstride) {          \
        TILE_NAME(generic, tile)(R, V, tile, a, c, addend, gate, ahead, aheadstride);                            \
    }
#define SIX_TILES(V) ONE_TILE(1, V) ONE_TILE(2, V) ONE_TILE(3, V) ONE_TILE(4, V) ONE_TILE(5, V) ONE_TILE(6, V)
#define SIX_MORE(V) ONE_TILE(7, V) ONE_TILE(8, V) ONE_TILE(9, V) ONE_TILE(10, V) ONE_TILE(11, V) ONE_TILE(12, V)
SIX_TILES(4)
SIX_TILES(3)
ONE_TILE(7, 3)
ONE_TILE(8, 3)
SIX_TILES(2)
SIX_MORE(2)
SIX_TILES(1)
SIX_MORE(1)

#define SIX_NAMES(V) TILE(1, V), TILE(2, V), TILE(3, V), TILE(4, V), TILE(5, V), TILE(6, V)
#define SIX_MORE_NAMES(V) TILE(7, V), TILE(8, V), TILE(9, V), TILE(10, V), TILE(11, V), TILE(12, V)

/// Rows [0, m), at least one, of 1 to 48 or of 64 columns.
static TILE_TARGET void TILE_NAME(strip, rows)(const hs_tile *tile, long m, long columns, const float *a, float *c,
                                               const float *addend, const float *gate) {
    static void (*const tiles[4][12])(const hs_tile *, const float *, float *, const float *, const float *,
                                      const float *, long) = {
        {SIX_NAMES(1), SIX_MORE_NAMES(1)},
        {SIX_NAMES(2), SIX_MORE_NAMES(2)},
        {SIX_NAMES(3), TILE(7, 3), TILE(8, 3)},
        {SIX_NAMES(4)},
    };
    static const long most[4] = {12, 12, 8, 6};
    const long vectors = (columns + 15) / 16 - 1, full = most[vectors];
    // A last tile of less than eight sums would wait for its own additions: then all tiles are about as large.
    const long count = vectors == 3 ? (m + 5) / 6 : vectors == 2 ? (m + 7) / 8 : (m + 11) / 12;
    const int isEven = (m - (count - 1) * full) * (vectors + 1) < 8;
    const long least = isEven ? m / count : full, larger = isEven ? m - least * count : 0;
    for (long i = 0, number = 0, asked = 0, rows; i < m; i += rows, number++) {
        rows = number < larger ? least + 1 : m - i < least ? m - i : least;
        hs_ahead ahead = {tile->b, 0};
        if (tile->walksa && tile->arow > 1 && number % 2 == 0)
            ahead = (hs_ahead){a + (i + rows) * tile->arow, 16};
        else if (tile->walksa && tile->arow == 1 && i % 32 < rows && i / 32 * 32 + 32 < m)
            ahead = (hs_ahead){a + i / 32 * 32 + 32, tile->ainner};  // the two lines after those of these tiles
        else if (asked < HS_AHEAD && tile->ahead[asked].from)
            ahead = tile->ahead[asked++];
        else if (tile->walk && tile->walk->asked < tile->walk->count) {
            ahead = (hs_ahead){tile->walk->from + tile->walk->asked, 16};
            tile->walk->asked += 16 * tile->k;
        }
        tiles[vectors][rows - 1](tile, a + i * tile->arow, c + i * tile->cstride,
                                 addend ? addend + i * tile->addendstride : 0,
                                 gate ? gate + i * tile->gatestride : 0, ahead.from, ahead.stride);
    }
}

#undef ONE_TILE
#undef SIX_TILES
#undef SIX_MORE
#undef SIX_NAMES
#undef SIX_MORE_NAMES
#undef TILE
