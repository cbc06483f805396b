// Sixteen floats at a time, in clang's vector types: one zmm register, two ymm or four xmm, whatever the
// clone of the calling function has. Vectors travel by pointer, since a vector argument's calling convention
// depends on the target and the helpers are inlined into every clone.
#pragma once
#include <math.h>

#define LANES 16
typedef float lanes __attribute__((ext_vector_type(LANES)));
typedef double wide_lanes __attribute__((ext_vector_type(LANES)));
typedef int int_lanes __attribute__((ext_vector_type(LANES)));
/// The same in memory: any float address, any type's alias.
typedef float lanes_at __attribute__((ext_vector_type(LANES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define AT(pointer) (*(lanes_at *)(pointer))
#define FROM(pointer) (*(const lanes_at *)(pointer))

union lane_bits {
    lanes real;
    int_lanes bits;
};

/// x = exp(x) to 2 ULP where the result is a normal float. Below -87.33 the result is 0, above 88.72
/// infinity; NaN stays NaN. Not compiled with `reassociate`, which would undo the rounding trick and the
/// two-piece ln 2.
INLINE void exp_lanes(lanes *x) {
#pragma clang fp contract(fast)
    const float magic = 0x1.8p23f;  // adding it leaves round(.) in the low bits
    lanes v = *x;
    union lane_bits power = {.real = v * 0x1.715476p+0f + magic};
    lanes k = power.real - magic;
    lanes r = v - k * 0x1.62e400p-1f;
    r = r - k * 0x1.7f7d1cp-20f;
    lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    union lane_bits result = {.real = p + 1.0f};
    result.bits += power.bits << 23;
    lanes y = result.real;
    y = v < -87.33f ? (lanes)(0.0f) : y;
    y = v > 88.72f ? (lanes)(INFINITY) : y;
    *x = v == v ? y : v;
}

/// x = log(x) to 2 ULP for positive normal x; NaN stays NaN. For sums of exponentials: nothing else comes.
INLINE void log_lanes(lanes *x) {
#pragma clang fp contract(fast)
    union lane_bits v = {.real = *x};
    // Split x = 2^e m with m in [sqrt(1/2), sqrt(2)).
    int_lanes shifted = v.bits - 0x3f3504f3;
    int_lanes e = shifted >> 23;
    union lane_bits m = {.bits = (shifted & 0x007fffff) + 0x3f3504f3};
    lanes k = __builtin_convertvector(e, lanes);
    lanes f = m.real - 1.0f;
    lanes s = f / (2.0f + f);  // log m = 2 artanh s, |s| < 0.172
    lanes z = s * s;
    lanes p = z * (2.0f / 9) + (2.0f / 7);
    p = p * z + (2.0f / 5);
    p = p * z + (2.0f / 3);
    p = p * (z * s) + 2.0f * s;
    p = k * 0x1.62e400p-1f + (k * 0x1.7f7d1cp-20f + p);
    *x = v.real == v.real ? p : v.real;
}

/// x = log(1 + x) to 2 ULP for x in [0, 1]: 2 artanh(x / (2 + x)) as a series in s^2 <= 1/9.
INLINE void log1p_unit_lanes(lanes *x) {
#pragma clang fp contract(fast)
    lanes s = *x / (2.0f + *x);
    lanes z = s * s;
    lanes p = z * (2.0f / 15) + (2.0f / 13);
    p = p * z + (2.0f / 11);
    p = p * z + (2.0f / 9);
    p = p * z + (2.0f / 7);
    p = p * z + (2.0f / 5);
    p = p * z + (2.0f / 3);
    *x = p * (z * s) + 2.0f * s;
}

INLINE float sum_of_lanes(const lanes *x) {
    __attribute__((ext_vector_type(8))) float a = x->lo + x->hi;
    __attribute__((ext_vector_type(4))) float b = a.lo + a.hi;
    return (b.x + b.y) + (b.z + b.w);
}

INLINE double sum_of_wide_lanes(const wide_lanes *x) {
    __attribute__((ext_vector_type(8))) double a = x->lo + x->hi;
    __attribute__((ext_vector_type(4))) double b = a.lo + a.hi;
    return (b.x + b.y) + (b.z + b.w);
}

INLINE float largest_of_lanes(const lanes *x) {
    __attribute__((ext_vector_type(8))) float a = x->lo > x->hi ? x->lo : x->hi;
    __attribute__((ext_vector_type(4))) float b = a.lo > a.hi ? a.lo : a.hi;
    float c = b.x > b.y ? b.x : b.y, d = b.z > b.w ? b.z : b.w;
    return c > d ? c : d;
}
